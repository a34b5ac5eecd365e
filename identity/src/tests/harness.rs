//! A provider on a free port, and a browser that keeps cookies. The cookies are `Secure`, which
//! HTTP clients do not send over plain HTTP (browsers do on loopback), so they are kept by hand.

use std::collections::HashMap;
use std::time::Duration;

use http::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;
use weir_serve::Listeners;

use crate::clock::Clock;
use crate::config::Config;
use crate::development::{FRONTEND_CLIENT_ID, POLICY, SCOPE, SPA_ORIGIN, TENANT_NAME};

/// The example of RFC 7636.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(super) const EMAIL: &str = "alice@example.com";
pub(super) const PASSWORD: &str = "Passw0rd!";

/// A running provider. Stops when dropped.
pub(super) struct Server {
    pub(super) base: String,
    pub(super) clock: Clock,
    pub(super) http: Client,
    shutdown: CancellationToken,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Server {
    pub(super) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(super) async fn start_with(configure: impl FnOnce(&mut Config)) -> Self {
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", service.local_addr().unwrap());
        let mut config = Config {
            public_url: base.clone(),
            ..Config::default()
        };
        configure(&mut config);
        let (clock, shutdown) = (Clock::manual(), CancellationToken::new());
        let role = crate::run::run_with(
            config,
            Listeners::plain(service, None),
            shutdown.clone(),
            clock.clone(),
        );
        tokio::spawn(async move { role.await.unwrap() });
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .no_proxy()
            .build()
            .unwrap();
        Self {
            base,
            clock,
            http,
            shutdown,
        }
    }

    pub(super) fn browser(&self) -> Browser<'_> {
        Browser {
            server: self,
            cookies: HashMap::new(),
        }
    }

    /// The address of an endpoint of the first policy, with the policy in the path.
    pub(super) fn endpoint(&self, name: &str) -> String {
        format!("{}/{TENANT_NAME}/{POLICY}/oauth2/v2.0/{name}", self.base)
    }

    pub(super) fn issuer(&self) -> String {
        format!("{}/{}/v2.0/", self.base, crate::development::TENANT_ID)
    }

    /// A good request for an authorization, with these parameters in place of others. An empty one
    /// is left out.
    pub(super) fn authorize_url(&self, changes: &[(&str, &str)]) -> String {
        let scope = format!("openid profile offline_access {SCOPE}");
        let defaults = [
            ("client_id", FRONTEND_CLIENT_ID),
            ("redirect_uri", SPA_ORIGIN),
            ("response_type", "code"),
            ("scope", &scope),
            ("state", "s t&a;t\u{e9}"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let kept = defaults
            .iter()
            .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let all: Vec<_> = kept
            .chain(changes)
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let mut url = Url::parse(&self.endpoint("authorize")).unwrap();
        url.query_pairs_mut()
            .extend_pairs(all.iter().map(|(name, value)| (name, value)));
        url.into()
    }

    pub(super) async fn token(&self, form: &[(&str, &str)]) -> Response {
        self.http
            .post(self.endpoint("token"))
            .form(form)
            .send()
            .await
            .unwrap()
    }

    /// Redeems a code as the single-page application does.
    pub(super) async fn redeem(&self, code: &str) -> Response {
        self.token(&redemption(code)).await
    }

    pub(super) async fn refresh(&self, token: &str) -> Response {
        self.token(&[
            ("grant_type", "refresh_token"),
            ("client_id", FRONTEND_CLIENT_ID),
            ("refresh_token", token),
        ])
        .await
    }

    /// Signs somebody up and returns the tokens.
    pub(super) async fn tokens(&self) -> Value {
        let code = self.browser().sign_up(EMAIL).await;
        let response = self.redeem(&code).await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }
}

/// The form that redeems a code.
pub(super) fn redemption(code: &str) -> [(&str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", FRONTEND_CLIENT_ID),
        ("code", code),
        ("redirect_uri", SPA_ORIGIN),
        ("code_verifier", VERIFIER),
    ]
}

/// One browser.
pub(super) struct Browser<'a> {
    server: &'a Server,
    pub(super) cookies: HashMap<String, String>,
}

/// A page or a redirect.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: impl http::header::AsHeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn location(&self) -> &str {
        self.header(LOCATION)
    }

    /// The parameters of a redirect to the application, from the query or from the fragment.
    pub(super) fn parameters(&self) -> HashMap<String, String> {
        assert_eq!(self.status, 303, "{self:?}");
        let url = Url::parse(self.location()).unwrap();
        let encoded = url.query().or(url.fragment()).unwrap();
        url::form_urlencoded::parse(encoded.as_bytes())
            .into_owned()
            .collect()
    }

    /// The value of a hidden input.
    pub(super) fn hidden(&self, name: &str) -> String {
        let start = format!(r#"name="{name}" value=""#);
        let (_, rest) = self
            .body
            .split_once(&start)
            .unwrap_or_else(|| panic!("no {name} in {}", self.body));
        rest.split_once('"').unwrap().0.to_owned()
    }
}

impl<'a> Browser<'a> {
    /// Follows one step; `path` may be a whole URL.
    pub(super) async fn get(&mut self, path: &str) -> Answer {
        let url = self.absolute(path);
        self.send(self.server.http.get(url)).await
    }

    pub(super) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let url = self.absolute(path);
        self.send(self.server.http.post(url).form(form)).await
    }

    pub(super) async fn send(&mut self, request: RequestBuilder) -> Answer {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = if cookies.is_empty() {
            request
        } else {
            request.header(COOKIE, cookies.join("; "))
        };
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for line in headers.get_all(SET_COOKIE) {
            let line = line.to_str().unwrap();
            assert!(
                line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax")
                    || line.contains("SameSite=Lax; Max-Age=")
            );
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            assert!(name.starts_with("__Host-"), "{name}");
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Answer {
            status,
            headers,
            body: response.text().await.unwrap(),
        }
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') {
            format!("{}{path}", self.server.base)
        } else {
            path.to_owned()
        }
    }

    /// Begins a sign-in and returns the ID of the transaction with the page's token.
    pub(super) async fn begin(&mut self) -> (String, String) {
        let redirect = self.get(&self.server.authorize_url(&[])).await;
        let path = redirect.location().to_owned();
        let page = self.get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        (
            path.split_once('=').unwrap().1.to_owned(),
            page.hidden("csrf"),
        )
    }

    /// Follows redirects within the provider, and allows the application what it asks for.
    pub(super) async fn go_on(&mut self, mut answer: Answer) -> Answer {
        while answer.location().starts_with('/') {
            let path = answer.location().to_owned();
            answer = self.get(&path).await;
            if path.starts_with("/consent?") && answer.status == 200 {
                let csrf = answer.hidden("csrf");
                answer = self
                    .post(&path, &[("csrf", &csrf), ("action", "allow")])
                    .await;
            }
        }
        answer
    }

    /// Begins a sign-in, sends the sign-in form and goes on.
    pub(super) async fn try_sign_in(&mut self, email: &str, password: &str) -> Answer {
        let (transaction, csrf) = self.begin().await;
        let form = [
            ("csrf", csrf.as_str()),
            ("email", email),
            ("password", password),
        ];
        let answer = self
            .post(&format!("/sign-in?transaction={transaction}"), &form)
            .await;
        self.go_on(answer).await
    }

    /// Begins a sign-in, sends the sign-up form and goes on.
    pub(super) async fn try_sign_up(&mut self, changes: &[(&str, &str)]) -> Answer {
        let answer = self.send_sign_up(changes).await;
        self.go_on(answer).await
    }

    /// Begins a sign-in and sends the sign-up form.
    pub(super) async fn send_sign_up(&mut self, changes: &[(&str, &str)]) -> Answer {
        let (transaction, csrf) = self.begin().await;
        let defaults = [
            ("csrf", csrf.as_str()),
            ("email", EMAIL),
            ("new_password", PASSWORD),
            ("confirm_password", PASSWORD),
            ("display_name", "Alice Example"),
        ];
        let kept = defaults
            .iter()
            .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let form: Vec<_> = kept.chain(changes).copied().collect();
        self.post(&format!("/sign-up?transaction={transaction}"), &form)
            .await
    }

    /// Makes an account and returns the code.
    pub(super) async fn sign_up(&mut self, email: &str) -> String {
        let answer = self.try_sign_up(&[("email", email)]).await;
        answer
            .parameters()
            .remove("code")
            .unwrap_or_else(|| panic!("{answer:?}"))
    }

    /// Asks for a code with the session there is.
    pub(super) async fn code(&mut self) -> String {
        let answer = self.get(&self.server.authorize_url(&[])).await;
        answer
            .parameters()
            .remove("code")
            .unwrap_or_else(|| panic!("{answer:?}"))
    }
}

/// The claims of a token, verified with the published key by a library that is not ours.
pub(super) async fn claims(server: &Server, token: &str, audience: &str) -> Value {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
    let keys = format!("{}/{TENANT_NAME}/{POLICY}/discovery/v2.0/keys", server.base);
    let keys: Value = server
        .http
        .get(keys)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let header = decode_header(token).unwrap();
    let key = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == header.kid.as_deref().unwrap())
        .unwrap();
    let key =
        DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap())
            .unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[server.issuer()]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    // The server's clock is the test's.
    validation.validate_exp = false;
    decode::<Value>(token, &key, &validation).unwrap().claims
}
