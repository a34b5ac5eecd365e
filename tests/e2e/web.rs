//! `weir web`, alone and in `weir up`.
//!
//! The browser app may not be part of the build under test, which Rust alone makes. Then every
//! answer must say how to build it, and what is in the answers is left to the crate's own tests and
//! to those with a browser.

use std::process::Command;

use reqwest::Response;
use reqwest::header::ACCEPT;
use serde_json::Value;
use weir_development::{FRONTEND_CLIENT_ID, SCOPE};

use crate::support::{Role, Up, client};

const SETTINGS: &str = r#"{
  "api": { "url": "https://api.example.com/hello" },
  "oidc": { "authority": "https://login.example.com/tenant", "clientId": "1234", "scope": "openid hello" },
  "console": { "openapiUrl": "https://api.example.com/openapi.json" }
}"#;

/// The answer as a browser gets it, or none if the browser app is not part of this build and the
/// answer says so.
async fn open(url: &str) -> Option<Response> {
    let response = client()
        .get(url)
        .header(ACCEPT, "text/html")
        .send()
        .await
        .unwrap();
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    if response.status() == 503 {
        let text = response.text().await.unwrap();
        assert!(text.contains("`make web`"), "{text}");
        return None;
    }
    assert_eq!(response.status(), 200, "{url}");
    Some(response)
}

fn settings_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[tokio::test]
async fn up_tells_the_pages_where_the_other_roles_really_are() {
    let up = Up::start(&[]).await;
    let (web, gateway, identity) = (
        up.address("web"),
        up.address("gateway"),
        up.address("identity"),
    );
    assert!(web.starts_with("http://localhost:"), "{web}");
    let Some(page) = open(&web).await else {
        assert!(up.output().contains("make web"), "{}", up.output());
        return;
    };
    assert!(
        up.output().contains(&format!("Open {web} in a browser")),
        "{}",
        up.output()
    );
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers()["cache-control"], "no-cache");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains(&format!("connect-src 'self' {gateway} {identity};")),
        "{policy}"
    );

    let config = open(&format!("{web}/config.json")).await.unwrap();
    assert_eq!(config.headers()["cache-control"], "no-cache");
    let config: Value = config.json().await.unwrap();
    assert_eq!(config["api"]["url"], format!("{gateway}/hello"));
    assert_eq!(
        config["console"]["openapiUrl"],
        format!("{gateway}/openapi.json")
    );
    assert_eq!(config["oidc"]["clientId"], FRONTEND_CLIENT_ID);
    assert_eq!(
        config["oidc"]["scope"],
        format!("openid offline_access {SCOPE}")
    );
    let discovery = client()
        .get(config["oidc"]["metadataUrl"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(discovery.status(), 200);
    assert!(
        open(&format!("{web}/developer/"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
            .contains("weir")
    );
}

#[tokio::test]
async fn another_page_can_take_the_place_of_ours() {
    let elsewhere = "http://localhost:5173";
    let up = Up::start(&["--spa-origin", elsewhere]).await;
    let called = |origin: String| client().get(up.hello()).header("Origin", origin).send();
    let answer = called(elsewhere.to_owned()).await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], elsewhere);
    let answer = called(up.spa_origin()).await.unwrap();
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn the_pages_get_the_settings_of_the_file() {
    let file = settings_file(SETTINGS);
    let web = Role::start_alive("web", &["--settings", file.path().to_str().unwrap()]).await;
    let Some(config) = open(&format!("{}/config.json", web.url())).await else {
        return;
    };
    let policy = config.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(
        policy.contains("connect-src 'self' https://api.example.com https://login.example.com;"),
        "{policy}"
    );
    let config: Value = config.json().await.unwrap();
    assert_eq!(config, serde_json::from_str::<Value>(SETTINGS).unwrap());
}

/// The exit status and the errors of `weir web`.
fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .arg("web")
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.stdout.is_empty(), "nothing was announced");
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn wrong_settings_are_refused_with_their_place() {
    let misspelt = SETTINGS.replace("clientId", "clientID");
    for (text, place) in [
        (
            misspelt.as_str(),
            ":3:71: unknown field `clientID`, expected one of `authority`, `metadataUrl`, `clientId`",
        ),
        ("", ":1:1: EOF while parsing a value"),
    ] {
        let file = settings_file(text);
        let path = file.path().to_str().unwrap();
        let (status, said) = refused(&[
            "--listen=127.0.0.1:0",
            "--ops-listen=127.0.0.1:0",
            "--settings",
            path,
        ]);
        assert_eq!(status, Some(2), "{said}");
        assert!(
            said.contains(&format!("weir: {path}{place}")) && said.contains("nothing was started"),
            "{said}"
        );
    }
}

#[test]
fn development_settings_beyond_loopback_are_warned_of() {
    // A port that is taken ends the role, after it has said what it has to.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ops = format!("--ops-listen={}", taken.local_addr().unwrap());
    let warning = "--settings FILE";
    let (status, said) = refused(&["--listen=0.0.0.0:0", &ops]);
    assert!(status == Some(2) && said.contains(warning), "{said}");
    let file = settings_file(SETTINGS);
    let own = file.path().to_str().unwrap();
    for arguments in [
        ["--listen=0.0.0.0:0", &ops, "--settings", own].as_slice(),
        &["--listen=127.0.0.1:0", &ops],
    ] {
        let (status, said) = refused(arguments);
        assert!(status == Some(2) && !said.contains(warning), "{said}");
    }
}
