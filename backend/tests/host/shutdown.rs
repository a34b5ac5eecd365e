//! Starting and ending.

use std::time::Duration;

use http::Method;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use weir_backend::{Config, Error};
use weir_serve::Listeners;

use crate::support::{Gate, Host, PATIENCE, client, wait_for};

#[tokio::test]
async fn requests_under_way_are_answered_and_new_connections_refused() {
    let gate = Gate::new();
    let host = Host::start_with(|config| config.functions.push(gate.function())).await;
    let under_way = tokio::spawn(host.good(Method::GET, "/api/gate").send());
    wait_for(&gate.entered).await;
    host.shutdown.cancel();
    weir_testkit::eventually(PATIENCE, || async {
        client().get(host.url("/")).send().await.is_err()
    })
    .await;
    gate.open.add_permits(1);
    assert_eq!(under_way.await.unwrap().unwrap().status(), 200);
    tokio::time::timeout(PATIENCE, host.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off() {
    let gate = Gate::new();
    let host = Host::start_with(|config| {
        config.functions.push(gate.function());
        config.limits.connections.drain = Duration::from_millis(100);
    })
    .await;
    let under_way = tokio::spawn(host.good(Method::GET, "/api/gate").send());
    wait_for(&gate.entered).await;
    host.shutdown.cancel();
    assert!(under_way.await.unwrap().is_err());
    wait_for(&gate.left).await;
    tokio::time::timeout(PATIENCE, host.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_an_error_that_says_what_to_do() {
    async fn refused(config: Config) -> Error {
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = weir_backend::run(
            config,
            Listeners::plain(service, None),
            CancellationToken::new(),
        );
        tokio::time::timeout(PATIENCE, running)
            .await
            .unwrap()
            .unwrap_err()
    }
    let error = refused(Config {
        function_keys: vec![],
        ..Config::default()
    })
    .await;
    assert!(error.to_string().contains("--function-key-file"), "{error}");
    let error = refused(Config {
        audiences: vec![],
        ..Config::default()
    })
    .await;
    assert!(error.to_string().contains("--audience"), "{error}");
    let error = refused(Config {
        openid_config: "not a URL".to_owned(),
        ..Config::default()
    })
    .await;
    assert!(error.to_string().contains("--openid-config"), "{error}");
    let mut twice = Config::default();
    twice.functions.extend(weir_backend::functions::all());
    let error = refused(twice).await;
    assert!(error.to_string().contains("hello"), "{error}");
}
