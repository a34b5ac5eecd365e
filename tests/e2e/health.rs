//! `weir health`, as a container's health check uses it: by its exit status.

use std::net::TcpListener;
use std::process::{Command, Output};

use crate::support::{Up, client};

fn health(url: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["health", url])
        .output()
        .unwrap()
}

#[tokio::test]
async fn a_ready_role_is_healthy_and_says_what_its_parts_do() {
    let up = Up::start(&[]).await;
    for role in ["gateway", "limiter", "backend", "identity"] {
        let output = health(&format!("{}/readyz", up.operations(role)));
        assert_eq!(output.status.code(), Some(0), "{role}: {output:?}");
        assert!(
            String::from_utf8(output.stdout).unwrap().contains("ready"),
            "{role}"
        );
    }
    // The pages may not be part of the build under test. Then the role is not ready, and says which
    // part is missing.
    let url = format!("{}/readyz", up.operations("web"));
    let built = client().get(&url).send().await.unwrap().status() == 200;
    let output = health(&url);
    assert_eq!(
        output.status.code(),
        Some(if built { 0 } else { 1 }),
        "web: {output:?}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(built || text.contains("make web"), "web: {text}");

    let missing = health(&format!("{}/nothing", up.operations("gateway")));
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(String::from_utf8(missing.stdout).unwrap().contains("404"));
}

#[test]
fn nobody_there_is_not_healthy() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/readyz", listener.local_addr().unwrap());
    drop(listener);
    let output = health(&url);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("not ready")
    );
}

/// It accepts and never answers: a stuck process is not a healthy one, and asking comes to an end.
#[test]
fn a_role_that_hangs_is_not_healthy() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let output = health(&format!("http://{}/readyz", listener.local_addr().unwrap()));
    assert_eq!(output.status.code(), Some(1));
}
