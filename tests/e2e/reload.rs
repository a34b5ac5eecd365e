//! Reading the configuration again: SIGHUP, `--watch`, a mounted volume that is exchanged, a
//! store's new password.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use weir_proto::limiter::v1;
use weir_proto::limiter::v1::limiter_client::LimiterClient;
use weir_testkit::{Redis, Signal, eventually};

use crate::support::{ConfigDir, PATIENCE, Provider, Role, Up, client, status_of};

/// A policy that answers by itself with `text`.
fn policy(text: &str) -> String {
    format!(
        "<policies><inbound><return-response><set-status code=\"200\" reason=\"OK\" /><set-body>{text}</set-body>\
         </return-response></inbound><backend><forward-request /></backend><outbound /><on-error /></policies>"
    )
}

/// A configuration folder of one operation, `GET /hello`.
fn write_api(dir: &Path) {
    fs::create_dir_all(dir.join("apis/a")).unwrap();
    let information = r#"{ "properties": { "displayName": "A", "path": "", "protocols": ["http"],
        "serviceUrl": "http://127.0.0.1:1", "subscriptionRequired": false } }"#;
    fs::write(dir.join("apis/a/apiInformation.json"), information).unwrap();
    let specification = r#"{ "openapi": "3.0.3", "info": { "title": "A", "version": "1" }, "paths": {
        "/hello": { "get": { "operationId": "hello", "responses": { "200": { "description": "ok" } } } } } }"#;
    fs::write(dir.join("apis/a/specification.json"), specification).unwrap();
}

async fn hello(role: &Role) -> String {
    client()
        .get(format!("{}/hello", role.url()))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

async fn until_metric(role: &Role, line: &str) {
    eventually(PATIENCE, || async {
        role.metrics().await.lines().any(|l| l == line)
    })
    .await;
}

#[tokio::test]
async fn sighup_reads_files_and_named_value_files_again_and_errors_keep_what_holds() {
    let dir = tempfile::tempdir().unwrap();
    let (config, secret) = (dir.path().join("config"), dir.path().join("greeting"));
    write_api(&config);
    fs::write(config.join("policy.xml"), policy("one {{greeting}}")).unwrap();
    fs::write(&secret, "hi\n").unwrap();
    let named = format!("--named-value-file=greeting={}", secret.display());
    let gateway = Role::start("gateway", &["--config", config.to_str().unwrap(), &named]).await;
    assert_eq!(hello(&gateway).await, "one hi");

    fs::write(config.join("policy.xml"), policy("two {{greeting}}")).unwrap();
    fs::write(&secret, "salut\n").unwrap();
    gateway.signal(Signal::Hup);
    until_metric(
        &gateway,
        r#"weir_gateway_config_reloads_total{result="success"} 1"#,
    )
    .await;
    assert_eq!(hello(&gateway).await, "two salut");

    fs::write(
        config.join("policy.xml"),
        "<policies>\n<inbound>\n  <nonsense />\n</inbound>\n</policies>",
    )
    .unwrap();
    gateway.signal(Signal::Hup);
    until_metric(
        &gateway,
        r#"weir_gateway_config_reloads_total{result="failure"} 1"#,
    )
    .await;
    assert_eq!(hello(&gateway).await, "two salut");
    assert!(
        gateway.log().contains("policy.xml:3:3"),
        "{}",
        gateway.log()
    );
    assert!(!gateway.log().contains("salut"), "values are not logged");

    fs::remove_file(&secret).unwrap();
    fs::write(config.join("policy.xml"), policy("three {{greeting}}")).unwrap();
    gateway.signal(Signal::Hup);
    until_metric(
        &gateway,
        r#"weir_gateway_config_reloads_total{result="failure"} 2"#,
    )
    .await;
    assert_eq!(hello(&gateway).await, "two salut");
    fs::write(&secret, "ciao").unwrap();
    gateway.signal(Signal::Hup);
    until_metric(&gateway, "weir_gateway_config_last_reload_successful 1").await;
    assert_eq!(hello(&gateway).await, "three ciao");
}

/// As Kubernetes mounts a ConfigMap: links through `..data`, which is exchanged as a whole.
#[tokio::test]
async fn watch_sees_edits_and_a_mounted_volume_that_is_exchanged() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for (version, text) in [("..v1", "one"), ("..v2", "two")] {
        fs::create_dir(root.join(version)).unwrap();
        write_api(&root.join(version));
        fs::write(root.join(version).join("policy.xml"), policy(text)).unwrap();
    }
    symlink("..v1", root.join("..data")).unwrap();
    for name in ["policy.xml", "apis"] {
        symlink(format!("..data/{name}"), root.join(name)).unwrap();
    }
    let gateway = Role::start("gateway", &["--watch", "--config", root.to_str().unwrap()]).await;
    assert_eq!(hello(&gateway).await, "one");
    symlink("..v2", root.join("..data_tmp")).unwrap();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    eventually(PATIENCE, || async { hello(&gateway).await == "two" }).await;
    fs::write(root.join("..v2/policy.xml"), policy("three")).unwrap();
    eventually(PATIENCE, || async { hello(&gateway).await == "three" }).await;
}

/// Whoever sends SIGHUP to every weir of a machine means those that have something to read.
#[tokio::test]
async fn a_role_with_nothing_to_read_again_stays() {
    let memory = tempfile::NamedTempFile::new().unwrap();
    fs::write(memory.path(), "memory").unwrap();
    let from_file = format!("--store-file={}", memory.path().display());
    for (role, flags) in [
        ("limiter", &[][..]),
        ("limiter", &[from_file.as_str()]),
        ("web", &[]),
    ] {
        let role = Role::start_alive(role, flags).await;
        role.signal(Signal::Hup);
        eventually(PATIENCE, || async {
            role.log().contains("nothing to read again")
        })
        .await;
        assert!(role.metrics().await.contains("process_"), "it still serves");
    }
}

/// How often a role of this text of metrics has fetched keys.
fn key_fetches(metrics: &str) -> f64 {
    let lines = metrics.lines().filter(|line| {
        line.starts_with("weir_token_key_fetches_total{") && line.contains("\"ok\"")
    });
    lines
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
        .sum()
}

#[tokio::test]
async fn sighup_asks_for_the_providers_keys_at_once() {
    let up = Up::start(&[]).await;
    let provider = Provider::start().await;
    let backend = Role::start("backend", &["--openid-config", &provider.discovery()]).await;
    let before = [
        key_fetches(&backend.metrics().await),
        key_fetches(&up.metrics("gateway").await),
        key_fetches(&up.metrics("backend").await),
    ];
    assert!(before.iter().all(|fetches| *fetches >= 1.0), "{before:?}");
    backend.signal(Signal::Hup);
    up.signal(Signal::Hup);
    eventually(PATIENCE, || async {
        key_fetches(&backend.metrics().await) > before[0]
    })
    .await;
    eventually(PATIENCE, || async {
        key_fetches(&up.metrics("gateway").await) > before[1]
    })
    .await;
    eventually(PATIENCE, || async {
        key_fetches(&up.metrics("backend").await) > before[2]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weir_up_reloads_with_its_limits_counting_on() {
    // A window that outlasts a slow machine.
    let config = ConfigDir::scenario().with(r#"renewal-period="60""#, r#"renewal-period="300""#);
    let policy = config.path().join("policy.xml");
    let up = Up::start_with(config, &[]).await;
    let (client, token) = (client(), up.token("alice"));
    for _ in 0..15 {
        assert_eq!(status_of(&client, &up.hello(), &token).await, 200);
    }
    assert_eq!(status_of(&client, &up.hello(), &token).await, 429);
    let text = fs::read_to_string(&policy).unwrap();
    assert!(text.contains(r#"calls="15""#));
    fs::write(&policy, text.replace(r#"calls="15""#, r#"calls="17""#)).unwrap();
    up.signal(Signal::Hup);
    // The counter is the same: two more fit.
    eventually(PATIENCE, || async {
        status_of(&client, &up.hello(), &token).await == 200
    })
    .await;
    assert_eq!(status_of(&client, &up.hello(), &token).await, 200);
    assert_eq!(status_of(&client, &up.hello(), &token).await, 429);
}

#[tokio::test]
async fn a_store_whose_password_changes_is_reached_by_the_new_one_and_counts_on() {
    let redis = Redis::start();
    let command = |arguments: &[&str]| {
        let mut command = redis::cmd(arguments[0]);
        for argument in &arguments[1..] {
            command.arg(*argument);
        }
        let _: redis::Value = command.query(&mut redis.connection()).unwrap();
    };
    command(&["ACL", "SETUSER", "weir", "on", ">one", "~*", "+@all"]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("redis-url");
    let url = |password: &str| format!("redis://weir:{password}@127.0.0.1:{}", redis.port());
    fs::write(&file, url("one")).unwrap();
    let store = format!("--store-file={}", file.display());
    let limiter = Role::start("limiter", &[&store, "--store-timeout=30s"]).await;
    let mut client = LimiterClient::connect(limiter.url().to_owned())
        .await
        .unwrap();
    let mut check = async |cost: u64| {
        let check = v1::Check {
            limit_name: String::new(),
            key: "k".into(),
            calls: 15,
            renewal_period_ms: 3_600_000,
            cost: Some(cost),
        };
        client
            .check(v1::CheckRequest {
                checks: vec![check],
            })
            .await
            .unwrap()
            .into_inner()
    };
    assert!(check(10).await.allowed);

    // A wrong password is not taken.
    fs::write(&file, url("wrong")).unwrap();
    limiter.signal(Signal::Hup);
    until_metric(
        &limiter,
        r#"weir_limiter_config_reloads_total{result="failure"} 1"#,
    )
    .await;
    assert_eq!(check(1).await.mode(), v1::Mode::Exact);

    command(&["ACL", "SETUSER", "weir", ">two"]);
    fs::write(&file, url("two")).unwrap();
    limiter.signal(Signal::Hup);
    until_metric(
        &limiter,
        r#"weir_limiter_config_reloads_total{result="success"} 1"#,
    )
    .await;
    command(&["ACL", "SETUSER", "weir", "<one"]);
    let answer = check(4).await;
    assert_eq!((answer.allowed, answer.mode()), (true, v1::Mode::Exact));
    let answer = check(1).await;
    assert_eq!(
        (answer.allowed, answer.mode()),
        (false, v1::Mode::Exact),
        "what was admitted before still counts"
    );
    assert!(
        !limiter.log().contains("two@") && !limiter.log().contains(":one"),
        "{}",
        limiter.log()
    );
}
