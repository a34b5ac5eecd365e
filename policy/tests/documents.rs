//! Policy documents and configuration folders that load, and ones that do not with exactly what is
//! said about them.
//!
//! `documents/good/*.xml` must load. `documents/bad/*.xml` must fail with the text beside it, and
//! so must `documents/folders/*.folder`, which are several files in one, each after a line
//! `=== path`. A document stands where the first part of its name says: `global-…`, `api-…` or
//! `operation-…`.
//!
//! `WEIR_UPDATE_EXPECTED=1 cargo test -p weir-policy --test documents` rewrites the expected texts;
//! read the difference.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use weir_policy::artifacts::{Artifacts, NamedValueOverrides};

/// The folder around a document: one API with one operation, a backend and some named values.
const SURROUNDINGS: &str = r#"
=== apis/orders/apiInformation.json
{"properties": {"displayName": "Orders", "path": "orders", "serviceUrl": "https://orders.example", "subscriptionRequired": false}}
=== apis/orders/specification.yaml
openapi: 3.0.3
paths: { "/{id}": { get: { operationId: read-order } } }
=== backends/known/backendInformation.json
{"properties": {"url": "https://backend.example/api", "protocol": "http"}}
=== named values/calls/namedValueInformation.json
{"properties": {"displayName": "calls", "value": "15", "secret": false}}
=== named values/key/namedValueInformation.json
{"properties": {"displayName": "key", "value": "@(context.Request.IpAddress)", "secret": false}}
=== named values/secret/namedValueInformation.json
{"properties": {"displayName": "secret", "value": "do-not-show-me", "secret": true}}
"#;

fn folder(text: &str) -> Artifacts {
    let mut artifacts = Artifacts::new();
    for part in text.split("=== ").skip(1) {
        let (path, content) = part.split_once('\n').unwrap_or((part, ""));
        artifacts.insert(path, content);
    }
    artifacts
}

fn with_document(path: &Path) -> Artifacts {
    let mut artifacts = folder(SURROUNDINGS);
    let name = path.file_stem().unwrap().to_str().unwrap();
    let place = match name.split_once('-').map(|(scope, _)| scope) {
        Some("global") => "policy.xml",
        Some("api") => "apis/orders/policy.xml",
        Some("operation") => "apis/orders/operations/read-order/policy.xml",
        _ => panic!("{name}: the name must start with a scope"),
    };
    artifacts.insert(place, fs::read_to_string(path).unwrap());
    artifacts
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/documents")
        .join(folder);
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Compares what is said about each file with the text beside it.
fn check(files: &[PathBuf], load: impl Fn(&Path) -> Artifacts) {
    let update = std::env::var_os("WEIR_UPDATE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    for path in files {
        let Err(diagnostics) = load(path).compile(&NamedValueOverrides::new()) else {
            wrong.push(format!("{}: it loads", path.display()));
            continue;
        };
        let found = format!("{diagnostics}\n");
        assert!(
            !found.contains("do-not-show-me"),
            "{}: a secret is shown:\n{found}",
            path.display()
        );
        let beside = path.with_extension("txt");
        if update {
            fs::write(&beside, &found).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if found != expected {
            wrong.push(format!(
                "{}\n--- expected\n{expected}--- found\n{found}",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn good_documents_load() {
    for path in files("good", "xml") {
        let loaded = with_document(&path).compile(&NamedValueOverrides::new());
        assert!(
            loaded.is_ok(),
            "{}:\n{}",
            path.display(),
            loaded.unwrap_err()
        );
    }
}

#[test]
fn bad_documents_say_exactly_what_is_wrong() {
    check(&files("bad", "xml"), with_document);
}

#[test]
fn bad_folders_say_exactly_what_is_wrong() {
    check(&files("folders", "folder"), |path| {
        folder(&fs::read_to_string(path).unwrap())
    });
}

/// All documents and folders there are.
fn corpus() -> Vec<(PathBuf, String)> {
    let files = [
        files("good", "xml"),
        files("bad", "xml"),
        files("folders", "folder"),
    ]
    .concat();
    files
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A text with a piece missing or doubled, or one that stops early, is read or refused; nothing
    /// panics.
    #[test]
    fn a_damaged_text_is_read_or_refused(which: usize, from: usize, length in 0..40_usize, doubled: bool) {
        let corpus = corpus();
        let (path, text) = &corpus[which % corpus.len()];
        let characters: Vec<char> = text.chars().collect();
        let from = from % characters.len();
        let to = (from + length).min(characters.len());
        let keep = if doubled { to } else { from };
        let damaged: String = characters[..keep].iter().chain(&characters[if doubled { from } else { to }..]).collect();
        let artifacts = if path.extension().unwrap() == "folder" {
            folder(&damaged)
        } else {
            let mut artifacts = folder(SURROUNDINGS);
            artifacts.insert("apis/orders/operations/read-order/policy.xml", damaged);
            artifacts
        };
        if let Err(diagnostics) = artifacts.compile(&NamedValueOverrides::new()) {
            prop_assert!(!diagnostics.0.is_empty());
            prop_assert!(diagnostics.0.is_sorted());
        }
    }
}
