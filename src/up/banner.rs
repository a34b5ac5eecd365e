//! What `weir up` prints once everything answers: where the roles are, and three calls to try.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use weir_policy::Configuration;
use weir_telemetry::Listeners;

use super::{Args, Ports};
use crate::listen::address_of;
use crate::roles::identity::public_url;
use crate::token;

/// The user whose token stands in the printed lines.
const USER: &str = "alice";

/// How often readiness is asked for while the roles start; they need well under a second.
const POLL: Duration = Duration::from_millis(50);

/// The table and the calls to try.
pub(super) struct Banner {
    table: String,
    call: String,
    identity: String,
    readiness: String,
    spa_origin: String,
}

impl Banner {
    /// Takes what it needs before the roles take the listeners.
    pub(super) fn new(ports: &Ports, configuration: &Configuration, args: &Args) -> Self {
        let gateway = format!("http://localhost:{}", address_of(&ports.gateway.service).port());
        let identity = public_url(address_of(&ports.identity.service));
        let store = if args.redis.is_some() { "counters in Redis" } else { "counters in memory" };
        let mut table = format!("\n  {:<10}{:<28}{:<28}\n", "role", "address", "operations");
        let rows: [(&str, String, &Listeners, &str); 4] = [
            ("gateway", gateway.clone(), &ports.gateway, ""),
            ("limiter", format!("http://{}", address_of(&ports.limiter.service)), &ports.limiter, store),
            ("backend", format!("http://{}", address_of(&ports.backend.service)), &ports.backend, ""),
            ("identity", identity.clone(), &ports.identity, "for development only"),
        ];
        for (role, address, listeners, remark) in rows {
            let line = format!("  {role:<10}{address:<28}{:<28}{remark}", operations(listeners));
            table.push_str(line.trim_end());
            table.push('\n');
        }
        Self {
            table,
            call: format!("{gateway}{}", first_get(configuration)),
            identity,
            readiness: format!("{}/readyz", operations(&ports.gateway)),
            spa_origin: args.spa_origin.clone(),
        }
    }

    /// Waits until a call would work, then prints. Gives up quietly when everything is told to stop.
    #[allow(clippy::print_stdout)] // what the user of `weir up` reads
    pub(super) async fn print_when_ready(self, shutdown: &CancellationToken) {
        tokio::select! {
            token = self.token_when_ready() => println!("{}", self.text(&token)),
            () = shutdown.cancelled() => {}
        }
    }

    async fn token_when_ready(&self) -> String {
        loop {
            let ready = reqwest::get(&self.readiness).await.is_ok_and(|response| response.status().is_success());
            if ready && let Ok(token) = token::fetch(&self.identity, USER).await {
                return token;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn text(&self, token: &str) -> String {
        let Self { table, call, spa_origin, .. } = self;
        format!(
            "{table}\n\
             Try (the token is {USER}'s and lives an hour; `weir token --user NAME` prints another):\n\n\
             TOKEN={token}\n\n\
             curl -i -H \"Authorization: Bearer $TOKEN\" {call}\n\
             for i in $(seq 20); do curl -s -o /dev/null -w '%{{http_code}} ' -H \"Authorization: Bearer $TOKEN\" {call}; done; echo\n\
             curl -i -X OPTIONS -H 'Origin: {spa_origin}' -H 'Access-Control-Request-Method: GET' {call}\n\n\
             Ctrl-C stops everything.\n"
        )
    }
}

fn operations(listeners: &Listeners) -> String {
    listeners.ops.as_ref().map(|ops| format!("http://{}", address_of(ops))).unwrap_or_default()
}

/// The path of the first GET operation without parameters: something to call.
fn first_get(configuration: &Configuration) -> String {
    let operations = configuration.apis.iter().flat_map(|api| api.operations.iter().map(move |op| (api, op)));
    operations
        .filter(|(_, operation)| {
            operation.method == reqwest::Method::GET && !operation.info.url_template.contains(['{', '*', '?'])
        })
        .map(|(api, operation)| match &*api.info.path {
            "" => operation.info.url_template.to_string(),
            path => format!("/{path}{}", operation.info.url_template),
        })
        .next()
        .unwrap_or_else(|| "/".to_owned())
}
