//! The gateway: proxy only, with JWT, with JWT and both limits, all refused.

use std::path::Path;
use std::sync::Arc;

use crate::ROUNDS;
use crate::http_load;
use crate::process::Server;
use crate::report::{Goal, Report};
use crate::servers;
use crate::tokens::Provider;

/// Users and addresses in use; each user makes 13 calls, so that no call is refused by accident.
const USERS: usize = 8_000;
/// Requests measured per round, after one warm-up request per user.
const REQUESTS: usize = 4 * USERS;

/// Measures and reports.
pub(crate) async fn measure(report: &mut Report) {
    let upstream = Server::own(servers::UPSTREAM);
    let provider = Provider::start().await;
    println!("signing {USERS} tokens");
    let requests = Arc::new(
        (0..USERS)
            .map(|n| request(n, &provider.token(n)))
            .collect::<Vec<_>>(),
    );
    let one_user = Arc::new(vec![requests[0].clone()]);

    let direct = measure_server(&upstream, &requests).await;

    let limiter = Server::weir("limiter", &["--store", "memory"]).await;
    let bench = Bench {
        upstream: &upstream,
        limiter: &limiter,
        provider: &provider,
    };

    let plain = bench.run("", &requests).await;
    report.add(
        "gateway proxy only",
        "requests/s",
        plain.per_second,
        direct.per_second,
        Goal::AtLeast(0.4),
    );
    report.add(
        "gateway proxy only, CPU",
        "us/request",
        plain.cpu,
        direct.cpu,
        Goal::AtMost(4.0),
    );

    let jwt = bench.run(JWT, &requests).await;
    report.add(
        "gateway with JWT",
        "requests/s",
        jwt.per_second,
        plain.per_second,
        Goal::AtLeast(0.85),
    );
    report.add(
        "gateway with JWT, CPU",
        "us/request",
        jwt.cpu,
        plain.cpu,
        Goal::AtMost(1.25),
    );

    let limited = bench.run(&format!("{JWT}{LIMITS}"), &requests).await;
    report.add(
        "gateway with JWT and both limits",
        "requests/s",
        limited.per_second,
        plain.per_second,
        Goal::AtLeast(0.5),
    );
    report.add(
        "gateway with JWT and both limits, CPU",
        "us/request",
        limited.cpu,
        plain.cpu,
        Goal::AtMost(2.0),
    );
    assert_eq!(limited.refused, 0, "nothing may be refused here");

    let refused = bench.run(&format!("{JWT}{LIMITS}"), &one_user).await;
    report.add(
        "gateway all refused",
        "requests/s",
        refused.per_second,
        plain.per_second,
        Goal::AtLeast(1.0),
    );
    report.add(
        "gateway all refused, CPU",
        "us/request",
        refused.cpu,
        plain.cpu,
        Goal::AtMost(1.0),
    );
    assert_eq!(
        refused.refused,
        ROUNDS * REQUESTS,
        "everything is refused here"
    );
}

/// The scenario's token check.
const JWT: &str = r#"
    <validate-jwt header-name="Authorization" failed-validation-httpcode="401" require-expiration-time="true" require-signed-tokens="true" clock-skew="300">
      <openid-config url="{{openid-config-url}}" />
      <required-claims><claim name="aud"><value>{{backend-client-id}}</value></claim></required-claims>
    </validate-jwt>"#;

/// The scenario's limits.
const LIMITS: &str = r#"
    <rate-limit-by-key calls="300" renewal-period="120" counter-key="@(context.Request.IpAddress)" />
    <rate-limit-by-key calls="15" renewal-period="60" counter-key="@(context.Request.Headers.GetValueOrDefault("Authorization","").AsJwt()?.Subject)" />"#;

/// What all gateways under test share.
struct Bench<'a> {
    upstream: &'a Server,
    limiter: &'a Server,
    provider: &'a Provider,
}

struct Measured {
    per_second: f64,
    /// Microseconds of CPU of the server's process per request.
    cpu: f64,
    refused: usize,
}

impl Bench<'_> {
    /// Starts a gateway with these policies in `inbound` and puts the load on it.
    async fn run(&self, inbound: &str, requests: &Arc<Vec<Vec<u8>>>) -> Measured {
        let config = tempfile::tempdir().expect("a temporary directory can be made");
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../config"),
            config.path(),
        );
        let policy = format!(
            "<policies><inbound>{inbound}</inbound><backend><forward-request /></backend><outbound /><on-error /></policies>"
        );
        std::fs::write(config.path().join("policy.xml"), policy).expect("the folder is writable");
        let gateway = Server::weir(
            "gateway",
            &[
                "--config",
                config.path().to_str().expect("the path is text"),
                "--limiter",
                &self.limiter.url,
                // Every request then says which client it stands for.
                "--trusted-proxies=127.0.0.0/8",
                &format!("--named-value=backend-url={}/api", self.upstream.url),
                &format!(
                    "--named-value=openid-config-url={}",
                    self.provider.discovery()
                ),
            ],
        )
        .await;
        measure_server(&gateway, requests).await
    }
}

/// Warms a server up, puts the load on it, and keeps the best round.
async fn measure_server(server: &Server, requests: &Arc<Vec<Vec<u8>>>) -> Measured {
    http_load::run(server.address(), requests, requests.len().max(100)).await;
    let mut best = Measured {
        per_second: 0.0,
        cpu: f64::MAX,
        refused: 0,
    };
    for _ in 0..ROUNDS {
        let before = server.cpu();
        let outcome = http_load::run(server.address(), requests, REQUESTS).await;
        let cpu = (server.cpu() - before).as_secs_f64() * 1e6 / REQUESTS as f64;
        best = Measured {
            per_second: best.per_second.max(outcome.per_second()),
            cpu: best.cpu.min(cpu),
            refused: best.refused + outcome.refused,
        };
    }
    best
}

/// The call of user `n` from an address of its own.
fn request(n: usize, token: &str) -> Vec<u8> {
    format!(
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:3000\r\nX-Forwarded-For: 10.{}.{}.{}\r\n\
         Authorization: Bearer {token}\r\n\r\n",
        n >> 16 & 255,
        n >> 8 & 255,
        n & 255
    )
    .into_bytes()
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("config/ is readable") {
        let entry = entry.expect("config/ is readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&target).expect("the folder is writable");
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("the folder is writable");
        }
    }
}
