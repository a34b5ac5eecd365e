//! `weir up` in a process.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use weir_testkit::{Process, Signal, eventually};

use super::role::collect;
use super::{ConfigDir, PATIENCE, client};

/// A running `weir up` on free ports; killed when dropped.
pub struct Up {
    process: Process,
    output: Arc<Mutex<String>>,
    log: Arc<Mutex<String>>,
    _config: Option<ConfigDir>,
}

/// Lets every role listen on a free port.
pub fn free_ports() -> Vec<String> {
    let roles = ["gateway", "limiter", "backend", "identity", "web"];
    roles
        .iter()
        .flat_map(|r| {
            [
                format!("--{r}-listen=127.0.0.1:0"),
                format!("--{r}-ops-listen=127.0.0.1:0"),
            ]
        })
        .collect()
}

impl Up {
    /// Starts the scenario as it stands in `config/`.
    pub async fn start(arguments: &[&str]) -> Self {
        Self::launch(arguments, None, &[]).await
    }

    /// Starts the scenario with environment variables.
    pub async fn start_in(environment: &[(&str, &str)]) -> Self {
        Self::launch(&[], None, environment).await
    }

    /// Starts with a configuration of its own.
    pub async fn start_with(config: ConfigDir, arguments: &[&str]) -> Self {
        Self::launch(arguments, Some(config), &[]).await
    }

    async fn launch(
        arguments: &[&str],
        config: Option<ConfigDir>,
        environment: &[(&str, &str)],
    ) -> Self {
        let directory = config
            .as_ref()
            .map_or_else(ConfigDir::scenario_path, |c| c.path().to_owned());
        let mut process = Process::start(env!("CARGO_BIN_EXE_weir"), |command| {
            command
                .arg("up")
                .arg("--config")
                .arg(directory)
                .args(free_ports())
                // A machine under load must not look like a limiter that is away.
                .arg("--limiter-timeout=30s")
                .args(arguments)
                .envs(environment.iter().copied())
                .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
        });
        let output = collect(process.child().stdout.take().unwrap());
        let log = collect(process.child().stderr.take().unwrap());
        let mut up = Self {
            process,
            output,
            log,
            _config: config,
        };
        up.wait_for_banner().await;
        up
    }

    async fn wait_for_banner(&mut self) {
        let (output, log) = (Arc::clone(&self.output), Arc::clone(&self.log));
        let process = &mut self.process;
        let mut ended = || process.has_ended();
        eventually(PATIENCE, || {
            let done = output.lock().unwrap().contains("Ctrl-C");
            assert!(done || !ended(), "weir up ended: {}", log.lock().unwrap());
            async move { done }
        })
        .await;
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// What it printed.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// What it logged.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The address of a role, from the printed table.
    pub fn address(&self, role: &str) -> String {
        self.column(role, 1)
    }

    /// The operations address of a role.
    pub fn operations(&self, role: &str) -> String {
        self.column(role, 2)
    }

    fn column(&self, role: &str, index: usize) -> String {
        let output = self.output();
        let row = output
            .lines()
            .find(|l| l.split_whitespace().next() == Some(role))
            .unwrap();
        row.split_whitespace().nth(index).unwrap().to_owned()
    }

    /// The text of a role's `/metrics`.
    pub async fn metrics(&self, role: &str) -> String {
        client()
            .get(format!("{}/metrics", self.operations(role)))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    }

    /// The origin of the browser app, which the policies and the identity trust.
    pub fn spa_origin(&self) -> String {
        self.address("web")
    }

    /// The URL of the scenario's function at the gateway.
    pub fn hello(&self) -> String {
        format!("{}/hello", self.address("gateway"))
    }

    /// An access token for `user`, from the printed token or `weir token`.
    pub fn token(&self, user: &str) -> String {
        token_of(&self.address("identity"), user)
    }

    /// Presses Ctrl-C and waits for the end; the exit status.
    pub async fn interrupt(mut self) -> std::process::ExitStatus {
        self.process.signal(Signal::Int);
        let process = &mut self.process;
        eventually(PATIENCE, || {
            let ended = process.has_ended();
            async move { ended }
        })
        .await;
        self.process.child().wait().unwrap()
    }
}

/// `weir token --user USER --identity URL`
pub fn token_of(identity: &str, user: &str) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["token", "--user", user, "--identity", identity])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
