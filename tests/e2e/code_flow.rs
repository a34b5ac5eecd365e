//! The whole code flow with cookies, as a browser and a single-page app do it: sign up, allow,
//! redeem, call, refresh, sign out.

use std::collections::HashMap;

use reqwest::Response;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::Value;
use weir_development::{FRONTEND_CLIENT_ID, SCOPE};

use crate::support::{Up, client, status_of};

/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Keeps cookies by hand: they are `Secure`, which only browsers send over http to localhost.
struct Browser {
    client: reqwest::Client,
    cookies: HashMap<String, String>,
}

impl Browser {
    async fn send(&mut self, request: reqwest::RequestBuilder) -> Response {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let response = request
            .header(COOKIE, cookies.join("; "))
            .send()
            .await
            .unwrap();
        for line in response.headers().get_all(SET_COOKIE) {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        response
    }
}

fn location(response: &Response) -> String {
    assert_eq!(response.status(), 303, "{response:?}");
    response.headers()[LOCATION].to_str().unwrap().to_owned()
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    let pair = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
    Some(pair.replace("%3A", ":").replace("%2F", "/"))
}

/// The value of a hidden field of a page.
fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page
        .split_once(&format!(r#"name="{name}" value=""#))
        .unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn sign_up_redeem_call_refresh_and_sign_out() {
    let up = Up::start(&[]).await;
    let origin = up.spa_origin();
    let origin = origin.as_str();
    let identity = up.address("identity");
    let mut browser = Browser {
        client: client(),
        cookies: HashMap::new(),
    };

    // The app begins with discovery only.
    let config = weir_development::DISCOVERY_URL.replace(weir_development::PUBLIC_URL, &identity);
    let discovery: Value = client()
        .get(config)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let endpoint = |name: &str| discovery[name].as_str().unwrap().to_owned();
    let scope = format!("openid offline_access {SCOPE}");
    let authorize = reqwest::Client::new()
        .get(endpoint("authorization_endpoint"))
        .query(&[
            ("client_id", FRONTEND_CLIENT_ID),
            ("redirect_uri", origin),
            ("response_type", "code"),
            ("scope", &scope),
            ("state", "some-state"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ])
        .build()
        .unwrap()
        .url()
        .to_string();

    let sign_in = location(&browser.send(browser.client.get(&authorize)).await);
    let sign_in = format!("{identity}{sign_in}");
    let page = browser
        .send(browser.client.get(&sign_in))
        .await
        .text()
        .await
        .unwrap();
    assert!(
        page.contains("Sign up now") && page.to_lowercase().contains("development"),
        "{page}"
    );
    let sign_up = sign_in.replace("/sign-in", "/sign-up");
    let page = browser
        .send(browser.client.get(&sign_up))
        .await
        .text()
        .await
        .unwrap();
    let form = [
        ("csrf", &*hidden(&page, "csrf")),
        ("email", "grace@example.com"),
        ("display_name", "Grace Example"),
        ("new_password", "Correct-Horse-9"),
        ("confirm_password", "Correct-Horse-9"),
    ];
    let consent = location(
        &browser
            .send(browser.client.post(&sign_up).form(&form))
            .await,
    );
    let consent = format!("{identity}{consent}");
    let page = browser
        .send(browser.client.get(&consent))
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("in your name (Hello)"), "{page}");
    let form = [("csrf", &*hidden(&page, "csrf")), ("action", "allow")];
    let back = location(
        &browser
            .send(browser.client.post(&consent).form(&form))
            .await,
    );
    assert!(back.starts_with(origin), "{back}");
    assert_eq!(parameter(&back, "state").as_deref(), Some("some-state"));
    assert_eq!(
        parameter(&back, "iss").as_deref(),
        discovery["issuer"].as_str()
    );
    let code = parameter(&back, "code").unwrap();

    let redeem = |code: String| {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", FRONTEND_CLIENT_ID),
            ("code", &*code),
            ("redirect_uri", origin),
            ("code_verifier", VERIFIER),
        ];
        client()
            .post(endpoint("token_endpoint"))
            .header("Origin", origin)
            .form(&form)
            .send()
    };
    let response = redeem(code.clone()).await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], origin);
    let tokens: Value = response.json().await.unwrap();
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(status_of(&client(), &up.hello(), access).await, 200);
    let id_token = tokens["id_token"].as_str().unwrap();
    assert_eq!(
        status_of(&client(), &up.hello(), id_token).await,
        401,
        "an ID token opens no API"
    );

    let refresh = |token: String| {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", FRONTEND_CLIENT_ID),
            ("refresh_token", &*token),
        ];
        client()
            .post(endpoint("token_endpoint"))
            .header("Origin", origin)
            .form(&form)
            .send()
    };
    let refreshed: Value = refresh(tokens["refresh_token"].as_str().unwrap().to_owned())
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_ne!(refreshed["refresh_token"], tokens["refresh_token"]);
    let access = refreshed["access_token"].as_str().unwrap();
    assert_eq!(status_of(&client(), &up.hello(), access).await, 200);

    // Consent is remembered, and the session skips the form until it is signed out.
    let again = location(&browser.send(browser.client.get(&authorize)).await);
    assert!(parameter(&again, "code").is_some(), "{again}");
    let logout = client().get(endpoint("end_session_endpoint")).query(&[
        ("id_token_hint", id_token),
        ("post_logout_redirect_uri", origin),
    ]);
    assert!(location(&browser.send(logout).await).starts_with(origin));
    let after = location(&browser.send(browser.client.get(&authorize)).await);
    assert!(after.starts_with("/sign-in"), "{after}");

    // A replayed code is worth nothing, and takes the tokens that came from it along.
    assert_eq!(redeem(code).await.unwrap().status(), 400);
    let dead = refresh(refreshed["refresh_token"].as_str().unwrap().to_owned())
        .await
        .unwrap();
    assert_eq!(dead.status(), 400);
}
