//! What a run is told, and whether it makes sense.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

use crate::addresses::{AddressMode, Addresses};
use crate::caps;
use crate::stages::{Schedule, Stage};
use crate::subjects::Subjects;
use crate::verify::Limit;

/// Everything a run needs to know.
#[derive(Debug)]
pub struct Config {
    /// Where the load goes; each request takes one by chance.
    pub targets: Vec<Url>,
    /// How much, when.
    pub stages: Vec<Stage>,
    /// Which protocol.
    pub http: HttpVersion,
    /// The method of all requests.
    pub method: Method,
    /// Headers of all requests.
    pub headers: HeaderMap,
    /// The body of all requests.
    pub body: Bytes,
    /// Whose requests they are.
    pub subjects: Subjects,
    /// Where they come from.
    pub addresses: Addresses,
    /// The most connections open at once.
    pub connections: usize,
    /// The most requests under way at once.
    pub max_in_flight: usize,
    /// How long a request may take from when it was sent.
    pub timeout: Duration,
    /// How much later than due a request is still sent.
    pub patience: Duration,
    /// The limits to judge by, in the order in which the target checks them.
    pub limits: Vec<Limit>,
    /// The caller says that public targets are his own.
    pub own_targets: bool,
    /// Whether to show the progress, on standard error.
    pub progress: bool,
}

/// Which protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpVersion {
    /// HTTP/1.1, one request per connection at a time.
    #[default]
    Http1,
    /// HTTP/2 without TLS and without asking first ("prior knowledge").
    Http2,
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

/// What does not make sense.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(Vec<String>);

impl Config {
    /// The schedule, or everything that is wrong.
    pub(crate) fn check(&self) -> Result<Schedule, ConfigError> {
        let mut wrong = Vec::new();
        let mut at_most = |what: &str, given: f64, most: f64| {
            if given > most {
                wrong.push(format!("{what}: at most {most}, got {given}"));
            }
        };
        at_most("targets", self.targets.len() as f64, caps::TARGETS as f64);
        at_most("--users", self.subjects.users() as f64, caps::USERS as f64);
        at_most(
            "--addresses",
            f64::from(self.addresses.count),
            f64::from(caps::ADDRESSES),
        );
        at_most(
            "--connections",
            self.connections as f64,
            caps::IN_FLIGHT as f64,
        );
        at_most(
            "--max-in-flight",
            self.max_in_flight as f64,
            caps::IN_FLIGHT as f64,
        );
        at_most("bytes of --body", self.body.len() as f64, caps::BODY as f64);
        at_most("--verify", self.limits.len() as f64, caps::LIMITS as f64);
        for stage in &self.stages {
            at_most("--rate (requests/s)", stage.rate, caps::RATE);
        }
        let schedule = Schedule::new(&self.stages);
        at_most(
            "all stages together (seconds)",
            schedule.duration().as_secs_f64(),
            caps::DURATION.as_secs_f64(),
        );
        self.check_sense(&schedule, &mut wrong);
        if wrong.is_empty() {
            Ok(schedule)
        } else {
            Err(ConfigError(wrong))
        }
    }

    fn check_sense(&self, schedule: &Schedule, wrong: &mut Vec<String>) {
        if self.targets.is_empty() {
            wrong.push(
                "no target: name at least one URL, such as http://localhost:8080/hello".to_owned(),
            );
        }
        if self
            .stages
            .iter()
            .any(|stage| !stage.rate.is_finite() || stage.rate < 0.0)
        {
            wrong.push(
                "--rate: write a number of requests per second, such as 50 or 0.5".to_owned(),
            );
        }
        if self.stages.iter().any(|stage| stage.ramp > stage.duration) {
            wrong.push("a ramp is part of its stage and cannot be longer than it".to_owned());
        }
        if schedule.total() == 0 {
            wrong
                .push("these stages send no request at all: raise a rate or a duration".to_owned());
        }
        if self.connections == 0 || self.max_in_flight == 0 {
            wrong.push("--connections and --max-in-flight: at least 1".to_owned());
        }
        if !self.limits.is_empty() && schedule.total() > caps::JUDGED_REQUESTS {
            let (most, total) = (caps::JUDGED_REQUESTS, schedule.total());
            wrong.push(format!(
                "--verify remembers every request, at most {most}; these stages send {total}"
            ));
        }
        if self.addresses.mode == AddressMode::Own && self.addresses.count > 1 {
            wrong.push("--addresses needs a way to show them".to_owned());
        }
        let lanes = self.targets.len().saturating_mul(self.lanes_per_target());
        if self.http == HttpVersion::Http2 && lanes > self.connections {
            wrong.push(format!(
                "HTTP/2 keeps a connection for every address and target: --connections must be at least {lanes}"
            ));
        }
    }

    /// Connections to one target that cannot replace each other.
    pub(crate) fn lanes_per_target(&self) -> usize {
        if self.addresses.are_per_connection() {
            self.addresses.len() as usize
        } else {
            1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::KeyKind;

    fn config() -> Config {
        Config {
            targets: vec!["http://localhost:8080/hello".parse().unwrap()],
            stages: vec![Stage {
                rate: 50.0,
                duration: Duration::from_secs(30),
                ramp: Duration::ZERO,
            }],
            http: HttpVersion::Http1,
            method: Method::GET,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            subjects: Subjects::Anonymous,
            addresses: Addresses::default(),
            connections: 100,
            max_in_flight: 100,
            timeout: Duration::from_secs(10),
            patience: Duration::from_secs(1),
            limits: Vec::new(),
            own_targets: false,
            progress: false,
        }
    }

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        let mut config = config();
        change(&mut config);
        config.check().expect_err("it makes no sense").to_string()
    }

    #[test]
    fn a_sensible_run_is_taken() {
        assert_eq!(config().check().unwrap().total(), 1500);
    }

    #[test]
    fn everything_has_a_cap_and_all_that_is_wrong_is_told_at_once() {
        let message = refused(|c| {
            c.stages[0].rate = 1e9;
            c.connections = 1_000_000;
            c.addresses = Addresses {
                count: 1_000_000,
                mode: AddressMode::Source,
            };
        });
        for part in [
            "--rate (requests/s): at most 100000",
            "--connections: at most",
            "--addresses: at most 65536",
        ] {
            assert!(message.contains(part), "{message}");
        }
        assert!(refused(|c| c.stages[0].duration = Duration::from_hours(25)).contains("86400"));
    }

    #[test]
    fn what_sends_nothing_or_remembers_too_much_is_refused() {
        assert!(refused(|c| c.stages[0].rate = 0.0).contains("no request"));
        assert!(refused(|c| c.stages[0].rate = f64::NAN).contains("number"));
        let limit = Limit {
            calls: 1,
            period: Duration::from_secs(1),
            key: KeyKind::All,
            tolerance: Limit::DEFAULT_TOLERANCE,
        };
        let message = refused(|c| {
            c.limits.push(limit);
            c.stages[0].rate = 50_000.0;
            c.stages[0].duration = Duration::from_secs(300);
        });
        assert!(message.contains("--verify"), "{message}");
    }

    #[test]
    fn http_2_keeps_a_connection_per_address() {
        let message = refused(|c| {
            c.http = HttpVersion::Http2;
            c.addresses = Addresses {
                count: 200,
                mode: AddressMode::Source,
            };
        });
        assert!(message.contains("at least 200"), "{message}");
    }
}
