//! A master, its replica and three Sentinels, all real.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;

use super::cluster::until;
use super::{Redis, START_LIMIT};
use crate::certificates::Certificates;
use crate::process::Process;
use crate::wait::free_port;

/// The name the Sentinels know the master by.
const NAME: &str = "mymaster";
const SENTINELS: usize = 3;

/// One master with one replica, watched by three Sentinels; ends when dropped.
#[derive(Debug)]
pub struct RedisSentinel {
    servers: [Redis; 2],
    sentinels: Vec<Sentinel>,
    tls: bool,
}

#[derive(Debug)]
struct Sentinel {
    process: Process,
    port: u16,
    _directory: TempDir,
}

impl RedisSentinel {
    /// Starts them. The master is held for dead after `down_after`.
    ///
    /// # Panics
    /// If they do not find each other.
    #[must_use]
    pub fn start(down_after: Duration) -> Self {
        Self::launch(down_after, None)
    }

    /// As [`RedisSentinel::start`], with TLS everywhere.
    ///
    /// # Panics
    /// As [`RedisSentinel::start`].
    #[must_use]
    pub fn start_with_tls(down_after: Duration, certificates: &Certificates) -> Self {
        Self::launch(down_after, Some(certificates))
    }

    /// `redis-sentinel://127.0.0.1:PORT,…/mymaster`
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls {
            "rediss-sentinel"
        } else {
            "redis-sentinel"
        };
        let sentinels: Vec<String> = self
            .sentinels
            .iter()
            .map(|s| format!("127.0.0.1:{}", s.port))
            .collect();
        format!("{scheme}://{}/{NAME}", sentinels.join(","))
    }

    /// The master and the replica, as they began.
    #[must_use]
    pub fn servers(&self) -> &[Redis; 2] {
        &self.servers
    }

    /// One of the servers, to be killed.
    pub fn server(&mut self, index: usize) -> &mut Redis {
        &mut self.servers[index]
    }

    /// Has the replica take over while the master lives.
    ///
    /// # Panics
    /// If the first Sentinel refuses.
    pub fn fail_over(&self) {
        let mut connection = connect(&self.sentinels[0], None).expect("the Sentinel accepts");
        let () = redis::cmd("SENTINEL")
            .arg("FAILOVER")
            .arg(NAME)
            .query(&mut connection)
            .expect("it agrees");
    }

    /// Cuts the replica off from the master, which goes on: what it counts from now on, nobody else
    /// hears of. (A frozen replica would read it from its socket when it thaws.)
    ///
    /// # Panics
    /// If the master refuses.
    pub fn cut_replication(&self) {
        let master = &self.servers[0];
        let () = master.run("ACL SETUSER default -psync -sync -replconf");
        let _: i64 = master.run("CLIENT KILL TYPE replica");
        until("the replica is cut off", || {
            master.info("replication", "connected_slaves").as_deref() == Some("0")
        });
    }

    /// Has every Sentinel know the master at another port of this machine, such as a proxy's.
    ///
    /// # Panics
    /// If a Sentinel refuses.
    pub fn watch_at(&self, port: u16) {
        for sentinel in &self.sentinels {
            let mut connection = connect(sentinel, None).expect("the Sentinel accepts");
            let mut run = |words: &[&str]| {
                let () = redis::cmd("SENTINEL")
                    .arg(words)
                    .query(&mut connection)
                    .expect("the Sentinel agrees");
            };
            run(&["REMOVE", NAME]);
            run(&["MONITOR", NAME, "127.0.0.1", &port.to_string(), "2"]);
        }
    }

    /// Ends one Sentinel with `SIGKILL`.
    pub fn kill_sentinel(&mut self, index: usize) {
        self.sentinels[index].process.kill();
    }

    /// Waits until a server says that it is the master.
    ///
    /// # Panics
    /// If it does not become one.
    pub fn wait_until_master(&self, index: usize) {
        let server = &self.servers[index];
        until("the replica becomes master", || {
            server.info("replication", "role").as_deref() == Some("master")
        });
    }

    fn launch(down_after: Duration, certificates: Option<&Certificates>) -> Self {
        let start = |arguments: &[&str]| Redis::launch(arguments, certificates.cloned());
        let master = start(&["--repl-diskless-sync-delay", "0"]);
        let replica = start(&["--replicaof", &format!("127.0.0.1 {}", master.port())]);
        until("the replica is in step", || {
            replica.info("replication", "master_link_status").as_deref() == Some("up")
        });
        let sentinels = (0..SENTINELS)
            .map(|_| sentinel(master.port(), down_after, certificates))
            .collect();
        let group = Self {
            servers: [master, replica],
            sentinels,
            tls: certificates.is_some(),
        };
        until("the Sentinels know everybody", || {
            group
                .sentinels
                .iter()
                .all(|sentinel| knows(sentinel, certificates).unwrap_or(false))
        });
        group
    }
}

fn sentinel(master: u16, down_after: Duration, certificates: Option<&Certificates>) -> Sentinel {
    let (directory, port) = (
        tempfile::tempdir().expect("a temporary directory can be made"),
        free_port(),
    );
    let listen = match certificates {
        Some(certificates) => format!(
            "port 0\ntls-port {port}\ntls-replication yes\ntls-auth-clients no\ntls-cert-file {}\ntls-key-file {}\n\
             tls-ca-cert-file {}\n",
            certificates.certificate_file().display(),
            certificates.key_file().display(),
            certificates.authority_file().display(),
        ),
        None => format!("port {port}\n"),
    };
    let text = format!(
        "{listen}bind 127.0.0.1\ndir {}\nlogfile \"\"\nsentinel monitor {NAME} 127.0.0.1 {master} 2\n\
         sentinel down-after-milliseconds {NAME} {}\nsentinel failover-timeout {NAME} 10000\n",
        directory.path().display(),
        down_after.as_millis(),
    );
    let file = directory.path().join("sentinel.conf");
    std::fs::write(&file, text).expect("a temporary file can be written");
    let process = Process::start("redis-server", |command| {
        command
            .arg(&file)
            .arg("--sentinel")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
    });
    Sentinel {
        process,
        port,
        _directory: directory,
    }
}

/// Whether a Sentinel knows the other two, and the replica.
fn knows(sentinel: &Sentinel, certificates: Option<&Certificates>) -> redis::RedisResult<bool> {
    let mut connection = connect(sentinel, certificates)?;
    let master: HashMap<String, String> = redis::cmd("SENTINEL")
        .arg("MASTER")
        .arg(NAME)
        .query(&mut connection)?;
    let count = |field: &str| master.get(field).map(String::as_str);
    Ok(count("num-other-sentinels") == Some("2") && count("num-slaves") == Some("1"))
}

fn connect(
    sentinel: &Sentinel,
    certificates: Option<&Certificates>,
) -> redis::RedisResult<redis::Connection> {
    let client = match certificates {
        Some(certificates) => {
            let root_cert = Some(certificates.authority().to_vec());
            let url = format!("rediss://127.0.0.1:{}", sentinel.port);
            redis::Client::build_with_tls(
                url,
                redis::TlsCertificates {
                    client_tls: None,
                    root_cert,
                },
            )?
        }
        None => redis::Client::open(format!("redis://127.0.0.1:{}", sentinel.port))?,
    };
    client.get_connection_with_timeout(START_LIMIT)
}
