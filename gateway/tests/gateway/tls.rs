//! HTTPS through the gateway: what the backend, expressions and the OpenAPI document are told.

use http::Version;
use serde_json::Value;
use weir_testkit::Certificates;

use crate::support::{Gateway, PATIENCE, Setup, client, inbound, send};
use crate::upstream::Upstream;

const TELLS: &str = r#"
    <set-header name="x-original" exists-action="override">
      <value>@(context.Request.OriginalUrl.Scheme + " " + context.Request.OriginalUrl.Port)</value>
    </set-header>"#;

async fn start(certificates: &Certificates) -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let setup = Setup::new(upstream.address, inbound(TELLS)).trusted("127.0.0.1/32");
    let gateway = setup.secure(certificates).start().await;
    (upstream, gateway)
}

fn believing(certificates: &Certificates) -> reqwest::ClientBuilder {
    let authority = reqwest::Certificate::from_pem(certificates.authority()).unwrap();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .tls_certs_only([authority])
}

#[tokio::test]
async fn http2_over_tls_is_https_everywhere() {
    let certificates = Certificates::new();
    let (upstream, gateway) = start(&certificates).await;
    let secure = gateway.secure.unwrap();
    let url = format!("https://{secure}/api/hello");
    let answer = believing(&certificates)
        .build()
        .unwrap()
        .get(url)
        .send()
        .await;
    let answer = answer.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    assert_eq!(answer.text().await.unwrap(), "hello");
    let seen = upstream.only();
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    let port = secure.port();
    let told = format!("https {port}");
    assert_eq!(seen.header("x-original"), Some(&*told));
}

#[tokio::test]
async fn http1_over_tls_is_https_in_the_openapi_document_too() {
    let certificates = Certificates::new();
    let (upstream, gateway) = start(&certificates).await;
    let secure = gateway.secure.unwrap();
    let client = believing(&certificates).http1_only().build().unwrap();
    let answer = client
        .get(format!("https://{secure}/api/hello"))
        .send()
        .await;
    assert_eq!(answer.unwrap().version(), Version::HTTP_11);
    assert_eq!(upstream.only().header("x-forwarded-proto"), Some("https"));
    let document = client
        .get(format!("https://{secure}/openapi.json"))
        .send()
        .await;
    let document: Value = document.unwrap().json().await.unwrap();
    assert_eq!(document["servers"][0]["url"], format!("https://{secure}"));
    // Without TLS, nothing of it.
    assert_eq!(send(gateway.get("/api/hello")).await.status, 200);
    assert_eq!(upstream.seen()[1].header("x-forwarded-proto"), Some("http"));
}

#[tokio::test]
async fn policies_see_the_certificate_of_the_client() {
    const ONLY_ALICE: &str = r#"
        <choose>
          <when condition="@(context.Request.Certificate == null || !context.Request.Certificate.Verify()
                             || context.Request.Certificate.SubjectName.Name != "CN=alice")">
            <return-response><set-status code="403" reason="Forbidden" /></return-response>
          </when>
        </choose>
        <set-header name="x-thumbprint" exists-action="override">
          <value>@(context.Request.Certificate.Thumbprint)</value>
        </set-header>"#;
    let certificates = Certificates::new();
    let upstream = Upstream::start().await;
    let setup = Setup::new(upstream.address, inbound(ONLY_ALICE)).secure(&certificates);
    let gateway = setup.start().await;
    let url = format!("https://{}/api/hello", gateway.secure.unwrap());
    for (name, status) in [(None, 403), (Some("bob"), 403), (Some("alice"), 200)] {
        let mut client = believing(&certificates);
        if let Some(name) = name {
            let own = certificates.client(name);
            let pem = format!("{}{}", own.certificate, own.key);
            client = client.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        let answer = client.build().unwrap().get(&url).send().await.unwrap();
        assert_eq!(answer.status(), status, "{name:?}");
    }
    let seen = upstream.only();
    let thumbprint = seen.header("x-thumbprint").unwrap();
    assert_eq!(thumbprint.len(), 40, "{thumbprint}");
    // A client without TLS has shown none.
    assert_eq!(send(gateway.get("/api/hello")).await.status, 403);
}

#[tokio::test]
async fn a_trusted_proxy_says_which_scheme_the_client_used() {
    let certificates = Certificates::new();
    let (upstream, gateway) = start(&certificates).await;
    for (said, told) in [
        ("https", "https 443"),
        ("https, http", "https 443"),
        ("http", "http 80"),
        ("nonsense", "http 80"),
    ] {
        let request = client()
            .get(gateway.url("/api/hello"))
            .header("host", "api.example")
            .header("x-forwarded-proto", said);
        assert_eq!(send(request).await.status, 200);
        let seen = upstream.seen().pop().unwrap();
        assert_eq!(seen.header("x-original"), Some(told), "{said}");
    }
}
