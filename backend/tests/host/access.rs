//! Who may connect at all.

use std::net::IpAddr;

use http::Method;
use weir_backend::{Action, Rule};

use crate::support::{Host, KEY, client, client_from};

fn stranger() -> reqwest::Client {
    client_from(IpAddr::from([127, 0, 0, 2]))
}

fn good_from(client: &reqwest::Client, host: &Host) -> reqwest::RequestBuilder {
    client
        .get(host.url("/api/hello"))
        .bearer_auth(host.provider.token())
        .header("x-functions-key", KEY)
}

#[tokio::test]
async fn a_stranger_is_told_its_address_and_nothing_else() {
    let host =
        Host::start_with(|config| config.allow = vec!["127.0.0.1/32".parse().unwrap()]).await;
    let answer = good_from(&stranger(), &host).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.headers()["x-ms-forbidden-ip"], "127.0.0.2");
    assert!(
        answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert!(!answer.headers().contains_key("www-authenticate"));
    assert!(answer.text().await.unwrap().contains("403"));
    assert_eq!(
        good_from(&client(), &host).send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn the_reason_phrase_is_the_platforms() {
    let host =
        Host::start_with(|config| config.allow = vec!["192.0.2.0/24".parse().unwrap()]).await;
    let answer = host
        .raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 403 Ip Forbidden\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn forwarding_headers_do_not_help() {
    let host =
        Host::start_with(|config| config.allow = vec!["127.0.0.1/32".parse().unwrap()]).await;
    for (name, value) in [
        ("X-Forwarded-For", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("X-Client-IP", "127.0.0.1"),
        ("X-Azure-ClientIP", "127.0.0.1"),
    ] {
        let answer = good_from(&stranger(), &host)
            .header(name, value)
            .send()
            .await
            .unwrap();
        assert_eq!(
            (
                answer.status().as_u16(),
                &answer.headers()["x-ms-forbidden-ip"]
            ),
            (403, &"127.0.0.2".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn a_mapped_peer_is_an_ipv4_peer() {
    let allow =
        |config: &mut weir_backend::Config| config.allow = vec!["127.0.0.1/32".parse().unwrap()];
    // Not every machine has IPv6; where it is missing there are no mapped peers.
    let Some(host) = Host::start_on("[::]:0", allow).await else {
        return;
    };
    host.ready().await;
    assert_eq!(
        good_from(&client(), &host).send().await.unwrap().status(),
        200
    );
    let answer = good_from(&stranger(), &host).send().await.unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            &answer.headers()["x-ms-forbidden-ip"]
        ),
        (403, &"127.0.0.2".parse().unwrap())
    );
}

#[tokio::test]
async fn a_lone_deny_rule_denies_all() {
    let lone = Rule {
        action: Action::Deny,
        ..Rule::allow(vec!["192.0.2.0/24".parse().unwrap()])
    };
    let denied = lone.clone();
    let host =
        Host::start_with(|config| (config.allow, config.rules) = (vec![], vec![denied])).await;
    assert_eq!(
        host.good(Method::GET, "/api/hello")
            .send()
            .await
            .unwrap()
            .status(),
        403
    );

    let host = Host::start_with(|config| {
        (config.allow, config.rules, config.unmatched) = (vec![], vec![lone], Some(Action::Allow));
    })
    .await;
    assert_eq!(
        host.good(Method::GET, "/api/hello")
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}
