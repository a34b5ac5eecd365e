//! The configuration in `config/` loads without a word and compiles to what the scenario asks for.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use weir_policy::artifacts::{Artifacts, NamedValueOverrides};
use weir_policy::plan::{
    Action, CorsOrigins, RateLimitByKey, Scope, SetBackendService, Step, TokenSource,
};
use weir_policy::{Configuration, Plan, Setting};

const DISCOVERY: &str = "http://localhost:8090/contoso.onmicrosoft.com/B2C_1_Frontendapp_signupandsignin/v2.0/.well-known/openid-configuration";

fn add(artifacts: &mut Artifacts, root: &Path, folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add(artifacts, root, &path);
        } else {
            let parts: Vec<_> = path
                .strip_prefix(root)
                .unwrap()
                .iter()
                .map(|part| part.to_str().unwrap())
                .collect();
            artifacts.insert(parts.join("/"), fs::read_to_string(&path).unwrap());
        }
    }
}

fn config() -> Artifacts {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("config");
    let mut artifacts = Artifacts::new();
    add(&mut artifacts, &root, &root);
    artifacts
}

fn load() -> Configuration {
    let mut overrides = NamedValueOverrides::new();
    overrides.insert("function-key", "the-key");
    config()
        .compile(&overrides)
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn hello(configuration: &Configuration) -> &Plan {
    &configuration.apis[0].operations[0].plan
}

fn literal<T>(setting: &Setting<T>) -> &T {
    setting.literal().unwrap()
}

#[test]
fn the_public_url_is_hello() {
    let configuration = load();
    let [api] = &configuration.apis[..] else {
        panic!("{:?}", configuration.apis)
    };
    let [operation] = &api.operations[..] else {
        panic!("{:?}", api.operations)
    };
    assert_eq!(
        (
            &*api.info.path,
            &*operation.info.url_template,
            &*operation.info.id
        ),
        ("", "/hello", "hello")
    );
    assert_eq!(operation.method, http::Method::GET);
    assert_eq!(
        api.specification["components"]["securitySchemes"]["sign-in"]["type"],
        "oauth2"
    );
}

#[test]
fn the_function_key_goes_to_the_backend_only() {
    let configuration = load();
    let backend = &configuration.backends["function-app"];
    assert_eq!(backend.url, "http://localhost:7071/api");
    let [(name, value)] = &backend.headers[..] else {
        panic!("{backend:?}")
    };
    assert_eq!(
        (name.as_str(), value.as_bytes()),
        ("x-functions-key", &b"the-key"[..])
    );
    assert!(!format!("{configuration:?}").contains("the-key"));
}

#[test]
fn without_the_function_key_the_error_says_how_to_give_it() {
    let error = config()
        .compile(&NamedValueOverrides::new())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "named values/function-key/namedValueInformation.json:2:17: the secret named value `function-key` has no value\n    \
         give it with `--named-value function-key=VALUE` or the environment variable `WEIR_NAMED_VALUE_FUNCTION_KEY`"
    );
}

#[test]
fn the_steps_stand_in_order() {
    let configuration = load();
    let plan = hello(&configuration);
    let outline = |steps: &[Step]| -> Vec<String> {
        steps
            .iter()
            .map(|s| format!("{}/{}", s.origin.scope.as_str(), s.origin.path))
            .collect()
    };
    let inbound = [
        "global/cors[1]",
        "global/validate-jwt[1]",
        "global/rate-limit-by-key[1]",
        "global/rate-limit-by-key[2]",
        "api/set-backend-service[1]",
    ];
    assert_eq!(outline(&plan.inbound), inbound);
    assert_eq!(outline(&plan.backend), ["global/forward-request[1]"]);
    assert!(plan.outbound.is_empty() && plan.on_error.is_empty());
    assert_eq!(outline(&configuration.global.inbound), inbound[..4]);
    assert_eq!(configuration.validate_jwt_count, 1);
    let origin = &plan.inbound[1].origin;
    assert_eq!(
        (
            &*origin.file,
            origin.position.to_string().as_str(),
            origin.scope
        ),
        ("policy.xml", "9:5", Scope::Global)
    );
    let Action::SetBackendService(service) = &plan.inbound[4].action else {
        panic!()
    };
    assert!(
        matches!(&**service, SetBackendService::BackendId(Setting::Literal(id)) if id == "function-app")
    );
    let Action::ForwardRequest(forward) = &plan.backend[0].action else {
        panic!()
    };
    assert_eq!(*literal(&forward.timeout), Duration::from_secs(300));
    assert!(!forward.fail_on_error_status && !forward.follow_redirects);
}

#[test]
fn cors_is_what_the_policy_says() {
    let configuration = load();
    let cors = hello(&configuration).cors.as_ref().unwrap();
    assert!(*literal(&cors.allow_credentials) && *literal(&cors.terminate_unmatched));
    assert_eq!(
        cors.origins,
        CorsOrigins::List(vec!["http://localhost:3000".into()])
    );
    assert_eq!(cors.methods.as_deref(), Some(&[http::Method::GET][..]));
    assert_eq!(cors.max_age.as_ref().map(literal), Some(&120));
    assert!(cors.headers.is_none() && cors.expose.is_none());
    assert!(configuration.global.cors.is_some());
}

#[test]
fn tokens_are_checked_as_the_policy_says() {
    let configuration = load();
    let Action::ValidateJwt(jwt) = &hello(&configuration).inbound[1].action else {
        panic!()
    };
    assert_eq!(jwt.index, 0);
    assert!(
        matches!(&jwt.source, TokenSource::Header(Setting::Literal(name)) if name == "Authorization")
    );
    assert_eq!(*literal(&jwt.failed_status), 401);
    assert_eq!(
        literal(jwt.failed_message.as_ref().unwrap()),
        "Unauthorized. Access token is missing or invalid."
    );
    assert!(*literal(&jwt.require_expiration) && *literal(&jwt.require_signed));
    assert_eq!(*literal(&jwt.clock_skew), 300);
    assert_eq!(jwt.openid_configs, [DISCOVERY]);
    assert!(jwt.require_scheme.is_none() && jwt.output_variable.is_none());
    assert!(jwt.keys.is_empty() && jwt.audiences.is_empty() && jwt.issuers.is_empty());
    let [claim] = &jwt.required_claims[..] else {
        panic!("{:?}", jwt.required_claims)
    };
    assert_eq!(
        (claim.name.as_str(), claim.all, &claim.separator),
        ("aud", true, &None)
    );
    assert_eq!(
        literal(&claim.values[0]),
        "f8a5b3c1-6d2e-4b7a-9c40-2f1d8e6a7b53"
    );
}

#[test]
fn both_limits_are_what_the_policy_says() {
    let configuration = load();
    let limits: Vec<&RateLimitByKey> = hello(&configuration)
        .inbound
        .iter()
        .filter_map(|step| match &step.action {
            Action::RateLimitByKey(limit) => Some(&**limit),
            _ => None,
        })
        .collect();
    let numbers: Vec<_> = limits
        .iter()
        .map(|l| (&*l.name, *literal(&l.calls), *literal(&l.renewal_period)))
        .collect();
    let expected = [
        ("global/rate-limit-by-key[1]", 300, 120),
        ("global/rate-limit-by-key[2]", 15, 60),
    ];
    assert_eq!(numbers, expected);
    for limit in limits {
        assert!(limit.counter_key.is_expression());
        assert!(!limit.is_deferred());
        assert_eq!(limit.retry_after_header, http::header::RETRY_AFTER);
        assert!(limit.remaining_header.is_none() && limit.total_header.is_none());
        assert!(limit.retry_after_variable.is_none() && limit.remaining_variable.is_none());
    }
}
