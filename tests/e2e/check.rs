//! `weir check`: every error, with its place, and the exit status.

use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::support::{ConfigDir, Role};

/// A start of a gateway that is to fail.
fn start(config: &ConfigDir) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir"))
        .args([
            "gateway",
            "--listen=127.0.0.1:0",
            "--ops-listen=127.0.0.1:0",
            "--config",
            config.as_str(),
        ])
        .output()
        .unwrap()
}

fn check(config: &ConfigDir) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["check", config.as_str()])
        .output()
        .unwrap()
}

#[test]
fn the_scenario_is_valid() {
    let output = check(&ConfigDir::scenario());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("GET /hello")
    );
}

#[test]
fn all_errors_are_told_at_once_with_their_places() {
    let config = ConfigDir::scenario()
        .with(r#"calls="300""#, r#"calls="many""#)
        .with(r#"renewal-period="60""#, r#"renewal-period="301""#)
        .with(
            "<forward-request />",
            "<forward-request /><llm-semantic-cache-lookup />",
        )
        .with(".AsJwt()?.Subject", ".AsJwt()?.Sbject");
    let output = check(&config);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let places = text.lines().filter(|l| l.contains("policy.xml:")).count();
    assert!(places >= 4, "{text}");
    for part in [
        "calls",
        "301",
        "llm-semantic-cache-lookup",
        "Sbject",
        "forward-request",
    ] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
}

#[test]
fn a_folder_without_apis_is_pointed_out() {
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .arg("check")
        .arg(empty.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().contains("no API"));
}

#[test]
fn a_store_url_that_cannot_be_read_is_not_repeated() {
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args([
            "limiter",
            "--listen=127.0.0.1:0",
            "--ops-listen=127.0.0.1:0",
            "--store=redis-ring://u:pa55word@h",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("--store") && text.contains("redis-cluster") && !text.contains("pa55word"),
        "{text}"
    );
}

#[test]
fn a_missing_folder_is_a_clear_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["check", "/nowhere/at/all"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/at/all"));
}

#[test]
fn the_gateway_refuses_what_check_refuses() {
    let config = ConfigDir::scenario().with(r#"calls="300""#, r#"calls="0""#);
    let output = start(&config);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "nothing was announced");
    assert!(String::from_utf8_lossy(&output.stderr).contains("policy.xml:"));
}

/// The scenario with this in place of its provider.
fn with_keys(keys: &str) -> ConfigDir {
    let provider = r#"<openid-config url="{{openid-config-url}}" />"#;
    ConfigDir::scenario().with(
        provider,
        &format!("<issuer-signing-keys>\n{keys}\n</issuer-signing-keys>"),
    )
}

#[tokio::test]
async fn a_gateway_starts_exactly_if_the_check_succeeds() {
    let modulus = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
    let key = |bytes: usize, e: &str| format!(r#"<key n="{}" e="{e}" />"#, modulus(bytes));
    let secure = ConfigDir::scenario().edit(
        "backends/function-app/backendInformation.json",
        "{{backend-url}}",
        "https://b.example",
    );
    for good in [ConfigDir::scenario(), secure, with_keys(&key(256, "AQAB"))] {
        assert!(check(&good).status.success());
        Role::start_alive("gateway", &["--config", good.as_str()]).await;
    }
    let short = format!(
        r#"<key n="{}" e="AQAB" />"#,
        URL_SAFE_NO_PAD.encode([&[0x7f][..], &[0xff; 255]].concat())
    );
    for (bad, said) in [
        (with_keys(&key(256, "AQ")), "policy.xml:11:1: "),
        (with_keys(&key(256, "Ag")), "policy.xml:11:1: "),
        (with_keys(&key(2048, "AQAB")), "16384 bits"),
        (with_keys(&short), "2047 bits"),
        (
            ConfigDir::scenario().with("{{openid-config-url}}", "http://:pw@id.example"),
            "policy.xml:10:",
        ),
        (
            ConfigDir::scenario().with("{{spa-origin}}", "{{spa origin}}"),
            "policy.xml:4:",
        ),
        (
            ConfigDir::scenario().edit(
                "backends/function-app/backendInformation.json",
                "{{backend-url}}",
                "https://b..example",
            ),
            "backends/function-app/backendInformation.json:6:12: ",
        ),
    ] {
        let (checked, started) = (check(&bad), start(&bad));
        assert_eq!(checked.status.code(), Some(2), "{said}");
        assert_eq!(started.status.code(), Some(2), "{said}");
        assert!(started.stdout.is_empty(), "nothing was announced");
        let text = String::from_utf8(checked.stderr).unwrap();
        assert!(text.contains(said), "{said} is missing in {text}");
        assert!(
            String::from_utf8(started.stderr)
                .unwrap()
                .contains(text.trim()),
            "a start says the same: {text}"
        );
    }
}

#[test]
fn a_check_says_that_the_development_key_stood_in() {
    let config = ConfigDir::scenario();
    let said = String::from_utf8(check(&config).stdout).unwrap();
    assert!(
        said.contains("--named-value-file function-key=FILE"),
        "{said}"
    );
    let given = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args([
            "check",
            config.as_str(),
            "--named-value",
            "function-key=a-key-of-our-own",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8(given.stdout).unwrap();
    assert!(
        given.status.success() && !said.contains("function-key"),
        "{said}"
    );
}

#[test]
fn a_named_value_that_cannot_be_read_is_not_repeated() {
    let config = ConfigDir::scenario();
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["check", config.as_str()])
        .env("WEIR_GATEWAY_NAMED_VALUE", "function-key=begin;pa55word")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("--named-value-file") && !text.contains("pa55word"),
        "{text}"
    );
}

#[test]
fn variables_that_are_no_text_matter_only_if_they_are_ours() {
    use std::os::unix::ffi::OsStrExt;
    let config = ConfigDir::scenario();
    let check = |variable: &str| {
        let no_text = std::ffi::OsStr::from_bytes(b"pa55word\xff");
        Command::new(env!("CARGO_BIN_EXE_weir"))
            .args(["check", config.as_str()])
            .env(variable, no_text)
            .output()
            .unwrap()
    };
    assert!(check("LESS").status.success());
    let output = check("WEIR_NAMED_VALUE_FUNCTION_KEY");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("WEIR_NAMED_VALUE_FUNCTION_KEY") && !text.contains("pa55word"),
        "{text}"
    );
}
