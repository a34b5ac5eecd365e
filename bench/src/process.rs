//! A server in a process of its own, and the CPU time it used.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use weir_testkit::Process;

/// Ticks per second of `/proc/PID/stat`: fixed at 100 in Linux's interface to user space.
const TICKS_PER_SECOND: u64 = 100;

/// A running server; killed when dropped.
pub(crate) struct Server {
    process: Process,
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    operations: Option<String>,
}

impl Server {
    /// Starts a role of the release binary on free ports and waits until it is ready.
    pub(crate) async fn weir(role: &str, arguments: &[&str]) -> Self {
        let program = release("weir");
        let mut all = vec![role, "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"];
        all.extend(arguments);
        let server = Self::start(&program, &all);
        let ready = format!(
            "{}/readyz",
            server
                .operations
                .as_ref()
                .expect("every role has an operations port")
        );
        // Directly, whatever proxy the environment names.
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client without settings");
        let start = Instant::now();
        while !client
            .get(&ready)
            .send()
            .await
            .is_ok_and(|r| r.status().is_success())
        {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "weir {role} does not become ready"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    /// Starts this program again as one of the baseline servers.
    pub(crate) fn own(name: &str) -> Self {
        Self::start(
            &std::env::current_exe().expect("this program has a path"),
            &[name],
        )
    }

    /// The address without the scheme.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// CPU time used so far, in user and kernel mode.
    pub(crate) fn cpu(&self) -> Duration {
        cpu_of(self.process.id())
    }

    fn start(program: &std::path::Path, arguments: &[&str]) -> Self {
        let mut process = Process::start(program.to_str().expect("the path is text"), |command| {
            command
                .args(arguments)
                .env("RUST_LOG", "warn")
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
        });
        let mut line = String::new();
        let output = process
            .child()
            .stdout
            .take()
            .expect("standard output is a pipe");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("the server announces itself");
        let words: Vec<&str> = line.split_whitespace().collect();
        let url = (*words
            .get(1)
            .unwrap_or_else(|| panic!("{} {arguments:?} did not start", program.display())))
        .to_owned();
        Self {
            process,
            url,
            operations: words.get(3).map(|s| (*s).to_owned()),
        }
    }
}

/// CPU time of any process, from fields 14 and 15 of `/proc/PID/stat` (proc(5)).
pub(crate) fn cpu_of(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let after_name = stat
        .rsplit_once(')')
        .expect("the name stands in brackets")
        .1;
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|f| f.parse::<u64>().expect("a number"))
        .sum();
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

/// A program of this build.
fn release(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("this program has a path");
    let path = own.with_file_name(name);
    assert!(
        path.exists(),
        "{} is missing: run `make bench`",
        path.display()
    );
    path
}
