//! A C# expression: parsed as it stands in a document, and evaluated for a request.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Method, Uri};
use uuid::Uuid;
use weir_policy::context::{ApiInfo, Deployment, OperationInfo, Request, Variables};
use weir_policy::{Context, Expression, xml};

/// It parses or is refused; what parses has one value, however often it is asked.
pub(crate) fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let file: Arc<str> = Arc::from("policy.xml");
    let Ok(document) = xml::read(&file, &format!("<a>@({text})</a>")) else {
        return;
    };
    let Some(raw) = document.root.text() else {
        return;
    };
    let Ok(expression) = Expression::parse(raw, &file) else {
        return;
    };
    let context = context();
    let first = expression.evaluate(&context);
    // What is new with every call has no one value.
    if text.contains("NewGuid") || text.contains("Now") || text.contains("Random") {
        return;
    }
    let second = expression.evaluate(&context);
    assert_eq!(
        format!("{first:?}"),
        format!("{second:?}"),
        "two values of {text}"
    );
}

fn context() -> Context {
    let url = Uri::from_static("http://api.example:8080/orders/7?page=2&sort=asc");
    let mut headers = HeaderMap::new();
    headers.insert("x-one", HeaderValue::from_static("1"));
    headers.insert(
        "authorization",
        HeaderValue::from_static("Bearer e30.e30.c2ln"),
    );
    Context {
        request: Request {
            method: Method::GET,
            ip: [203, 0, 113, 9].into(),
            certificate: None,
            headers,
            url: url.clone(),
            original_url: url,
            matched_parameters: vec![("id".into(), "7".to_owned())],
        },
        response: None,
        variables: Variables::default(),
        last_error: None,
        api: Arc::new(ApiInfo {
            id: "orders".into(),
            name: "Orders".into(),
            path: "orders".into(),
            revision: None,
            version: None,
            service_url: None,
        }),
        operation: Arc::new(OperationInfo {
            id: "read".into(),
            method: "GET".into(),
            name: "Read".into(),
            url_template: "/{id}".into(),
        }),
        deployment: Arc::new(Deployment {
            gateway_id: "weir".into(),
            region: "local".into(),
            service_name: "weir".into(),
        }),
        request_id: Uuid::nil(),
        timestamp: SystemTime::UNIX_EPOCH,
        verified_token: None,
    }
}
