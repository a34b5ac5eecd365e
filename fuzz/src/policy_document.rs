//! A policy document between a client's configuration and the plan made of it.

use weir_policy::artifacts::{Artifacts, NamedValueOverrides};

/// A secret that a document may refer to, and that no message may repeat.
const SECRET: &str = "do-not-show-me";

/// The folder around the document: one API with one operation, and a secret named value.
const SURROUNDINGS: [(&str, &str); 3] = [
    (
        "apis/orders/apiInformation.json",
        r#"{"properties": {"displayName": "Orders", "path": "orders",
            "serviceUrl": "http://orders.example", "subscriptionRequired": false}}"#,
    ),
    (
        "apis/orders/specification.yaml",
        r#"openapi: 3.0.3
paths: { "/{id}": { get: { operationId: read-order } } }
"#,
    ),
    (
        "named values/secret/namedValueInformation.json",
        r#"{"properties": {"displayName": "secret", "value": "do-not-show-me", "secret": true}}"#,
    ),
];

/// It loads, or is refused with messages whose places lie within it and that keep secrets.
pub(crate) fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut artifacts = Artifacts::new();
    for (path, content) in SURROUNDINGS {
        artifacts.insert(path, content);
    }
    artifacts.insert("policy.xml", text);
    let Err(problems) = artifacts.compile(&NamedValueOverrides::new()) else {
        return;
    };
    assert!(!problems.0.is_empty(), "refused without a reason");
    let lines = text.lines().count().max(1) + 1;
    for problem in &problems.0 {
        let message = problem.to_string();
        let leaks = message.contains(SECRET) && !text.contains(SECRET);
        assert!(!leaks, "a message shows a secret: {message}");
        let line = place_of(&message);
        assert!(
            line.is_none_or(|line| line <= lines),
            "beyond the end: {message}"
        );
    }
}

/// The line of `policy.xml:LINE:COLUMN: …`.
fn place_of(message: &str) -> Option<usize> {
    let rest = message.strip_prefix("policy.xml:")?;
    rest.split(':').next()?.parse().ok()
}
