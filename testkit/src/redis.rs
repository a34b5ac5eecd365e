//! A real Redis server on a port of its own.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::{Process, Signal};
use crate::wait::free_port;

/// How long a start may take on a machine under load.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A `redis-server` with a data directory of its own; ends when dropped.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    port: u16,
    append_only: bool,
    directory: TempDir,
}

impl Redis {
    /// Starts a server that keeps nothing on disk.
    ///
    /// # Panics
    /// If `redis-server` is not installed or does not answer.
    #[must_use]
    pub fn start() -> Self {
        Self::launch(false)
    }

    /// Starts a server that writes every change to its append-only file before it answers.
    ///
    /// # Panics
    /// As [`Redis::start`].
    #[must_use]
    pub fn start_with_aof() -> Self {
        Self::launch(true)
    }

    /// `redis://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
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
        self.process.kill();
        let start = Instant::now();
        loop {
            self.process = spawn(self.port, self.append_only, &self.directory);
            if wait_until_ready(&mut self.process, self.port) {
                return;
            }
            assert!(start.elapsed() < START_LIMIT, "redis-server did not come back on port {}", self.port);
        }
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
        let mut connection = self.connection();
        let info: String = redis::cmd("INFO").arg("commandstats").query(&mut connection).expect("INFO answers");
        let prefix = format!("cmdstat_{command}:calls=");
        info.lines()
            .find_map(|line| line.strip_prefix(&prefix))
            .and_then(|rest| rest.split(',').next()?.parse().ok())
            .unwrap_or(0)
    }

    /// A blocking connection of its own.
    ///
    /// # Panics
    /// If the server does not accept.
    #[must_use]
    pub fn connection(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).expect("the URL is well-formed");
        client.get_connection_with_timeout(START_LIMIT).expect("redis-server accepts connections")
    }

    fn launch(append_only: bool) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let start = Instant::now();
        loop {
            // Another test may take the port first: then the server ends at once and the next port is tried.
            let port = free_port();
            let mut process = spawn(port, append_only, &directory);
            if wait_until_ready(&mut process, port) {
                return Self { process, port, append_only, directory };
            }
            assert!(
                start.elapsed() < START_LIMIT,
                "redis-server does not start: is it installed (apt install redis-server)?"
            );
        }
    }
}

fn spawn(port: u16, append_only: bool, directory: &TempDir) -> Process {
    Process::start("redis-server", |command| {
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"])
            .args(["--appendonly", if append_only { "yes" } else { "no" }, "--appendfsync", "always"])
            .arg("--dir")
            .arg(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
    })
}

/// Whether *this* server answers (and not another one that owns the port).
fn wait_until_ready(process: &mut Process, port: u16) -> bool {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).expect("the URL is well-formed");
    let start = Instant::now();
    while start.elapsed() < START_LIMIT && !process.has_ended() {
        let answer = client
            .get_connection_with_timeout(Duration::from_secs(1))
            .and_then(|mut connection| redis::cmd("INFO").arg("server").query::<String>(&mut connection));
        match answer {
            Ok(info) => return info.lines().any(|line| line.trim() == format!("process_id:{}", process.id())),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn append_only_data_survives_a_kill() {
        let mut server = Redis::start_with_aof();
        let () = redis::cmd("SET").arg("k").arg("v").query(&mut server.connection()).unwrap();
        server.kill();
        server.restart();
        let value: String = redis::cmd("GET").arg("k").query(&mut server.connection()).unwrap();
        assert_eq!(value, "v");
        assert_eq!(server.calls_of("get"), 1);
    }
}
