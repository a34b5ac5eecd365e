//! `weir up`: what a newcomer sees.

use std::process::{Command, Output};

use weir_development::DISCOVERY_URL;

use crate::support::{ConfigDir, Role, Up, client, flood, token_of};

fn weir(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(arguments)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn it_prints_addresses_and_calls_that_work_as_printed() {
    let up = Up::start(&[]).await;
    let origin = up.spa_origin();
    let output = up.output();
    for role in ["gateway", "limiter", "backend", "identity"] {
        assert!(up.address(role).starts_with("http://"), "{output}");
        let ready = client()
            .get(format!("{}/readyz", up.operations(role)))
            .send()
            .await
            .unwrap();
        assert_eq!(ready.status(), 200, "{role}");
    }

    let token = output
        .lines()
        .find(|line| line.trim_start().starts_with("TOKEN="))
        .expect("a token is printed");
    let curls: Vec<&str> = output
        .lines()
        .filter(|line| line.contains("curl "))
        .collect();
    assert_eq!(curls.len(), 3, "{output}");
    // This identity is not where `weir token` looks for one.
    let hint = format!(
        "`weir token --user NAME --identity {}`",
        up.address("identity")
    );
    assert!(output.contains(&hint), "{output}");
    let run = |line: &str| {
        let script = format!("{}\n{}", token.trim(), line.trim());
        String::from_utf8(
            Command::new("bash")
                .args(["-c", &script])
                .output()
                .unwrap()
                .stdout,
        )
        .unwrap()
    };
    let served = run(curls[0]);
    assert!(
        served.starts_with("HTTP/1.1 200") && served.contains("Hello World, time and date are "),
        "{served}"
    );
    // The first call took one of the 15.
    let statuses = run(curls[1]);
    assert_eq!(statuses.matches("200").count(), 14, "{statuses}");
    assert_eq!(statuses.matches("429").count(), 6, "{statuses}");
    let preflight = run(curls[2]).to_lowercase();
    assert!(
        preflight.contains(&format!("access-control-allow-origin: {origin}")),
        "{preflight}"
    );
}

#[tokio::test]
async fn ctrl_c_stops_it_cleanly() {
    let up = Up::start(&[]).await;
    let hello = up.hello();
    let status = up.interrupt().await;
    assert!(status.success(), "{status}");
    assert!(
        client().get(hello).send().await.is_err(),
        "nothing listens any more"
    );
}

#[tokio::test]
async fn it_says_loudly_that_its_secrets_are_development_ones() {
    let up = Up::start(&[]).await;
    let log = up.log();
    for role in ["gateway", "backend", "identity"] {
        assert!(
            log.contains(&format!("{role}: DEVELOPMENT SECRETS IN USE")),
            "{log}"
        );
    }
}

#[test]
fn a_taken_port_is_named_with_its_flag_and_nothing_is_started() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut arguments = vec!["up".to_owned()];
    arguments.extend(crate::support::free_ports());
    arguments.retain(|a| !a.starts_with("--identity-listen"));
    arguments.push(format!("--identity-listen={address}"));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = weir(&arguments);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains(&format!("port {}", address.port())) && text.contains("--identity-listen"),
        "{text}"
    );
    assert!(output.stdout.is_empty(), "nothing was announced");
}

#[test]
fn a_role_beyond_loopback_refuses_development_secrets() {
    for (role, fix) in [
        ("gateway", "--named-value-file function-key"),
        ("backend", "--function-key-file"),
        ("identity", "--client-secret-file"),
    ] {
        let config = crate::support::ConfigDir::scenario();
        let mut arguments = vec![role, "--listen=0.0.0.0:0", "--ops-listen=127.0.0.1:0"];
        if role == "gateway" {
            arguments.extend([
                "--config",
                config.as_str(),
                "--named-value=function-key=weir-development-function-key",
            ]);
        }
        let output = weir(&arguments);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{role}: {text}");
        assert!(
            text.contains(fix) && text.contains("development"),
            "{role}: {text}"
        );
    }
}

#[test]
fn a_gateway_beyond_loopback_without_the_function_key_says_how_to_set_it() {
    let config = crate::support::ConfigDir::scenario();
    let output = weir(&[
        "gateway",
        "--listen=0.0.0.0:0",
        "--ops-listen=127.0.0.1:0",
        "--config",
        config.as_str(),
    ]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("function-key") && text.contains("--named-value"),
        "{text}"
    );
}

#[test]
fn a_token_without_an_identity_says_what_to_start() {
    let output = weir(&[
        "token",
        "--user",
        "alice",
        "--identity",
        "http://127.0.0.1:1",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("weir up"), "{}", stderr(&output));

    let output = weir(&["token", "--user", "alice", "--identity", "localhost:8090"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("http://HOST:PORT"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn ctrl_c_ends_a_token_that_does_not_come() {
    use std::io::Read;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let identity = format!("http://{}", silent.local_addr().unwrap());
    let mut arguments = Command::new(env!("CARGO_BIN_EXE_weir"));
    let mut weir = arguments
        .args(["token", "--user", "alice", "--identity", &identity])
        .spawn()
        .unwrap();
    let (mut call, _) = silent.accept().unwrap();
    call.read_exact(&mut [0; 4]).unwrap();
    let interrupted = Command::new("kill")
        .args(["-INT", &weir.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    // It would end by itself after its patience, with a status of its own.
    assert_eq!(weir.wait().unwrap().code(), None, "it ended by the signal");
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in [
        "up", "gateway", "limiter", "backend", "identity", "web", "token", "check",
    ] {
        let output = weir(&[command, "--help"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && text.contains(&format!("  weir {command}")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn secrets_are_not_printed() {
    let up = Up::start(&["--named-value=function-key=weir-development-function-key"]).await;
    let text = format!("{}{}", up.output(), up.log());
    assert!(!text.contains("weir-development-function-key"), "{text}");
}

#[tokio::test]
async fn roles_started_one_by_one_fit_together_with_nothing_but_addresses() {
    let limiter = Role::start("limiter", &[]).await;
    let identity = Role::start("identity", &["--development-tokens"]).await;
    let port = identity.url().rsplit_once(':').unwrap().1;
    let discovery = DISCOVERY_URL.replace(":8090", &format!(":{port}"));
    let backend = Role::start("backend", &["--openid-config", &discovery]).await;
    let config = ConfigDir::scenario();
    let gateway = Role::start(
        "gateway",
        &[
            "--config",
            config.as_str(),
            "--limiter",
            limiter.url(),
            "--limiter-timeout=30s",
            &format!("--named-value=openid-config-url={discovery}"),
            &format!("--named-value=backend-url={}/api", backend.url()),
        ],
    )
    .await;
    let token = token_of(identity.url(), "alice");
    let hello = format!("{}/hello", gateway.url());
    assert_eq!(flood(&[hello], &token, 20).await, (15, 5));
}
