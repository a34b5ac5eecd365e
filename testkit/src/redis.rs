//! A Redis server of the test's own.

mod cluster;
mod sentinel;

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use redis::{Client, TlsCertificates};
use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::process::{Process, Signal};
use crate::wait::free_port;

pub use cluster::RedisCluster;
pub use sentinel::RedisSentinel;

/// How long a start may take on a machine under load.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A `redis-server` with a data directory of its own; ends when dropped.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    port: u16,
    arguments: Vec<String>,
    certificates: Option<Certificates>,
    directory: TempDir,
}

impl Redis {
    /// Starts a server that keeps nothing on disk.
    ///
    /// # Panics
    /// If `redis-server` is not installed or does not answer.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server that writes every change to its append-only file before it answers.
    ///
    /// # Panics
    /// As [`Redis::start`].
    #[must_use]
    pub fn start_with_aof() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts a server with arguments of its own.
    ///
    /// # Panics
    /// As [`Redis::start`].
    #[must_use]
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::launch(arguments, None)
    }

    /// Starts a server that speaks TLS only.
    ///
    /// # Panics
    /// As [`Redis::start`], and if it is built without TLS.
    #[must_use]
    pub fn start_with_tls(certificates: &Certificates, arguments: &[&str]) -> Self {
        Self::launch(arguments, Some(certificates.clone()))
    }

    /// `redis://127.0.0.1:PORT`, or `rediss://…`.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.certificates.is_some() {
            "rediss"
        } else {
            "redis"
        };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends it with `SIGKILL`; the data directory stays.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same port and data directory, after [`Redis::kill`].
    ///
    /// # Panics
    /// If it does not come back.
    pub fn restart(&mut self) {
        self.restart_unready();
        let start = Instant::now();
        while !self.wait_until_ready() {
            assert!(
                start.elapsed() < START_LIMIT,
                "redis-server did not come back on port {}",
                self.port
            );
            self.restart_unready();
        }
    }

    /// As [`Redis::restart`], with more arguments from now on, and without waiting for an answer.
    pub fn restart_unready_with(&mut self, arguments: &[&str]) {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self.restart_unready();
    }

    /// Freezes it (`SIGSTOP`): connections stay, nothing answers.
    pub fn pause(&self) {
        self.process.signal(Signal::Stop);
    }

    /// Lets it go on after [`Redis::pause`].
    pub fn resume(&self) {
        self.process.signal(Signal::Cont);
    }

    /// How often a command was processed, e.g. `evalsha`, from `INFO commandstats`.
    ///
    /// # Panics
    /// If the server does not answer.
    #[must_use]
    pub fn calls_of(&self, command: &str) -> u64 {
        let line = self.info("commandstats", &format!("cmdstat_{command}"));
        let calls =
            line.and_then(|rest| rest.strip_prefix("calls=")?.split(',').next()?.parse().ok());
        calls.unwrap_or(0)
    }

    /// A field of a section of `INFO`.
    ///
    /// # Panics
    /// If the server does not answer.
    #[must_use]
    pub fn info(&self, section: &str, field: &str) -> Option<String> {
        // A server that changes its role hangs up on its clients once.
        let ask = || {
            redis::cmd("INFO")
                .arg(section)
                .query::<String>(&mut self.connection())
        };
        let info = ask().or_else(|_| ask()).expect("INFO answers");
        let value = info
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.map(|value| value.trim().to_owned())
    }

    /// Runs one command, its words separated by blanks.
    ///
    /// # Panics
    /// If the server refuses it.
    pub fn run<T: redis::FromRedisValue>(&self, command: &str) -> T {
        let words: Vec<&str> = command.split_whitespace().collect();
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command
            .query(&mut self.connection())
            .unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// A blocking connection of its own.
    ///
    /// # Panics
    /// If the server does not accept.
    #[must_use]
    pub fn connection(&self) -> redis::Connection {
        self.client()
            .get_connection_with_timeout(START_LIMIT)
            .expect("redis-server accepts connections")
    }

    fn client(&self) -> Client {
        let client = match &self.certificates {
            Some(certificates) => {
                let root_cert = Some(certificates.authority().to_vec());
                Client::build_with_tls(
                    self.url(),
                    TlsCertificates {
                        client_tls: None,
                        root_cert,
                    },
                )
            }
            None => Client::open(self.url()),
        };
        client.expect("the URL is well-formed")
    }

    fn launch(arguments: &[&str], certificates: Option<Certificates>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let arguments: Vec<String> = arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        let start = Instant::now();
        let port = free_port();
        let process = spawn(port, &arguments, certificates.as_ref(), &directory);
        let mut server = Self {
            process,
            port,
            arguments,
            certificates,
            directory,
        };
        // Another test may take the port first: then the server ends at once and the next port is
        // tried.
        while !server.wait_until_ready() {
            assert!(
                start.elapsed() < START_LIMIT,
                "redis-server does not start: is it installed (apt install redis-server)?"
            );
            server.port = free_port();
            server.restart_unready();
        }
        server
    }

    fn restart_unready(&mut self) {
        self.process.kill();
        self.process = spawn(
            self.port,
            &self.arguments,
            self.certificates.as_ref(),
            &self.directory,
        );
    }

    /// Whether *this* server answers (and not another one that owns the port).
    fn wait_until_ready(&mut self) -> bool {
        let client = self.client();
        let start = Instant::now();
        while start.elapsed() < START_LIMIT && !self.process.has_ended() {
            let answer = client
                .get_connection_with_timeout(Duration::from_secs(1))
                .and_then(|mut connection| {
                    redis::cmd("INFO")
                        .arg("server")
                        .query::<String>(&mut connection)
                });
            match answer {
                Ok(info) => {
                    return info
                        .lines()
                        .any(|line| line.trim() == format!("process_id:{}", self.process.id()));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        false
    }
}

fn spawn(
    port: u16,
    arguments: &[String],
    certificates: Option<&Certificates>,
    directory: &TempDir,
) -> Process {
    Process::start("redis-server", |command| {
        let listen = port.to_string();
        command.args(["--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"]);
        match certificates {
            Some(certificates) => {
                command.args([
                    "--port",
                    "0",
                    "--tls-port",
                    &listen,
                    "--tls-auth-clients",
                    "no",
                ]);
                command
                    .arg("--tls-cert-file")
                    .arg(certificates.certificate_file());
                command.arg("--tls-key-file").arg(certificates.key_file());
                command
                    .arg("--tls-ca-cert-file")
                    .arg(certificates.authority_file());
                command.args(["--tls-replication", "yes", "--tls-cluster", "yes"]);
            }
            None => {
                command.args(["--port", &listen]);
            }
        }
        command
            .arg("--dir")
            .arg(directory.path())
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn append_only_data_survives_a_kill() {
        let mut server = Redis::start_with_aof();
        let () = server.run("SET k v");
        server.kill();
        server.restart();
        assert_eq!(server.run::<String>("GET k"), "v");
        assert_eq!(server.calls_of("get"), 1);
    }

    #[test]
    fn tls_is_spoken_to_who_believes_the_authority() {
        let certificates = Certificates::new();
        let server = Redis::start_with_tls(&certificates, &[]);
        assert_eq!(server.run::<String>("PING"), "PONG");
        let stranger = Client::open(server.url()).unwrap();
        assert!(stranger.get_connection_with_timeout(START_LIMIT).is_err());
    }
}
