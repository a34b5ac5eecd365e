//! One trace spans load test → gateway → limiter → Redis and → backend, names every policy that
//! ran, and says who refused. Spans are received by a real OTLP receiver.

use weir_testkit::Redis;

use crate::support::{ConfigDir, Provider, Received, Receiver, Role, Trace, client, hex};

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

/// Every role, exporting to one receiver.
struct Traced {
    receiver: Receiver,
    endpoint: String,
    provider: Provider,
    gateway: Role,
    _others: [Role; 2],
    _redis: Redis,
}

impl Traced {
    async fn start(config: ConfigDir, gateway_environment: &[(&str, &str)]) -> Self {
        let (receiver, endpoint) = Receiver::start().await;
        let environment = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ];
        let redis = Redis::start();
        let provider = Provider::start().await;
        let discovery = provider.discovery();
        let store = ["--store", &redis.url(), "--store-timeout", "30s"];
        let limiter = Role::start_with("limiter", &store, &environment).await;
        let backend =
            Role::start_with("backend", &["--openid-config", &discovery], &environment).await;
        let arguments = [
            "--config",
            config.as_str(),
            "--limiter",
            limiter.url(),
            "--limiter-timeout=30s",
            &format!("--named-value=backend-url={}/api", backend.url()),
            &format!("--named-value=openid-config-url={discovery}"),
        ];
        let environment = [&environment[..], gateway_environment].concat();
        let gateway = Role::start_with("gateway", &arguments, &environment).await;
        Self {
            receiver,
            endpoint,
            provider,
            gateway,
            _others: [limiter, backend],
            _redis: redis,
        }
    }

    /// Calls as `user`, or as nobody, in a trace of the caller's own if it gives one. The status
    /// and the trace's id.
    async fn call(&self, user: Option<&str>, traceparent: Option<&str>) -> (u16, String) {
        let mut request = client().get(format!("{}/hello?code=query-secret", self.gateway.url()));
        if let Some(user) = user {
            request = request.bearer_auth(self.provider.sign(&self.provider.claims(user)));
        }
        if let Some(traceparent) = traceparent {
            request = request.header("traceparent", traceparent);
        }
        let response = request.send().await.unwrap();
        let trace = response.headers()["x-trace-id"]
            .to_str()
            .unwrap()
            .to_owned();
        (response.status().as_u16(), trace)
    }

    async fn whole(&self, trace: &str, services: &[&str]) -> Trace {
        let complete =
            |spans: &Trace| services.iter().all(|service| spans.has(service)) && spans.is_whole();
        self.receiver.trace(trace, complete).await
    }
}

fn names<'a>(spans: &[&'a Received]) -> Vec<&'a str> {
    spans.iter().map(|r| &*r.span.name).collect()
}

fn result(span: &Received) -> String {
    span.get("weir.policy.result").unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_spans_every_role_and_every_policy() {
    let traced = Traced::start(ConfigDir::scenario(), &[]).await;
    // The caller's own trace goes on through weir.
    let given = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (status, id) = traced
        .call(
            Some("alice"),
            Some(&format!("00-{given}-00f067aa0ba902b7-01")),
        )
        .await;
    assert_eq!((status, &*id), (200, given));
    let trace = traced
        .whole(given, &["weir-gateway", "weir-limiter", "weir-backend"])
        .await;

    let request = trace.only("weir-gateway", SERVER);
    assert_eq!(hex(&request.span.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(request.span.name, "GET /hello");
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/hello"),
        ("http.response.status_code", "200"),
        ("url.path", "/hello"),
        ("network.protocol.version", "1.1"),
        ("client.address", "127.0.0.1"),
    ] {
        assert_eq!(
            request.get(key).as_deref(),
            Some(value),
            "{key} of {request:#?}"
        );
    }
    let policies = trace.children(request);
    let limit = "rate-limit-by-key";
    assert_eq!(
        names(&policies),
        [
            "cors",
            "validate-jwt",
            limit,
            limit,
            "set-backend-service",
            "forward-request"
        ]
    );
    assert!(
        policies.iter().all(|policy| result(policy) == "passed"),
        "{policies:#?}"
    );
    assert_eq!(
        policies[3].get("weir.limit.name").as_deref(),
        Some("global/rate-limit-by-key[2]")
    );
    assert_eq!(
        policies[3].get("weir.limit.remaining").as_deref(),
        Some("14")
    );
    assert!(
        policies[3]
            .get("weir.policy.source")
            .unwrap()
            .starts_with("policy.xml:")
    );

    let redis = trace.only("weir-limiter", CLIENT);
    let check = "weir.limiter.v1.Limiter/Check";
    let way = [
        "GET /hello",
        "rate-limit-by-key",
        "limiter.round_trip",
        check,
        check,
        "limiter.round_trip",
    ];
    assert_eq!(trace.path(redis)[..6], way, "{trace:#?}");
    assert_eq!(redis.get("db.system.name").as_deref(), Some("redis"));
    assert_eq!(redis.get("db.namespace").as_deref(), Some("0"));
    let limiter = trace.only("weir-limiter", SERVER);
    assert_eq!(limiter.get("rpc.system.name").as_deref(), Some("grpc"));
    assert_eq!(limiter.get("rpc.method").as_deref(), Some(check));
    assert_eq!(
        limiter.get("rpc.response.status_code").as_deref(),
        Some("OK")
    );

    let backend = trace.only("weir-backend", SERVER);
    assert_eq!(
        trace.path(backend),
        ["GET /hello", "forward-request", "GET", "GET /api/hello"]
    );
    // Counter keys, tokens and queries are credentials or name people: no span carries one.
    let text = format!("{trace:?}");
    assert!(
        !text.contains("alice") && !text.contains("secret") && !text.contains("eyJ"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_say_which_policy_and_which_limit() {
    let config = ConfigDir::scenario().with(r#"calls="15""#, r#"id="per-subject" calls="1""#);
    let traced = Traced::start(
        config,
        &[
            ("WEIR_LOG", "info,weir_gateway=debug"),
            ("WEIR_LOG_FORMAT", "json"),
        ],
    )
    .await;
    assert_eq!(traced.call(Some("alice"), None).await.0, 200);
    let (status, limited) = traced.call(Some("alice"), None).await;
    assert_eq!(status, 429);
    let trace = traced.whole(&limited, &["weir-gateway"]).await;
    let request = trace.only("weir-gateway", SERVER);
    assert_eq!(
        request.get("weir.refused_by").as_deref(),
        Some("rate-limit-by-key")
    );
    assert_eq!(
        request.get("weir.refused_limit").as_deref(),
        Some("per-subject")
    );
    assert_eq!(
        request.get("weir.refused_reason").as_deref(),
        Some("RateLimitExceeded")
    );
    assert!(!request.is_error(), "a refusal is no error of the server");
    let policies = trace.children(request);
    assert_eq!(
        names(&policies),
        [
            "cors",
            "validate-jwt",
            "rate-limit-by-key",
            "rate-limit-by-key"
        ]
    );
    assert_eq!(
        policies.iter().map(|p| result(p)).collect::<Vec<_>>(),
        ["passed", "passed", "passed", "refused"]
    );
    assert!(policies[3].get("weir.limit.retry_after_ms").is_some());

    let (status, unknown) = traced.call(None, None).await;
    assert_eq!(status, 401);
    let trace = traced.whole(&unknown, &["weir-gateway"]).await;
    let request = trace.only("weir-gateway", SERVER);
    assert_eq!(
        request.get("weir.refused_by").as_deref(),
        Some("validate-jwt")
    );
    assert_eq!(
        request.get("weir.refused_reason").as_deref(),
        Some("TokenNotPresent")
    );
    assert_eq!(request.get("weir.refused_limit"), None);
    assert_eq!(names(&trace.children(request)), ["cors", "validate-jwt"]);

    // The log has a line for each refusal, found by the trace's id, and none for what was served.
    let log = traced.gateway.log();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let access = |trace: &str| {
        lines
            .iter()
            .find(|l| l["target"] == "weir_gateway::access" && l["trace_id"] == trace)
    };
    assert_eq!(access(&limited).unwrap()["status"], 429, "{log}");
    assert_eq!(access(&unknown).unwrap()["path"], "/hello", "{log}");
    assert!(!lines.iter().any(|line| line["status"] == 200), "{log}");
    assert!(
        !log.contains("alice") && !log.contains("query-secret"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sampler_of_the_environment_decides() {
    let never = [
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0"),
    ];
    let traced = Traced::start(ConfigDir::scenario(), &never).await;
    let (status, unsampled) = traced.call(Some("alice"), None).await;
    assert_eq!(status, 200);
    let refused = "4bf92f3577b34da6a3ce929d0e0e4736";
    traced
        .call(
            Some("alice"),
            Some(&format!("00-{refused}-00f067aa0ba902b7-00")),
        )
        .await;
    let wanted = "5bf92f3577b34da6a3ce929d0e0e4736";
    let (_, id) = traced
        .call(
            Some("alice"),
            Some(&format!("00-{wanted}-00f067aa0ba902b7-01")),
        )
        .await;
    assert_eq!(id, wanted);
    // Spans leave in order: when all of the last call's are there, those of the calls before it
    // would be as well.
    traced
        .whole(wanted, &["weir-gateway", "weir-limiter", "weir-backend"])
        .await;
    for none in [&*unsampled, refused] {
        assert!(traced.receiver.spans(none).0.is_empty(), "{none}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_test_is_the_root_of_the_traces_its_report_names() {
    let config = ConfigDir::scenario().with(r#"calls="15""#, r#"id="per-subject" calls="3""#);
    let traced = Traced::start(config, &[]).await;
    let tokens = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        tokens.path(),
        traced.provider.sign(&traced.provider.claims("alice")),
    )
    .unwrap();
    let target = format!("{}/hello", traced.gateway.url());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_weir"));
    command
        .args([
            "loadtest",
            &target,
            "--rate=5",
            "--for=1s",
            "--quiet",
            "--patience=60s",
            "--timeout=60s",
            "--json=-",
        ])
        .args(["--tokens", tokens.path().to_str().unwrap()])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &traced.endpoint);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();

    let refused = report["traces"]["refused"][0]["trace_id"].as_str().unwrap();
    let trace = traced.whole(refused, &["weir-gateway"]).await;
    let root = trace.only("weir-loadtest", CLIENT);
    assert!(root.span.parent_span_id.is_empty(), "{root:?}");
    assert_eq!(root.span.name, "GET");
    let port = traced.gateway.url().rsplit_once(':').unwrap().1;
    for (key, value) in [
        ("http.request.method", "GET"),
        ("url.full", &*target),
        ("server.address", "127.0.0.1"),
        ("server.port", port),
        ("http.response.status_code", "429"),
        ("error.type", "429"),
    ] {
        assert_eq!(root.get(key).as_deref(), Some(value), "{key} of {root:#?}");
    }
    let request = trace.only("weir-gateway", SERVER);
    assert_eq!(request.span.parent_span_id, root.span.span_id);
    assert_eq!(
        request.get("weir.refused_limit").as_deref(),
        Some("per-subject")
    );

    let slowest = report["traces"]["slowest"].as_array().unwrap();
    let served = slowest.iter().find(|trace| trace["status"] == 200).unwrap()["trace_id"]
        .as_str()
        .unwrap();
    let trace = traced
        .whole(served, &["weir-gateway", "weir-limiter", "weir-backend"])
        .await;
    let backend = trace.only("weir-backend", SERVER);
    assert_eq!(
        trace.path(backend),
        [
            "GET",
            "GET /hello",
            "forward-request",
            "GET",
            "GET /api/hello"
        ]
    );
}
