#![allow(clippy::unwrap_used)]

use super::*;
use crate::artifacts::{Artifacts, NamedValueOverrides};
use crate::configuration::Configuration;
use crate::plan::SetBackendService;

const INFORMATION: &str = r#"{"properties": {"path": "", "serviceUrl": "https://a.example", "subscriptionRequired": false}}"#;
const SPECIFICATION: &str =
    "openapi: 3.0.3\npaths: { /a: { get: { operationId: a }, put: { operationId: b } } }";

/// Compiles the documents of an API with the operations `a` and `b`; absent ones do not exist.
fn compile(global: Option<&str>, api: Option<&str>, operation: Option<&str>) -> Configuration {
    let mut artifacts = Artifacts::new();
    artifacts.insert("apis/x/apiInformation.json", INFORMATION);
    artifacts.insert("apis/x/specification.yaml", SPECIFICATION);
    let documents = [
        ("policy.xml", global),
        ("apis/x/policy.xml", api),
        ("apis/x/operations/a/policy.xml", operation),
    ];
    for (path, text) in documents
        .into_iter()
        .filter_map(|(path, text)| Some((path, text?)))
    {
        artifacts.insert(path, text);
    }
    artifacts.compile(&NamedValueOverrides::new()).unwrap()
}

/// A document whose inbound section is `inbound`.
fn inbound(inbound: &str) -> String {
    format!("<policies><inbound>{inbound}</inbound></policies>")
}

fn mark(name: &str) -> String {
    format!("<set-header name=\"{name}\"><value>1</value></set-header>")
}

/// The steps as `scope/path`, for headers `scope/name`.
fn outline(steps: &[Step]) -> Vec<String> {
    let line = |step: &Step| match &step.action {
        Action::SetHeader(header) => format!(
            "{}/{}",
            step.origin.scope.as_str(),
            header.name.literal().unwrap()
        ),
        _ => format!("{}/{}", step.origin.scope.as_str(), step.origin.path),
    };
    steps.iter().map(line).collect()
}

fn plan_of<'a>(configuration: &'a Configuration, operation: &str) -> &'a Plan {
    &configuration.apis[0]
        .operations
        .iter()
        .find(|o| &*o.info.id == operation)
        .unwrap()
        .plan
}

#[test]
fn base_is_replaced_where_it_stands() {
    let global = inbound(&format!("{}<base/>{}", mark("g1"), mark("g2")));
    let api = inbound(&format!("{}<base/>{}", mark("a1"), mark("a2")));
    let operation = inbound(&format!("<base/>{}", mark("o1")));
    let configuration = compile(Some(&global), Some(&api), Some(&operation));
    let expected = ["api/a1", "global/g1", "global/g2", "api/a2", "operation/o1"];
    assert_eq!(outline(&plan_of(&configuration, "a").inbound), expected);
    assert_eq!(
        outline(&plan_of(&configuration, "b").inbound),
        expected[..4]
    );
    assert_eq!(
        outline(&configuration.global.inbound),
        ["global/g1", "global/g2"]
    );
}

#[test]
fn without_base_nothing_is_inherited() {
    let global = inbound(&mark("g"));
    let api = inbound(&mark("a"));
    let configuration = compile(Some(&global), Some(&api), Some(&inbound("")));
    assert_eq!(outline(&plan_of(&configuration, "a").inbound), [""; 0]);
    assert_eq!(outline(&plan_of(&configuration, "b").inbound), ["api/a"]);
}

#[test]
fn a_missing_document_is_skipped() {
    let configuration = compile(Some(&inbound(&mark("g"))), None, Some(&inbound("<base/>")));
    assert_eq!(outline(&plan_of(&configuration, "a").inbound), ["global/g"]);
    assert_eq!(outline(&plan_of(&configuration, "b").inbound), ["global/g"]);
}

#[test]
fn an_absent_section_inherits_and_an_empty_one_does_not() {
    let api = "<policies><backend/></policies>";
    let configuration = compile(Some(&inbound(&mark("g"))), Some(api), None);
    let plan = plan_of(&configuration, "a");
    assert_eq!(outline(&plan.inbound), ["global/g"]);
    assert_eq!(outline(&plan.backend), [""; 0]);
}

#[test]
fn what_nobody_says_is_forwarded() {
    for global in [
        None,
        Some("<policies/>"),
        Some("<policies><backend><base/></backend></policies>"),
    ] {
        let configuration = compile(global, None, None);
        let plan = plan_of(&configuration, "a");
        assert_eq!(
            outline(&plan.backend),
            ["global/forward-request[1]"],
            "{global:?}"
        );
        assert_eq!(
            outline(&configuration.global.backend),
            ["global/forward-request[1]"]
        );
        assert!(plan.inbound.is_empty() && plan.outbound.is_empty() && plan.on_error.is_empty());
        let Action::ForwardRequest(forward) = &plan.backend[0].action else {
            panic!("{plan:?}")
        };
        assert_eq!(forward.timeout.literal().unwrap().as_secs(), 300);
    }
}

#[test]
fn paths_count_each_name_on_its_own() {
    let document = inbound(
        "<set-variable name='a' value='1'/><choose><when condition='true'/></choose><choose><when condition='false'/>\
         <when condition='true'><set-variable name='b' value='1'/><set-status code='200'/><set-variable name='c' value='1'/>\
         </when><otherwise><choose><when condition='true'><set-status code='201' id='x'/></when></choose></otherwise></choose>",
    );
    let configuration = compile(None, None, Some(&document));
    let inbound = &plan_of(&configuration, "a").inbound;
    assert_eq!(
        outline(inbound),
        [
            "operation/set-variable[1]",
            "operation/choose[1]",
            "operation/choose[2]"
        ]
    );
    let Action::Choose(choose) = &inbound[2].action else {
        panic!()
    };
    let expected = ["set-variable[1]", "set-status[1]", "set-variable[2]"]
        .map(|s| format!("operation/choose[2]/when[2]/{s}"));
    assert_eq!(outline(&choose.whens[1].steps), expected);
    let Action::Choose(inner) = &choose.otherwise[0].action else {
        panic!()
    };
    let origin = &inner.whens[0].steps[0].origin;
    assert_eq!(
        &*origin.path,
        "choose[2]/otherwise[1]/choose[1]/when[1]/set-status[1]"
    );
    assert_eq!(
        (origin.policy, origin.id.as_deref(), origin.section),
        ("set-status", Some("x"), Section::Inbound)
    );
    assert_eq!(&*origin.file, "apis/x/operations/a/policy.xml");
}

const JWT: &str = "<validate-jwt header-name='Authorization'><openid-config url='https://i.example/o'/></validate-jwt>";

#[test]
fn an_inherited_validate_jwt_has_one_number() {
    let global = inbound(JWT);
    let api = inbound(&format!("<base/>{JWT}"));
    let configuration = compile(Some(&global), Some(&api), None);
    let indexes = |plan: &Plan| -> Vec<usize> {
        let index = |step: &Step| match &step.action {
            Action::ValidateJwt(jwt) => Some(jwt.index),
            _ => None,
        };
        plan.inbound.iter().filter_map(index).collect()
    };
    assert_eq!(
        indexes(plan_of(&configuration, "a")),
        indexes(plan_of(&configuration, "b"))
    );
    let [inherited, own] = indexes(plan_of(&configuration, "a"))[..] else {
        panic!()
    };
    assert_eq!(indexes(&configuration.global), [inherited]);
    assert_ne!(inherited, own);
    assert_eq!(configuration.validate_jwt_count, 2);
}

#[test]
fn limits_are_named_by_id_or_place() {
    let limit = |id: &str| {
        format!("<rate-limit-by-key calls='1' renewal-period='1' counter-key='k' {id}/>")
    };
    let nested = format!(
        "<choose><when condition='true'>{}</when></choose>",
        limit("")
    );
    let document = inbound(&format!(
        "{}{}{}{nested}",
        limit(""),
        limit("id='named'"),
        limit("")
    ));
    let configuration = compile(Some(&document), None, None);
    let name = |step: &Step| match &step.action {
        Action::RateLimitByKey(limit) => limit.name.to_string(),
        Action::Choose(choose) => match &choose.whens[0].steps[0].action {
            Action::RateLimitByKey(limit) => limit.name.to_string(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let names: Vec<_> = plan_of(&configuration, "a")
        .inbound
        .iter()
        .map(name)
        .collect();
    let place = "global/rate-limit-by-key";
    let expected = [
        format!("{place}[1]"),
        "named".into(),
        format!("{place}[3]"),
        "global/choose[1]/when[1]/rate-limit-by-key[1]".into(),
    ];
    assert_eq!(names, expected);
}

#[test]
fn names_of_limits_tell_apis_and_operations_apart() {
    let document =
        inbound("<base/><rate-limit-by-key calls='1' renewal-period='1' counter-key='k'/>");
    let mut artifacts = Artifacts::new();
    for (api, path) in [("x;rev=2", "x"), ("y", "y")] {
        artifacts.insert(
            &*format!("apis/{api}/apiInformation.json"),
            INFORMATION.replace("\"\"", &format!("\"{path}\"")),
        );
        artifacts.insert(&*format!("apis/{api}/specification.yaml"), SPECIFICATION);
        artifacts.insert(&*format!("apis/{api}/policy.xml"), document.as_str());
        artifacts.insert(
            &*format!("apis/{api}/operations/a/policy.xml"),
            document.as_str(),
        );
    }
    let configuration = artifacts.compile(&NamedValueOverrides::new()).unwrap();
    let names = |api: usize| -> Vec<String> {
        let name = |step: &Step| match &step.action {
            Action::RateLimitByKey(limit) => limit.name.to_string(),
            other => panic!("{other:?}"),
        };
        configuration.apis[api].operations[0]
            .plan
            .inbound
            .iter()
            .map(name)
            .collect()
    };
    assert_eq!(
        names(0),
        ["x/rate-limit-by-key[1]", "x/a/rate-limit-by-key[1]"]
    );
    assert_eq!(
        names(1),
        ["y/rate-limit-by-key[1]", "y/a/rate-limit-by-key[1]"]
    );
}

#[test]
fn preflights_see_the_first_cors_outside_choose() {
    let cors = |origin: &str| {
        format!(
            "<cors><allowed-origins><origin>{origin}</origin></allowed-origins>\
             <allowed-headers><header>*</header></allowed-headers></cors>"
        )
    };
    let global = inbound(&cors("https://global.example"));
    let hidden = format!(
        "<choose><when condition='true'>{}</when></choose>",
        cors("https://hidden.example")
    );
    let api = inbound(&format!("{hidden}{}<base/>", cors("https://api.example")));
    let operation = inbound(&hidden);
    let configuration = compile(Some(&global), Some(&api), Some(&operation));
    assert!(plan_of(&configuration, "a").cors.is_none());
    let cors = plan_of(&configuration, "b").cors.clone().unwrap();
    assert_eq!(
        cors.origins,
        crate::plan::CorsOrigins::List(vec!["https://api.example".into()])
    );
    assert_eq!(
        cors.methods.as_deref(),
        Some(&[http::Method::GET, http::Method::POST][..])
    );
    assert!(
        *cors.terminate_unmatched.literal().unwrap() && !*cors.allow_credentials.literal().unwrap()
    );
    assert!(cors.headers.is_none() && cors.max_age.is_none());
    assert_eq!(cors.expose.as_deref(), Some(&[][..]));
}

#[test]
fn a_mistake_that_many_plans_inherit_is_reported_once() {
    let mut artifacts = Artifacts::new();
    artifacts.insert("apis/x/apiInformation.json", INFORMATION);
    artifacts.insert("apis/x/specification.yaml", SPECIFICATION);
    artifacts.insert("policy.xml", inbound("<quota/>"));
    assert_eq!(
        artifacts
            .compile(&NamedValueOverrides::new())
            .unwrap_err()
            .0
            .len(),
        1
    );
}

#[test]
fn an_override_defines_and_wins_and_may_be_an_expression() {
    let mut artifacts = Artifacts::new();
    artifacts.insert(
        "apis/x/apiInformation.json",
        INFORMATION.replace("https://a.example", "{{host}}/v1"),
    );
    artifacts.insert("apis/x/specification.yaml", SPECIFICATION);
    artifacts.insert(
        "named values/h/namedValueInformation.json",
        r#"{"properties": {"displayName": "host", "value": "x"}}"#,
    );
    artifacts.insert(
        "policy.xml",
        inbound("<set-backend-service base-url='{{base}}'/>"),
    );
    let mut overrides = NamedValueOverrides::new();
    overrides.insert("host", "https://b.example");
    overrides.insert("base", "https://c.example");
    overrides.insert("unused", "x");
    let configuration = artifacts.compile(&overrides).unwrap();
    assert_eq!(
        configuration.apis[0].service_url.as_ref().unwrap(),
        "https://b.example/v1"
    );
    let Action::SetBackendService(service) = &plan_of(&configuration, "a").inbound[0].action else {
        panic!()
    };
    assert!(
        matches!(&**service, SetBackendService::BaseUrl(Setting::Literal(url)) if url == "https://c.example")
    );
    overrides.insert("base", "@(context.Request.IpAddress)");
    let configuration = artifacts.compile(&overrides).unwrap();
    let Action::SetBackendService(service) = &plan_of(&configuration, "a").inbound[0].action else {
        panic!()
    };
    assert!(matches!(
        &**service,
        SetBackendService::BaseUrl(Setting::Expression(_))
    ));
    assert!(!format!("{overrides:?}").contains("example"));
}
