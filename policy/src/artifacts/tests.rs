#![allow(clippy::unwrap_used)]

use super::*;
use crate::plan::Action;

const INFORMATION: &str = r#"{"properties": {"path": "/orders/", "displayName": "Orders", "apiRevision": "2",
  "apiVersion": "v1", "serviceUrl": "https://orders.example/base", "subscriptionRequired": false}}"#;
const SPECIFICATION: &str = r#"{"openapi": "3.1.0", "info": {"title": "Orders"}, "paths": {
  "/{id}": {"get": {"operationId": "readOrder", "summary": "Read an order"}, "delete": {}}}}"#;

fn orders() -> Artifacts {
    let mut artifacts = Artifacts::new();
    artifacts.insert("apis/orders/apiInformation.json", INFORMATION);
    artifacts.insert("apis/orders/specification.json", SPECIFICATION);
    artifacts
}

fn errors(artifacts: &Artifacts) -> String {
    artifacts
        .compile(&NamedValueOverrides::new())
        .unwrap_err()
        .to_string()
}

#[test]
fn an_api_is_what_its_files_say() {
    let configuration = orders().compile(&NamedValueOverrides::new()).unwrap();
    let api = &configuration.apis[0];
    assert_eq!(
        (&*api.info.id, &*api.info.name, &*api.info.path),
        ("orders", "Orders", "orders")
    );
    assert_eq!(
        (api.info.revision.as_deref(), api.info.version.as_deref()),
        (Some("2"), Some("v1"))
    );
    assert_eq!(
        api.info.service_url.as_deref(),
        Some("https://orders.example/base")
    );
    assert_eq!(
        *api.specification,
        serde_json::from_str::<serde_json::Value>(SPECIFICATION).unwrap()
    );
    let [read, delete] = &api.operations[..] else {
        panic!("{:?}", api.operations)
    };
    assert_eq!(
        (&*read.info.id, &*read.info.method, &*read.info.name),
        ("readorder", "GET", "Read an order")
    );
    assert_eq!(
        (&*read.info.url_template, &read.method),
        ("/{id}", &http::Method::GET)
    );
    assert_eq!(
        (&*delete.info.id, &*delete.info.name),
        ("delete-id", "delete-id")
    );
    assert!(read.template.matches("/17").is_some());
}

#[test]
fn an_empty_folder_is_a_configuration() {
    let configuration = Artifacts::new()
        .compile(&NamedValueOverrides::new())
        .unwrap();
    assert!(configuration.apis.is_empty() && configuration.backends.is_empty());
    assert_eq!(configuration.global.backend.len(), 1);
}

#[test]
fn a_revision_that_is_current_is_served_under_its_name() {
    let mut artifacts = Artifacts::new();
    artifacts.insert(
        "apis/orders;rev=3/apiInformation.json",
        INFORMATION.replace("\"path\"", "\"isCurrent\": true, \"path\""),
    );
    artifacts.insert("apis/orders;rev=3/specification.json", SPECIFICATION);
    artifacts.insert(
        "apis/orders;rev=2/apiInformation.json",
        INFORMATION.replace("\"path\"", "\"isCurrent\": false, \"path\""),
    );
    let configuration = artifacts.compile(&NamedValueOverrides::new()).unwrap();
    assert_eq!(configuration.apis.len(), 1);
    assert_eq!(&*configuration.apis[0].info.id, "orders");
}

#[test]
fn without_service_url_a_policy_must_say_where_to() {
    let mut artifacts = orders();
    artifacts.insert(
        "apis/orders/apiInformation.json",
        INFORMATION.replace("\"https://orders.example/base\"", "null"),
    );
    let message = "apis/orders/apiInformation.json: the operation `readorder` has nowhere to go: there is no `serviceUrl`\n    \
                   add `serviceUrl`, or `set-backend-service` to a policy";
    assert_eq!(errors(&artifacts), message);

    let aimed = "<policies><inbound><set-backend-service base-url='https://a.example'/></inbound></policies>";
    let answered = "<policies><inbound><return-response/></inbound><backend/></policies>";
    for policy in [aimed, answered] {
        artifacts.insert("apis/orders/policy.xml", policy);
        assert!(
            artifacts.compile(&NamedValueOverrides::new()).is_ok(),
            "{policy}"
        );
    }
    artifacts.insert(
        "apis/orders/operations/readorder/policy.xml",
        "<policies><backend><forward-request/></backend></policies>",
    );
    assert_eq!(errors(&artifacts), message);
}

#[test]
fn the_credentials_of_a_backend_are_filled_in_and_hidden() {
    let mut artifacts = Artifacts::new();
    artifacts.insert(
        "backends/b/backendInformation.json",
        r#"{"properties": {"url": "https://{{host}}/api", "type": "Single", "tls": {"validateCertificateName": true},
            "credentials": {"header": {"X-Key": ["{{key}}", "two"]}, "query": {"code": ["a{{key}}"]}, "certificate": []}}}"#,
    );
    let mut overrides = NamedValueOverrides::new();
    overrides.insert("host", "b.example");
    overrides.insert("key", "do-not-show-me");
    let configuration = artifacts.compile(&overrides).unwrap();
    let backend = &configuration.backends["b"];
    assert_eq!(backend.url, "https://b.example/api");
    let headers: Vec<_> = backend
        .headers
        .iter()
        .map(|(n, v)| (n.as_str(), v.to_str().unwrap(), v.is_sensitive()))
        .collect();
    assert_eq!(
        headers,
        [("x-key", "do-not-show-me", true), ("x-key", "two", true)]
    );
    let [(name, value)] = &backend.query[..] else {
        panic!("{backend:?}")
    };
    assert_eq!(
        (name.as_str(), secrecy::ExposeSecret::expose_secret(value)),
        ("code", "ado-not-show-me")
    );
    assert!(!format!("{configuration:?} {overrides:?}").contains("do-not-show-me"));
}

#[test]
fn a_secret_in_a_policy_is_not_shown_by_debug() {
    let mut artifacts = orders();
    let check = "<check-header name='K' failed-check-httpcode='401' failed-check-error-message='' ignore-case='false'>\
                 <value>{{key}}</value></check-header>";
    artifacts.insert(
        "policy.xml",
        format!("<policies><inbound>{check}</inbound></policies>"),
    );
    let mut overrides = NamedValueOverrides::new();
    overrides.insert("key", "do-not-show-me");
    let configuration = artifacts.compile(&overrides).unwrap();
    assert!(format!("{configuration:?}").contains("check-header[1]"));
    assert!(!format!("{configuration:?}").contains("do-not-show-me"));
}

/// The placeholder itself would be admitted otherwise.
#[test]
fn every_name_that_may_be_defined_may_be_used() {
    let mut artifacts = orders();
    let check = "<check-header name='K' failed-check-httpcode='401' failed-check-error-message='' ignore-case='false'>\
                 <value>{{schlüssel}}</value></check-header>";
    artifacts.insert(
        "policy.xml",
        format!("<policies><inbound>{check}</inbound></policies>"),
    );
    artifacts.insert(
        "named values/s/namedValueInformation.json",
        r#"{"properties": {"displayName": "schlüssel", "value": "key.example", "secret": false}}"#,
    );
    artifacts.insert(
        "backends/b/backendInformation.json",
        r#"{"properties": {"url": "http://{{schlüssel}}", "credentials": {"query": {"{{schlüssel}}": ["{{schlüssel}}"]}}}}"#,
    );
    let configuration = artifacts.compile(&NamedValueOverrides::new()).unwrap();
    let Action::CheckHeader(check) = &configuration.global.inbound[0].action else {
        panic!()
    };
    assert_eq!(
        check.values[0].literal().map(String::as_str),
        Some("key.example")
    );
    let backend = &configuration.backends["b"];
    assert_eq!(backend.url, "http://key.example/");
    assert_eq!(backend.query[0].0, "key.example");
}

#[test]
fn a_value_from_outside_replaces_a_secret_that_is_missing() {
    let mut artifacts = Artifacts::new();
    let file = "named values/k/namedValueInformation.json";
    artifacts.insert(
        file,
        r#"{"properties": {"displayName": "k", "secret": true}}"#,
    );
    assert!(errors(&artifacts).starts_with(&format!(
        "{file}:1:16: the secret named value `k` has no value"
    )));
    let mut overrides = NamedValueOverrides::new();
    overrides.insert("k", "v");
    assert!(artifacts.compile(&overrides).is_ok());
}

#[test]
fn an_environment_variable_reaches_every_name_it_may_stand_for_and_an_explicit_value_wins() {
    let mut overrides = NamedValueOverrides::new();
    overrides.insert_from_environment("FUNCTION_KEY", "from the environment");
    let text = |overrides: &NamedValueOverrides, name: &str| {
        overrides
            .get(name)
            .map(|value| secrecy::ExposeSecret::expose_secret(value).to_owned())
    };
    for name in ["function-key", "Function.Key", "FUNCTION_KEY"] {
        assert_eq!(
            text(&overrides, name).as_deref(),
            Some("from the environment"),
            "{name}"
        );
    }
    assert_eq!(text(&overrides, "functionkey"), None);
    overrides.insert("function-key", "explicit");
    assert_eq!(
        text(&overrides, "function-key").as_deref(),
        Some("explicit")
    );

    // A name that no file defines works as well.
    let mut artifacts = Artifacts::new();
    artifacts.insert(
        "backends/b/backendInformation.json",
        r#"{"properties": {"url": "https://{{backend-host}}/api"}}"#,
    );
    overrides.insert_from_environment("BACKEND_HOST", "b.example");
    assert_eq!(
        artifacts.compile(&overrides).unwrap().backends["b"].url,
        "https://b.example/api"
    );
}
