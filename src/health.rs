//! `weir health`: asks a running role whether it is ready. For containers, whose health checks
//! should need neither a shell nor curl, and for people who want to know what is up.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args as ClapArgs;

use crate::development::address;
use crate::error::Error;

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir health
  weir health http://127.0.0.1:9080/readyz
Exit status: 0 if everything that answers is ready, 1 if not or if nothing answers.";

/// A role answers at once or is stuck; whoever asks has a limit of its own, usually of some
/// seconds.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The operations address of each role: its variable, and where it is otherwise.
const ROLES: [(&str, &str, &str); 5] = [
    ("gateway", "WEIR_GATEWAY_OPS_LISTEN", address::GATEWAY_OPS),
    ("limiter", "WEIR_LIMITER_OPS_LISTEN", address::LIMITER_OPS),
    ("backend", "WEIR_BACKEND_OPS_LISTEN", address::BACKEND_OPS),
    (
        "identity",
        "WEIR_IDENTITY_OPS_LISTEN",
        address::IDENTITY_OPS,
    ),
    ("web", "WEIR_WEB_OPS_LISTEN", address::WEB_OPS),
];

/// The flags of `weir health`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// What to ask, such as /readyz of a role's operations port; default: the operations ports of
    /// all roles on this machine, of which at least one has to answer
    #[arg(value_name = "URL")]
    url: Option<String>,
}

/// What asking brought.
#[derive(Debug)]
enum Health {
    /// 2xx.
    Ready(String),
    /// Any other answer, or none where there should be one.
    NotReady(String),
    /// Nobody listens.
    Absent,
}

/// Why the exit status is 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HealthError {
    #[error("not ready: {0}")]
    NotReady(String),
    #[error(
        "no role of weir runs here: nothing answers on {0}.\nStart one, or say what to ask: weir health URL"
    )]
    Nobody(String),
    #[error("cannot ask: {0}")]
    Client(#[source] reqwest::Error),
}

/// Asks, and prints a line for every answer.
#[allow(clippy::print_stdout)] // the command's output
pub(crate) async fn run(args: Args) -> Result<(), Error> {
    let client = client()?;
    let explicit = args.url.is_some();
    let targets = match args.url {
        Some(url) => vec![(url.clone(), url)],
        None => roles(|variable| std::env::var(variable).ok()),
    };
    let mut answers = Vec::new();
    for (name, url) in &targets {
        answers.push((name.as_str(), ask(&client, url, explicit).await));
    }
    for (name, health) in &answers {
        if !matches!(health, Health::Absent) {
            println!("{name}: {health}");
        }
    }
    Ok(verdict(&targets, &answers)?)
}

/// Asks roles whether they are ready. Directly: a proxy of the environment would look for them on
/// its own machine.
pub(crate) fn client() -> Result<reqwest::Client, HealthError> {
    reqwest::Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .build()
        .map_err(HealthError::Client)
}

/// The name and the readiness address of every role on this machine.
fn roles(variable: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let of_role = |(role, name, default): (&str, &str, &str)| {
        let listen = variable(name).unwrap_or_else(|| default.to_owned());
        // A value that the role itself refuses needs no words from here.
        let at = reachable(listen.parse().ok()?);
        Some((role.to_owned(), format!("http://{at}/readyz")))
    };
    ROLES.into_iter().filter_map(of_role).collect()
}

/// Where somebody on this machine finds a listener on `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn ask(client: &reqwest::Client, url: &str, explicit: bool) -> Health {
    match client.get(url).send().await {
        Ok(response) => {
            let status = response.status();
            // Readiness fits on a few lines; the whole answer of another address may not.
            let text = response.text().await.unwrap_or_default();
            let line = text
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .chars()
                .take(500)
                .collect::<String>();
            if status.is_success() {
                Health::Ready(line)
            } else {
                Health::NotReady(format!("{} {line}", status.as_u16()))
            }
        }
        Err(error) if error.is_connect() && !explicit => Health::Absent,
        Err(error) => Health::NotReady(error.without_url().to_string()),
    }
}

fn verdict(targets: &[(String, String)], answers: &[(&str, Health)]) -> Result<(), HealthError> {
    if let Some((name, _)) = answers
        .iter()
        .find(|(_, health)| matches!(health, Health::NotReady(_)))
    {
        return Err(HealthError::NotReady((*name).to_owned()));
    }
    if answers
        .iter()
        .any(|(_, health)| matches!(health, Health::Ready(_)))
    {
        return Ok(());
    }
    let asked: Vec<&str> = targets.iter().map(|(_, url)| url.as_str()).collect();
    Err(HealthError::Nobody(asked.join(", ")))
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(text) if text.is_empty() => f.write_str("ready"),
            Self::Ready(text) | Self::NotReady(text) => f.write_str(text),
            Self::Absent => f.write_str("not running"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn roles_are_asked_where_they_listen() {
        let targets = roles(|name| match name {
            "WEIR_GATEWAY_OPS_LISTEN" => Some("0.0.0.0:1234".to_owned()),
            "WEIR_LIMITER_OPS_LISTEN" => Some("[::]:99".to_owned()),
            "WEIR_WEB_OPS_LISTEN" => Some("nowhere".to_owned()),
            _ => None,
        });
        let urls: Vec<&str> = targets.iter().map(|(_, url)| url.as_str()).collect();
        assert_eq!(
            urls,
            [
                "http://127.0.0.1:1234/readyz",
                "http://[::1]:99/readyz",
                "http://127.0.0.1:9071/readyz",
                "http://127.0.0.1:9091/readyz"
            ]
        );
    }

    #[test]
    fn one_role_that_is_not_ready_is_enough() {
        let ready = || ("a", Health::Ready(String::new()));
        assert!(verdict(&[], &[ready(), ("b", Health::Absent)]).is_ok());
        let not = ("b", Health::NotReady("503".to_owned()));
        assert!(
            matches!(verdict(&[], &[ready(), not]), Err(HealthError::NotReady(name)) if name == "b")
        );
        assert!(matches!(
            verdict(&[], &[("a", Health::Absent)]),
            Err(HealthError::Nobody(_))
        ));
    }
}
