//! `weir check`: every error, with its place, and the exit status.

use std::process::{Command, Output};

use crate::support::ConfigDir;

fn check(config: &ConfigDir) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir")).args(["check", config.as_str()]).output().unwrap()
}

#[test]
fn the_scenario_is_valid() {
    let output = check(&ConfigDir::scenario());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stdout).unwrap().contains("GET /hello"));
}

#[test]
fn all_errors_are_told_at_once_with_their_places() {
    let config = ConfigDir::scenario()
        .with(r#"calls="300""#, r#"calls="many""#)
        .with(r#"renewal-period="60""#, r#"renewal-period="301""#)
        .with("<forward-request />", "<forward-request /><llm-semantic-cache-lookup />")
        .with(".AsJwt()?.Subject", ".AsJwt()?.Sbject");
    let output = check(&config);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let places = text.lines().filter(|l| l.contains("policy.xml:")).count();
    assert!(places >= 4, "{text}");
    for part in ["calls", "301", "llm-semantic-cache-lookup", "Sbject", "forward-request"] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
}

#[test]
fn a_folder_without_apis_is_pointed_out() {
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_weir")).arg("check").arg(empty.path()).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().contains("no API"));
}

#[test]
fn a_store_url_that_cannot_be_read_is_not_repeated() {
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["limiter", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0", "--store=redis-ring://u:pa55word@h"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("--store") && text.contains("redis-cluster") && !text.contains("pa55word"), "{text}");
}

#[test]
fn a_missing_folder_is_a_clear_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_weir")).args(["check", "/nowhere/at/all"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/at/all"));
}

#[test]
fn the_gateway_refuses_what_check_refuses() {
    let config = ConfigDir::scenario().with(r#"calls="300""#, r#"calls="0""#);
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["gateway", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0", "--config", config.as_str()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "nothing was announced");
    assert!(String::from_utf8_lossy(&output.stderr).contains("policy.xml:"));
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
    assert!(text.contains("--named-value-file") && !text.contains("pa55word"), "{text}");
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
    assert!(text.contains("WEIR_NAMED_VALUE_FUNCTION_KEY") && !text.contains("pa55word"), "{text}");
}
