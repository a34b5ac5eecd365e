//! Starting, stopping and watching the role.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use weir_serve::Listeners;

use crate::config::Config;
use crate::development::TOKEN_PATH;
use crate::error::Error;
use crate::run;

#[tokio::test]
async fn the_role_reports_what_it_did_and_ends_when_told() {
    let (service, ops) = (
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let (base, operations) = (service.local_addr().unwrap(), ops.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let config = Config {
        development_tokens: true,
        ..Config::default()
    };
    let role = tokio::spawn(run(
        config,
        Listeners::plain(service, Some(ops)),
        shutdown.clone(),
    ));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    // Connections wait in the listener until the role serves, so this returns once it does.
    let token = http
        .post(format!("http://{base}{TOKEN_PATH}"))
        .form(&[("user", "alice")])
        .send()
        .await
        .unwrap();
    assert_eq!(token.status(), 200);
    let ready = http
        .get(format!("http://{operations}/readyz"))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), 200);
    let metrics = http
        .get(format!("http://{operations}/metrics"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        metrics.contains(r#"weir_identity_tokens_issued_total{grant="development"} 1"#),
        "{metrics}"
    );
    shutdown.cancel();
    role.await.unwrap().unwrap();
}

#[tokio::test]
async fn it_does_not_start_where_a_development_secret_could_be_tried() {
    let service = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let stopped = CancellationToken::new();
    let error = run(Config::default(), Listeners::plain(service, None), stopped)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::DevelopmentSecretsBeyondLoopback { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_setting_that_makes_no_sense_is_named() {
    for (config, named) in [
        (
            Config {
                public_url: "localhost:8090".to_owned(),
                ..Config::default()
            },
            "public URL",
        ),
        (
            Config {
                spa_origins: vec!["http://evil.example".to_owned()],
                ..Config::default()
            },
            "SPA origin",
        ),
        (
            Config {
                policies: Vec::new(),
                ..Config::default()
            },
            "policies",
        ),
        (
            Config {
                tenant_id: "a/b".to_owned(),
                ..Config::default()
            },
            "tenant id",
        ),
    ] {
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let error = run(
            config,
            Listeners::plain(service, None),
            CancellationToken::new(),
        )
        .await
        .unwrap_err();
        assert!(error.to_string().starts_with(named), "{error}");
    }
}
