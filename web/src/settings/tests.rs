//! Settings files, good and bad.

use super::*;

const GOOD: &str = r#"{
  "api": { "url": "https://api.example.com/hello" },
  "oidc": {
    "metadataUrl": "https://login.example.com:8443/v2.0/.well-known/openid-configuration?p=B2C_1_x",
    "clientId": "1234",
    "scope": "openid offline_access https://example.com/api/Hello"
  },
  "console": { "openapiUrl": "https://api.example.com/openapi.json" }
}
"#;

pub(crate) fn settings() -> Settings {
    serde_json::from_str(GOOD).unwrap()
}

fn read(text: &[u8]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.json");
    std::fs::write(&path, text).unwrap();
    Settings::read(&path).map_err(|error| {
        let text = error.to_string();
        text.strip_prefix(&format!("{}:", path.display()))
            .unwrap_or(&text)
            .to_owned()
    })
}

/// The error when `from` in good settings is `to` instead.
fn error(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    read(GOOD.replacen(from, to, 1).as_bytes()).unwrap_err()
}

#[test]
fn what_is_read_is_what_browsers_get() {
    let read = read(GOOD.as_bytes()).unwrap();
    assert!(
        matches!(&read.oidc.provider, Provider::MetadataUrl(url) if url.to_string().ends_with("?p=B2C_1_x"))
    );
    let given: serde_json::Value = serde_json::from_str(GOOD).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), given);
}

#[test]
fn optional_settings_are_kept_as_written() {
    let with = GOOD.replace(
        r#""clientId": "1234","#,
        r#""clientId": "1234", "redirectUri": "https://App.example.com", "postLogoutRedirectUri": "https://app.example.com/","#,
    );
    let read = read(with.as_bytes()).unwrap();
    assert_eq!(
        read.oidc.redirect_uri.unwrap().to_string(),
        "https://App.example.com"
    );
    assert_eq!(
        read.oidc.post_logout_redirect_uri.unwrap().to_string(),
        "https://app.example.com/"
    );
}

#[test]
fn a_byte_order_mark_does_no_harm() {
    assert!(read(format!("\u{feff}{GOOD}").as_bytes()).is_ok());
}

#[test]
fn mistakes_are_told_with_their_place() {
    let unknown = error("clientId", "clientID");
    assert!(
        unknown.starts_with("5:14: unknown field `clientID`, expected one of `authority`"),
        "{unknown}"
    );
    let missing = error(r#""url": "https://api.example.com/hello""#, "");
    assert!(
        missing.starts_with("2:") && missing.ends_with("missing field `url`"),
        "{missing}"
    );
    let url = error("https://api.example.com/hello", "api.example.com/hello");
    assert!(
        url.starts_with("2:") && url.contains("is no absolute URL"),
        "{url}"
    );
    let syntax = error("\"1234\",", "\"1234\"");
    assert_eq!(syntax, "6:5: expected `,` or `}`");
    let kind = error("\"1234\"", "1234");
    assert!(
        kind.starts_with("5:20: invalid type: integer `1234`, expected a string"),
        "{kind}"
    );
    let twice = error(
        r#""clientId": "1234","#,
        r#""clientId": "1", "clientId": "2","#,
    );
    assert!(twice.contains("duplicate field `clientId`"), "{twice}");
    assert!(read(b"").unwrap_err().contains("EOF"));
    assert!(read(b"{ \"api\": \"\xff\" }").is_err());
    assert!(
        read(format!("{GOOD} x").as_bytes())
            .unwrap_err()
            .starts_with("10:2: trailing characters")
    );
}

#[test]
fn settings_that_could_never_sign_anybody_in_are_refused() {
    let scope = error("openid offline_access", "openidx offline_access");
    assert!(scope.contains("scope lacks openid"), "{scope}");
    assert!(error("1234", "  ").contains("clientId is empty"));
    let query = error("metadataUrl", "authority");
    assert!(query.contains("authority has a query"), "{query}");
    let both = error(
        r#""clientId""#,
        r#""authority": "https://login.example.com", "clientId""#,
    );
    assert!(both.contains("write one of them"), "{both}");
    let neither = GOOD
        .lines()
        .filter(|line| !line.contains("metadataUrl"))
        .collect::<Vec<_>>()
        .join("\n");
    let neither = read(neither.as_bytes()).unwrap_err();
    assert!(
        neither.starts_with("6:") && neither.contains("names no provider"),
        "{neither}"
    );
}

#[test]
fn files_that_are_not_settings_are_told_apart() {
    let missing = Settings::read(Path::new("/nowhere/settings.json"))
        .unwrap_err()
        .to_string();
    assert!(
        missing.starts_with("/nowhere/settings.json: cannot read the settings: "),
        "{missing}"
    );
    let long = read(" ".repeat(70_000).as_bytes()).unwrap_err();
    assert!(long.contains("longer than 65536 bytes"), "{long}");
}
