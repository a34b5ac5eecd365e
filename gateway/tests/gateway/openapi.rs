//! The document of all APIs at `/openapi.json`.

use serde_json::{Value, json};

use crate::support::{Gateway, Setup, inbound, send};
use crate::upstream::{Upstream, full};

const SPA: &str = "http://localhost:3000";

const CORS: &str = r#"<cors allow-credentials="true"><allowed-origins><origin>http://localhost:3000</origin></allowed-origins>
  <allowed-headers><header>*</header></allowed-headers><expose-headers><header>*</header></expose-headers></cors>"#;

async fn gateway(steps: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let gateway = Setup::new(upstream.address, inbound(steps)).start().await;
    (upstream, gateway)
}

#[tokio::test]
async fn it_names_the_gateway_and_what_it_serves() {
    let (upstream, gateway) = gateway("").await;
    let answer = send(gateway.get("/openapi.json?x=1")).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json"))
    );
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("x-trace-id").map(str::len), Some(32));
    let document = answer.json();
    assert_eq!(document["servers"], json!([{ "url": gateway.url("") }]));
    assert_eq!(document["info"]["title"], "Test");
    assert_eq!(
        document["paths"]["/api/items/{id}"]["get"]["operationId"],
        "item"
    );
    assert!(
        !answer.body.contains(&upstream.address.to_string()),
        "{}",
        answer.body
    );
    assert!(upstream.seen().is_empty());
    assert_eq!(
        send(gateway.request("POST", "/openapi.json")).await.status,
        404
    );
    assert_eq!(send(gateway.get("/openapi.json/")).await.status, 404);
}

#[tokio::test]
async fn head_and_conditional_requests_get_no_body() {
    let (_upstream, gateway) = gateway("").await;
    let whole = send(gateway.get("/openapi.json")).await;
    let head = send(gateway.request("HEAD", "/openapi.json")).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(
        head.header("content-length"),
        Some(&*whole.body.len().to_string())
    );
    let tag = whole.header("etag").unwrap();
    assert_eq!(head.header("etag"), Some(tag));
    for (known, status) in [
        (tag, 304),
        (&*format!("\"x\", W/{tag}"), 304),
        ("*", 304),
        ("\"x\"", 200),
    ] {
        let answer = send(gateway.get("/openapi.json").header("if-none-match", known)).await;
        assert_eq!(
            (answer.status, answer.body.is_empty()),
            (status, status == 304),
            "{known}"
        );
        assert_eq!(answer.header("etag"), Some(tag));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
    }
    let elsewhere = send(
        gateway
            .get("/openapi.json")
            .header("host", "api.example.com"),
    )
    .await;
    assert_ne!(elsewhere.header("etag"), Some(tag), "another document");
}

#[tokio::test]
async fn pages_of_the_global_cors_policy_may_read_it() {
    let (_upstream, gateway) = gateway(CORS).await;
    let answer = send(gateway.get("/openapi.json").header("origin", SPA)).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(SPA));
    assert!(
        answer
            .header("access-control-expose-headers")
            .unwrap()
            .contains("x-trace-id")
    );
    let tag = answer.header("etag").unwrap();
    let known = send(
        gateway
            .get("/openapi.json")
            .header("origin", SPA)
            .header("if-none-match", tag),
    )
    .await;
    assert_eq!(
        (known.status, known.header("access-control-allow-origin")),
        (304, Some(SPA))
    );
    for origin in [None, Some("http://evil.example")] {
        let request = gateway.get("/openapi.json");
        let answer = send(if let Some(origin) = origin {
            request.header("origin", origin)
        } else {
            request
        })
        .await;
        assert_eq!(
            (answer.status, answer.header("vary")),
            (200, Some("Origin"))
        );
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let preflight = gateway
        .request("OPTIONS", "/openapi.json")
        .header("origin", SPA);
    let preflight = send(preflight.header("access-control-request-method", "GET")).await;
    assert_eq!(
        (
            preflight.status,
            preflight.header("access-control-allow-origin")
        ),
        (200, Some(SPA))
    );
}

#[tokio::test]
async fn no_token_is_needed_and_no_limit_counts_it() {
    let steps = format!(
        r#"{}<rate-limit-by-key calls="1" renewal-period="60" counter-key="all" />"#,
        crate::support::validate_jwt("", "")
    );
    let (_upstream, gateway) = gateway(&steps).await;
    for _ in 0..3 {
        let answer = send(gateway.get("/openapi.json")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.json()["paths"]["/api/hello"]["get"]["security"],
            json!([{ "bearer": [] }])
        );
        assert!(
            !answer
                .body
                .contains(&crate::support::base64(crate::support::SECRET))
        );
    }
}

#[tokio::test]
async fn an_operation_of_that_path_goes_before_it() {
    let upstream = Upstream::start().await;
    let information = json!({ "properties": {
        "path": "", "serviceUrl": format!("http://{}", upstream.address), "subscriptionRequired": false,
    }});
    let specification = "openapi: 3.0.3\npaths: { '/{file}': { get: {} } }";
    let setup = Setup::new(upstream.address, inbound(""));
    let setup = setup.file("apis/own/apiInformation.json", information.to_string());
    let gateway = setup
        .file("apis/own/specification.yaml", specification)
        .start()
        .await;
    assert_eq!(send(gateway.get("/openapi.json")).await.body, "hello");
    assert_eq!(upstream.only().uri, "/openapi.json");
}

#[tokio::test]
async fn it_can_be_elsewhere_and_nowhere() {
    let upstream = Upstream::start().await;
    let mut setup = Setup::new(upstream.address, inbound(""));
    setup.configure = |config| {
        config.openapi_path = Some("/docs/all".parse().unwrap());
        config.public_url = Some("https://api.example.com/gateway/".parse().unwrap());
    };
    let gateway = setup.start().await;
    let document = send(gateway.get("/docs/all")).await.json();
    assert_eq!(
        document["servers"],
        json!([{ "url": "https://api.example.com/gateway" }])
    );
    assert_eq!(send(gateway.get("/openapi.json")).await.status, 404);

    let mut setup = Setup::new(upstream.address, inbound(""));
    setup.configure = |config| config.openapi_path = None;
    let gateway = setup.start().await;
    assert_eq!(send(gateway.get("/openapi.json")).await.status, 404);
}

#[tokio::test]
async fn only_trusted_proxies_say_where_the_gateway_is() {
    let upstream = Upstream::start().await;
    for (trusted, url) in [
        ("127.0.0.0/8", "https://api.example.com"),
        ("10.0.0.0/8", "http://inner:81"),
    ] {
        let gateway = Setup::new(upstream.address, inbound(""))
            .trusted(trusted)
            .start()
            .await;
        let request = gateway.get("/openapi.json").header("host", "inner:81");
        let request = request
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "api.example.com");
        assert_eq!(
            send(request).await.json()["servers"],
            json!([{ "url": url }])
        );
    }
}

/// A provider whose key is that of RFC 7515, appendix A.3.
async fn provider() -> Upstream {
    Upstream::answering(|seen| {
        let host = seen.header("host").unwrap();
        let document = match seen.uri.path() {
            "/keys" => json!({ "keys": [{
                "kty": "EC", "crv": "P-256",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            }]}),
            _ => json!({
                "issuer": "https://login.example/", "jwks_uri": format!("http://{host}/keys"),
                "authorization_endpoint": "https://login.example/authorize?p=signin",
                "token_endpoint": "https://login.example/token",
            }),
        };
        http::Response::new(full(document.to_string()))
    })
    .await
}

#[tokio::test]
async fn people_sign_in_where_the_discovery_document_says() {
    let (upstream, provider) = (Upstream::start().await, provider().await);
    let information = json!({ "properties": {
        "path": "own", "displayName": "Own", "serviceUrl": format!("http://{}", upstream.address), "subscriptionRequired": false,
    }});
    let specification = json!({
        "openapi": "3.0.3",
        "security": [{ "login": ["https://example.com/Hello"] }],
        "paths": { "/hello": { "get": {} } },
        "components": { "securitySchemes": { "login": { "type": "oauth2", "flows": { "authorizationCode": {
            "authorizationUrl": "http://localhost:1/authorize", "tokenUrl": "http://localhost:1/token",
            "scopes": { "https://example.com/Hello": "Say hello" },
        }}}}},
    });
    let discovery = format!(
        "http://{}/.well-known/openid-configuration",
        provider.address
    );
    let steps = format!(
        r#"<validate-jwt header-name="Authorization"><openid-config url="{discovery}" /></validate-jwt>"#
    );
    let setup = Setup::new(upstream.address, inbound(&steps));
    let setup = setup.file("apis/own/apiInformation.json", information.to_string());
    let gateway = setup
        .file("apis/own/specification.json", specification.to_string())
        .start()
        .await;
    let schemes = || async {
        send(gateway.get("/openapi.json")).await.json()["components"]["securitySchemes"].take()
    };
    weir_testkit::eventually(crate::support::PATIENCE, || async {
        schemes().await["sign-in"]["type"] == "oauth2"
    })
    .await;

    let document = send(gateway.get("/openapi.json")).await;
    assert!(
        !document.body.contains(&provider.address.to_string()),
        "{}",
        document.body
    );
    let document: Value = document.json();
    let flow = |scopes: Value| {
        json!({ "authorizationCode": {
            "authorizationUrl": "https://login.example/authorize?p=signin",
            "tokenUrl": "https://login.example/token",
            "scopes": scopes,
        }})
    };
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(
        schemes["own.login"]["flows"],
        flow(json!({ "https://example.com/Hello": "Say hello" }))
    );
    assert_eq!(schemes["sign-in"]["flows"], flow(json!({})));
    let hello = &document["paths"]["/own/hello"]["get"];
    assert_eq!(
        hello["security"],
        json!([{ "own.login": ["https://example.com/Hello"] }])
    );
    assert_eq!(
        document["paths"]["/api/hello"]["get"]["security"],
        json!([{ "sign-in": [] }])
    );
}
