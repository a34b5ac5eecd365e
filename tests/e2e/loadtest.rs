//! `weir loadtest` through the real gateway: what it says about a limit that holds and about one
//! that does not.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use weir_testkit::{Process, Signal, eventually};

use crate::exactness::{backend, gateway};
use crate::support::{ConfigDir, PATIENCE, Provider, Role, Up};

const SUBJECT_LIMIT: &str = r#"calls="15" renewal-period="60""#;
const ADDRESS_LIMIT: &str = r#"calls="300" renewal-period="120""#;

/// On a machine under load requests may leave and be answered late; none may be lost for that.
const PATIENT: [&str; 3] = ["--quiet", "--patience=60s", "--timeout=60s"];

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command
        .arg("loadtest")
        .args(arguments)
        .args(PATIENT)
        .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
    command
}

async fn run(arguments: &[&str]) -> Output {
    let mut command = command(arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The report of a run with `--json -`, and its exit status.
async fn report(arguments: &[&str]) -> (Value, i32) {
    let output = run(&[arguments, &["--json", "-"]].concat()).await;
    let report = serde_json::from_slice(&output.stdout);
    (
        report.unwrap_or_else(|e| panic!("{e}: {}", stderr(&output))),
        output.status.code().unwrap(),
    )
}

/// Every request is in one of the groups, and nothing but 200 and 429 came back.
fn assert_whole(report: &Value) {
    let count = |name: &str| report["requests"][name].as_u64().unwrap();
    let groups = ["served", "refused", "other", "failed", "not_sent"].map(count);
    assert_eq!(groups.iter().sum::<u64>(), count("planned"), "{report:#}");
    assert_eq!(groups[2..], [0, 0, 0], "{report:#}");
    let slices = report["timeline"]["slices"].as_array().unwrap();
    let served: u64 = slices
        .iter()
        .map(|slice| slice["served"].as_u64().unwrap())
        .sum();
    assert_eq!(served, count("served"), "the timeline has them all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_holds_is_filled_exactly_and_one_that_does_not_is_found() {
    let config = ConfigDir::scenario()
        .with(ADDRESS_LIMIT, r#"calls="100000" renewal-period="120""#)
        .with(SUBJECT_LIMIT, r#"calls="5" renewal-period="4""#);
    let up = Up::start_with(config, &[]).await;
    let (hello, identity) = (up.hello(), up.address("identity"));
    let load = [
        &hello,
        "--identity",
        &identity,
        "--rate=40",
        "--for=9s",
        "--users=4",
        "--strict",
    ];

    let (held, status) =
        report(&[&load[..], &["--verify=calls=5,period=4s,key=sub"]].concat()).await;
    assert_whole(&held);
    let limit = &held["verification"]["limits"][0];
    assert_eq!(
        (limit["worst_window"].as_u64(), limit["keys"].as_u64()),
        (Some(5), Some(4)),
        "{limit:#}"
    );
    assert_eq!(held["verification"]["refused_early"], 0, "{held:#}");
    assert!(held["requests"]["refused"].as_u64() > Some(0));
    assert_eq!(
        (status, &held["verification"]["held"]),
        (0, &Value::Bool(true))
    );

    // The same gateway promises too much if three was meant.
    let (broken, status) =
        report(&[&load[..], &["--verify=calls=3,period=4s,key=sub"]].concat()).await;
    let limit = &broken["verification"]["limits"][0];
    assert_eq!(
        (status, &limit["held"], limit["violated_keys"].as_u64()),
        (1, &Value::Bool(false), Some(4)),
        "{limit:#}"
    );
    assert_eq!(limit["fullest"][0]["violated"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_sign_up_over_http_2_and_the_page_shows_them() {
    let up = Up::start(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let (page, json) = (
        folder.path().join("report.html"),
        folder.path().join("report.json"),
    );
    let output = run(&[
        &up.hello(),
        "--stage=0:1s",
        "--stage=20:2s:1s",
        "--http2",
        "--users=2",
        "--sign-in=sign-up",
        &format!("--identity={}", up.address("identity")),
        &format!("--spa-origin={}", up.spa_origin()),
        "--verify=calls=300,period=120s,key=ip",
        "--verify=calls=15,period=60s,key=sub",
        &format!("--html={}", page.display()),
        &format!("--json={}", json.display()),
    ])
    .await;
    assert!(output.status.success(), "{}", stderr(&output));
    let summary = String::from_utf8(output.stdout).unwrap();
    assert!(
        summary.contains("sent 30 of 30") && summary.contains("HTTP/2"),
        "{summary}"
    );
    assert!(
        summary.contains("limit 15 calls in 60 s by sub: held; 2 keys"),
        "{summary}"
    );
    let report: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_whole(&report);
    let trace = report["traces"]["slowest"][0]["trace_id"].as_str().unwrap();
    assert_eq!(trace.len(), 32);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains("Limits held") && page.contains(trace) && page.contains("user 2"),
        "{page}"
    );
    assert!(
        !page.contains("http://www") && !page.contains("<script"),
        "the page needs nothing else"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_are_real_or_claimed_and_targets_share_their_limit() {
    let config = ConfigDir::scenario()
        .with(ADDRESS_LIMIT, r#"calls="6" renewal-period="4""#)
        .with(SUBJECT_LIMIT, r#"calls="900" renewal-period="60""#);
    let provider = Provider::start().await;
    let backend = backend(&provider).await;
    let limiter = Role::start("limiter", &[]).await;
    // Two gateways trust this machine to say who the client is, in a header; the last one, in the
    // PROXY protocol.
    let trusting = ["--trusted-proxies=127.0.0.0/8"];
    let behind_a_proxy = ["--trusted-proxies=127.0.0.0/8", "--proxy-protocol"];
    let gateways = [
        gateway(&config, &[&limiter], &backend, &provider, &trusting).await,
        gateway(&config, &[&limiter], &backend, &provider, &trusting).await,
        gateway(&config, &[&limiter], &backend, &provider, &[]).await,
        gateway(&config, &[&limiter], &backend, &provider, &behind_a_proxy).await,
    ];
    let urls = gateways
        .each_ref()
        .map(|gateway| format!("{}/hello", gateway.url()));
    let tokens = tempfile::NamedTempFile::new().unwrap();
    let token = |user: &str| provider.sign(&provider.claims(user));
    std::fs::write(
        tokens.path(),
        format!("# two\n{}\n{}\n", token("ada"), token("bob")),
    )
    .unwrap();
    let tokens = format!("--tokens={}", tokens.path().display());
    let load = [
        "--rate=30",
        "--for=9s",
        &tokens,
        "--addresses=2",
        "--verify=calls=6,period=4s,key=ip",
    ];

    let claimed = [
        &urls[0],
        &urls[1],
        "--client-address-header=x-forwarded-for",
    ];
    let (claimed, status) = report(&[&claimed[..], &load].concat()).await;
    assert_whole(&claimed);
    let limit = &claimed["verification"]["limits"][0];
    let names = |limit: &Value| {
        let mut names: Vec<String> = limit["fullest"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        (status, limit["worst_window"].as_u64()),
        (0, Some(6)),
        "{claimed:#}"
    );
    assert_eq!(names(limit), ["198.18.0.1", "198.18.0.2"]);

    let (real, status) = report(&[&[&*urls[2]], &load[..]].concat()).await;
    assert_whole(&real);
    let limit = &real["verification"]["limits"][0];
    assert_eq!(
        (status, limit["worst_window"].as_u64()),
        (0, Some(6)),
        "{real:#}"
    );
    assert_eq!(names(limit), ["127.16.0.1", "127.16.0.2"]);

    for version in [
        &["--proxy-protocol=v1"][..],
        &["--proxy-protocol=v2", "--http2"],
    ] {
        // Four seconds after the run before, its calls are out of the windows: the addresses are
        // the same.
        let (named, status) = report(
            &[
                &[&*urls[3], "--stage=0:4s", "--stage=30:9s"],
                version,
                &load[2..],
            ]
            .concat(),
        )
        .await;
        assert_whole(&named);
        let limit = &named["verification"]["limits"][0];
        assert_eq!(
            (status, limit["worst_window"].as_u64()),
            (0, Some(6)),
            "{named:#}"
        );
        assert_eq!(names(limit), ["198.18.0.1", "198.18.0.2"]);
    }

    // A gateway that does not trust this machine sees one address, and what is judged by two is
    // refused for no reason that can be seen.
    let untrusted = [
        &urls[2],
        "--client-address-header=x-forwarded-for",
        "--strict",
    ];
    let (_, status) = report(&[&untrusted[..], &load].concat()).await;
    assert_eq!(status, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_reports_what_was() {
    let up = Up::start(&[]).await;
    let hello = up.hello();
    let mut process = Process::start(env!("CARGO_BIN_EXE_weir"), |command| {
        command
            .args(["loadtest", &hello, "--rate=20", "--for=60m"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    });
    // It has begun when it says how it goes.
    let progress = BufReader::new(process.child().stderr.take().unwrap());
    let begun = move || {
        progress
            .lines()
            .map(Result::unwrap)
            .find(|line| line.contains(" sent, "))
    };
    assert!(tokio::task::spawn_blocking(begun).await.unwrap().is_some());
    process.signal(Signal::Int);
    eventually(PATIENCE, || {
        let ended = process.has_ended();
        async move { ended }
    })
    .await;
    let mut summary = String::new();
    process
        .child()
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut summary)
        .unwrap();
    assert!(
        summary.contains("of 72,000") && summary.contains("ended early"),
        "{summary}"
    );
    assert!(summary.contains("401"), "without a token: {summary}");
    assert!(process.child().wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_ones_own_is_not_loaded() {
    let refused = run(&["http://192.0.2.1/hello", "--rate=1", "--for=1s"]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        stderr(&refused).contains("--i-own-this-target"),
        "{}",
        stderr(&refused)
    );
    // The identity is a target too: accounts would be made there.
    let identity = [
        "http://127.0.0.1:9/",
        "--rate=1",
        "--for=1s",
        "--users=1",
        "--identity=http://192.0.2.1/",
    ];
    let nobody = run(&identity).await;
    assert_eq!(
        nobody.status.code(),
        Some(3),
        "nothing listens on port 9, which is looked at first"
    );
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let refused = run(&[&[&*url], &identity[1..]].concat()).await;
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    for bad in [
        &["http://127.0.0.1/"][..],
        &["http://127.0.0.1/", "--rate=1"],
        &["http://127.0.0.1/", "--rate=1e9", "--for=1s"],
    ] {
        assert_eq!(run(bad).await.status.code(), Some(2), "{bad:?}");
    }
}
