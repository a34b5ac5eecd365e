//! A configuration loads, which is all that `weir check` looks at, exactly if a gateway starts with
//! it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use weir_gateway::Config;
use weir_limiter::ClientConfig;
use weir_policy::artifacts::{Artifacts, NamedValueOverrides};
use weir_serve::Listeners;

use crate::support::{base64_url, inbound};

/// What stands around a document: an API with an operation, a backend, named values.
const SURROUNDINGS: &str = r#"
=== apis/orders/apiInformation.json
{"properties": {"displayName": "Orders", "path": "orders", "serviceUrl": "http://orders.example", "subscriptionRequired": false}}
=== apis/orders/specification.yaml
openapi: 3.0.3
paths: { "/{id}": { get: { operationId: read-order } } }
=== backends/known/backendInformation.json
{"properties": {"url": "http://backend.example/api", "protocol": "http"}}
=== named values/calls/namedValueInformation.json
{"properties": {"displayName": "calls", "value": "15", "secret": false}}
=== named values/key/namedValueInformation.json
{"properties": {"displayName": "key", "value": "@(context.Request.IpAddress)", "secret": false}}
=== named values/secret/namedValueInformation.json
{"properties": {"displayName": "secret", "value": "do-not-show-me", "secret": true}}
"#;

/// Relative paths and texts.
type Files = Vec<(String, String)>;

/// The files that a text holds, each after a line `=== path`.
fn folder(text: &str) -> Files {
    let parts = text
        .split("=== ")
        .skip(1)
        .map(|part| part.split_once('\n').unwrap_or((part, "")));
    // Others are not even read.
    let parts = parts.filter(|(path, _)| {
        [".xml", ".json", ".yaml"]
            .iter()
            .any(|ending| path.ends_with(ending))
    });
    parts
        .map(|(path, content)| (path.to_owned(), content.to_owned()))
        .collect()
}

fn with_document(path: &str, text: &str) -> Files {
    let mut files = folder(SURROUNDINGS);
    files.push((path.to_owned(), text.to_owned()));
    files
}

/// What `weir check` says.
fn check(files: &Files) -> Result<(), String> {
    let dir = TempDir::new().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    weir_gateway::load(dir.path(), &NamedValueOverrides::new())
        .map(drop)
        .map_err(|problems| problems.to_string())
}

/// Whether a gateway starts: its own start, past the check of the files. It ends at once.
async fn start(files: &Files) -> Result<(), String> {
    let mut artifacts = Artifacts::new();
    for (path, text) in files {
        artifacts.insert(&**path, &**text);
    }
    let configuration = artifacts
        .compile(&NamedValueOverrides::new())
        .map_err(|problems| problems.to_string())?;
    let limiter = ClientConfig {
        endpoints: vec!["http://127.0.0.1:1".to_owned()],
        ..ClientConfig::default()
    };
    let service = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let ran = weir_gateway::run(
        Config::new(configuration, limiter),
        Listeners::plain(service, None),
        shutdown,
    )
    .await;
    ran.map_err(|error| error.to_string())
}

/// Both say the same, with the same words; gives whether it starts.
async fn agreed(name: &str, files: &Files) -> bool {
    let (checked, started) = (check(files), start(files).await);
    assert_eq!(
        checked, started,
        "{name}: check on the left, start on the right"
    );
    checked.is_ok()
}

fn documents(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../policy/tests")
        .join(folder);
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|e| e == extension));
    paths
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect()
}

#[tokio::test]
async fn every_document_of_the_corpus_is_judged_alike() {
    let (mut good, mut bad) = (0, 0);
    let mut all: Vec<(String, Files)> = Vec::new();
    for source in [
        "documents/good",
        "documents/bad",
        "corpus/good",
        "corpus/bad",
    ] {
        for (path, text) in documents(source, "xml") {
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let place = match stem.split_once('-') {
                Some(("api", _)) => "apis/orders/policy.xml",
                Some(("operation", _)) => "apis/orders/operations/read-order/policy.xml",
                _ => "policy.xml",
            };
            all.push((format!("{source}/{stem}"), with_document(place, &text)));
            // Backends behind TLS are what most of them fail for.
            all.push((
                format!("{source}/{stem}, http"),
                with_document(place, &text.replace("https:", "http:")),
            ));
        }
    }
    for (path, text) in documents("documents/folders", "folder") {
        all.push((path.display().to_string(), folder(&text)));
        all.push((
            path.display().to_string(),
            folder(&text.replace("https:", "http:")),
        ));
    }
    for (name, files) in &all {
        if agreed(name, files).await {
            good += 1;
        } else {
            bad += 1;
        }
    }
    assert!(
        good >= 4 && bad >= 50,
        "{good} good, {bad} bad: the corpus was not found"
    );
}

/// An RSA modulus of so many bits, in base64url.
fn modulus(bits: usize) -> String {
    let mut bytes = vec![0xff; bits.div_ceil(8)];
    bytes[0] = 0xff >> (bytes.len() * 8 - bits);
    base64_url(&bytes)
}

fn validate_jwt(inside: &str) -> String {
    format!(r#"<validate-jwt header-name="Authorization">{inside}</validate-jwt>"#)
}

#[tokio::test]
async fn whatever_stops_a_start_is_found_by_a_check_with_its_place() {
    let keys = |keys: &[(String, &str)]| {
        let keys: String = keys
            .iter()
            .map(|(n, e)| format!("<key n=\"{n}\" e=\"{e}\"/>\n"))
            .collect();
        inbound(&validate_jwt(&format!(
            "<issuer-signing-keys>\n{keys}</issuer-signing-keys>"
        )))
    };
    let provider = |url: &str| inbound(&validate_jwt(&format!(r#"<openid-config url="{url}"/>"#)));
    let backend = |url: &str| inbound(&format!(r#"<set-backend-service base-url="{url}"/>"#));
    let bad = |text: &str| vec![text.to_owned()];
    let cases = [
        (
            keys(&[(modulus(2048), "AQAB"), (modulus(8192), "Aw")]),
            vec![],
        ),
        (
            keys(&[(modulus(2048), "AQ")]),
            bad("policy.xml:2:1: this key of `validate-jwt` cannot be used: the RSA exponent"),
        ),
        (
            keys(&[(modulus(2048), "Ag")]),
            bad("odd number of at least 3"),
        ),
        (
            keys(&[(modulus(2047), "AQAB")]),
            bad("2047 bits; use one of 2048 to 8192"),
        ),
        (
            keys(&[
                (modulus(16_384), "AQAB"),
                (modulus(2048), "AQAB"),
                (modulus(8193), "AQ"),
            ]),
            vec![
                "policy.xml:2:1:".to_owned(),
                "16384 bits".to_owned(),
                "policy.xml:4:1:".to_owned(),
                "8193 bits".to_owned(),
            ],
        ),
        (
            provider("http://id.example/.well-known/openid-configuration"),
            vec![],
        ),
        (provider("http://:pw@id.example/"), bad("policy.xml:1:")),
        (provider("ftp://id.example/"), bad("policy.xml:1:")),
        (backend("http://b.example"), vec![]),
        (backend("https://b.example"), vec![]),
        (
            backend("https://b..example"),
            bad("its host is no name or address that a certificate could be for"),
        ),
        (
            "<policies><inbound>\n<authentication-certificate certificate-id=\"c\"/></inbound></policies>".to_owned(),
            bad("policy.xml:2:1: there is no certificate `c`"),
        ),
        (
            backend("{{absent}}"),
            bad("there is no named value `absent`"),
        ),
    ];
    for (document, said) in cases {
        let files = with_document("policy.xml", &document);
        assert_eq!(
            agreed(&document, &files).await,
            said.is_empty(),
            "{document}: {:?}",
            check(&files)
        );
        let told = check(&files).err().unwrap_or_default();
        for part in said {
            assert!(told.contains(&part), "{part} is missing in {told}");
        }
    }
}

#[tokio::test]
async fn a_url_of_a_file_that_cannot_be_called_is_told_with_its_line() {
    let mut files = folder(
        &SURROUNDINGS
            .replace("http://", "https://.")
            .replace("{\"properties\": {", "{\n\"properties\": {\n"),
    );
    files.extend(folder("=== apis/old;rev=2/apiInformation.json\n{\"properties\": {\"displayName\": \"Old\", \"path\": \"old\",\n\"serviceUrl\": \"https://.old.example\", \"subscriptionRequired\": false}}\n=== apis/old;rev=2/specification.yaml\nopenapi: 3.0.3\npaths: {}\n"));
    assert!(!agreed("hosts", &files).await);
    let told = check(&files).unwrap_err();
    for place in [
        "apis/old;rev=2/apiInformation.json:2:15: ",
        "apis/orders/apiInformation.json:3:",
        "backends/known/backendInformation.json:3:8: ",
    ] {
        assert!(told.contains(place), "{place} is missing in {told}");
    }
}
