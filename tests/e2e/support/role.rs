//! One role in a process of its own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use weir_testkit::{Process, Signal, eventually};

use super::{PATIENCE, client};

/// A running `weir ROLE`; killed when dropped.
pub struct Role {
    process: Process,
    arguments: Vec<String>,
    environment: HashMap<String, String>,
    service: String,
    secure: Option<String>,
    operations: String,
    log: Arc<Mutex<String>>,
}

impl Role {
    /// Starts `weir ROLE` on free ports with `arguments`, and waits until it is ready.
    pub async fn start(role: &str, arguments: &[&str]) -> Self {
        Self::start_with(role, arguments, &[]).await
    }

    /// As [`Role::start`], with environment variables.
    pub async fn start_with(role: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let environment = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let role = Self::launch(arguments_of(role, arguments), environment);
        role.wait_until_ok("/readyz").await;
        role
    }

    /// As [`Role::start`], for a role that need not become ready: waits until it is alive.
    pub async fn start_alive(role: &str, arguments: &[&str]) -> Self {
        let role = Self::launch(arguments_of(role, arguments), HashMap::new());
        role.wait_until_ok("/healthz").await;
        role
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        &self.service
    }

    /// `https://127.0.0.1:PORT`
    pub fn secure_url(&self) -> &str {
        self.secure
            .as_deref()
            .expect("it was started with --tls-certificate")
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same addresses, after [`Role::kill`].
    pub async fn restart(&mut self) {
        self.process.kill();
        let mut arguments = self.arguments.clone();
        arguments[1] = format!("--listen={}", self.service.trim_start_matches("http://"));
        arguments[2] = format!(
            "--ops-listen={}",
            self.operations.trim_start_matches("http://")
        );
        *self = Self::launch(arguments, self.environment.clone());
        self.wait_until_ok("/readyz").await;
    }

    /// A number of `/proc/PID/status`, such as `VmRSS` in KiB.
    pub fn status_of_process(&self, field: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {field} in {status}"))
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// What it logged.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// The text of `/metrics`.
    pub async fn metrics(&self) -> String {
        client()
            .get(format!("{}/metrics", self.operations))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    }

    async fn wait_until_ok(&self, path: &str) {
        let client = client();
        let url = format!("{}{path}", self.operations);
        eventually(PATIENCE, || async {
            client
                .get(&url)
                .timeout(Duration::from_secs(5))
                .send()
                .await
                .is_ok_and(|r| r.status().is_success())
        })
        .await;
    }

    fn launch(arguments: Vec<String>, environment: HashMap<String, String>) -> Self {
        let mut process = Process::start(env!("CARGO_BIN_EXE_weir"), |command| {
            command
                .args(&arguments)
                .envs(&environment)
                .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            if let Some(endpoint) = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") {
                command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
            }
        });
        let log = collect(process.child().stderr.take().unwrap());
        let mut line = String::new();
        BufReader::new(process.child().stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        // `gateway http://127.0.0.1:8080 operations http://127.0.0.1:9080`
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, service, ref secure @ .., "operations", operations] = words[..] else {
            while !process.has_ended() {
                std::thread::yield_now();
            }
            panic!(
                "weir {arguments:?} did not start: {line:?} {}",
                log.lock().unwrap()
            );
        };
        let (service, operations) = (service.to_owned(), operations.to_owned());
        let secure = secure.first().map(|url| (*url).to_owned());
        Self {
            process,
            arguments,
            environment,
            service,
            secure,
            operations,
            log,
        }
    }
}

/// The role, free ports, and the arguments.
fn arguments_of(role: &str, arguments: &[&str]) -> Vec<String> {
    let ports = [role, "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"];
    ports
        .iter()
        .chain(arguments)
        .map(|argument| (*argument).to_owned())
        .collect()
}

/// Gathers a pipe's text in the background.
pub fn collect(mut pipe: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&text);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            sink.lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    });
    text
}
