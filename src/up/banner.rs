//! What `weir up` prints once everything answers: where the roles are, and what to try.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use weir_serve::Listeners;

use super::addresses::Addresses;
use super::{Args, Ports};
use crate::error::Error;
use crate::health;
use crate::listen::address_of;
use crate::token;

/// The user whose token stands in the printed lines.
const USER: &str = "alice";

/// How often readiness is asked for while the roles start; they need well under a second.
const POLL: Duration = Duration::from_millis(50);

/// The table and the calls to try.
pub(super) struct Banner {
    table: String,
    /// The line about the browser app, if it is part of this build.
    browser: String,
    call: String,
    identity: String,
    readiness: String,
    client: reqwest::Client,
    spa_origin: String,
}

impl Banner {
    /// Takes what it needs before the roles take the listeners. `call` is a URL that the gateway
    /// serves; `has_pages` says whether the browser app is part of this build.
    pub(super) fn new(
        ports: &Ports,
        addresses: &Addresses,
        args: &Args,
        call: String,
        has_pages: bool,
    ) -> Result<Self, Error> {
        let store = if args.redis.is_some() {
            "counters in Redis"
        } else {
            "counters in memory"
        };
        let pages = if has_pages {
            "open it in a browser"
        } else {
            "not in this build: make web"
        };
        let mut table = format!("\n  {:<10}{:<28}{:<28}\n", "role", "address", "operations");
        let rows: [(&str, &str, &Listeners, &str); 5] = [
            ("web", &addresses.web, &ports.web, pages),
            (
                "gateway",
                &addresses.gateway,
                &ports.gateway,
                "live numbers: /live",
            ),
            ("limiter", &addresses.limiter, &ports.limiter, store),
            ("backend", &addresses.backend, &ports.backend, ""),
            (
                "identity",
                &addresses.identity,
                &ports.identity,
                "for development only",
            ),
        ];
        for (role, address, listeners, remark) in rows {
            let line = format!(
                "  {role:<10}{address:<28}{:<28}{remark}",
                operations(listeners)
            );
            table.push_str(line.trim_end());
            table.push('\n');
        }
        let web = &addresses.web;
        let browser = if has_pages {
            format!(
                "Open {web} in a browser: sign up, call the API, run into the limit.\n\
                 The developer console is at {web}/developer/.\n\n"
            )
        } else {
            String::new()
        };
        Ok(Self {
            table,
            browser,
            call,
            identity: addresses.identity.clone(),
            readiness: format!("{}/readyz", operations(&ports.gateway)),
            client: health::client()?,
            spa_origin: addresses.spa_origin.clone(),
        })
    }

    /// Waits until a call would work, then prints. Gives up quietly when everything is told to
    /// stop.
    #[allow(clippy::print_stdout)] // what the user of `weir up` reads
    pub(super) async fn print_when_ready(self, shutdown: &CancellationToken) {
        tokio::select! {
            token = self.token_when_ready() => println!("{}", self.text(&token)),
            () = shutdown.cancelled() => {}
        }
    }

    async fn token_when_ready(&self) -> String {
        loop {
            let answer = self.client.get(&self.readiness).send().await;
            let ready = answer.is_ok_and(|response| response.status().is_success());
            if ready && let Ok(token) = token::fetch(&self.identity, USER).await {
                return token;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn text(&self, token: &str) -> String {
        let Self {
            table,
            browser,
            call,
            spa_origin,
            identity,
            ..
        } = self;
        // Left out where `weir token` finds the identity by itself.
        let at = if identity == weir_development::PUBLIC_URL {
            String::new()
        } else {
            format!(" --identity {identity}")
        };
        format!(
            "{table}\n\
             {browser}\
             On the command line (the token is {USER}'s and lives an hour; `weir token --user NAME{at}` prints another):\n\n\
             TOKEN={token}\n\n\
             curl -i -H \"Authorization: Bearer $TOKEN\" {call}\n\
             for i in $(seq 20); do curl -s -o /dev/null -w '%{{http_code}} ' -H \"Authorization: Bearer $TOKEN\" {call}; done; echo\n\
             curl -i -X OPTIONS -H 'Origin: {spa_origin}' -H 'Access-Control-Request-Method: GET' {call}\n\n\
             Ctrl-C stops everything.\n"
        )
    }
}

fn operations(listeners: &Listeners) -> String {
    listeners
        .ops
        .as_ref()
        .map(|ops| format!("http://{}", address_of(ops)))
        .unwrap_or_default()
}
