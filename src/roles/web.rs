//! `weir web`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use tokio_util::sync::CancellationToken;
use weir_development as identity;
use weir_web::{Api, Config, Console, InvalidUrl, Oidc, Provider, Settings};

use crate::development::{self, address};
use crate::error::Error;
use crate::listen::{Address, address_of, announce, bind_all, localhost_url};
use crate::reload;
use crate::roles::tls::{Flags, https_args, tls_args};

pub(crate) const EXAMPLES: &str = "\
Examples:
  weir web
  weir web --listen 0.0.0.0:3000 --settings settings.json

The settings file is what the pages get as /config.json:
  {
    \"api\": { \"url\": \"https://api.example.com/hello\" },
    \"oidc\": {
      \"metadataUrl\": \"https://login.example.com/.well-known/openid-configuration\",
      \"clientId\": \"11111111-2222-3333-4444-555555555555\",
      \"scope\": \"openid offline_access https://example.com/api/Hello\"
    },
    \"console\": { \"openapiUrl\": \"https://api.example.com/openapi.json\" }
  }
Instead of metadataUrl, authority may name the provider's issuer. redirectUri and
postLogoutRedirectUri may be set too; they are the page's own origin otherwise.";

/// What `weir gateway` serves first, with the configuration that comes with weir.
const CALL: &str = "http://localhost:8080/hello";
const GATEWAY: &str = "http://localhost:8080";

/// Where TLS is served beside --listen.
const TLS_PORT: u16 = 3443;

tls_args!(TlsArgs, "WEB");
https_args!(HttpsArgs, "WEB");

/// The flags of `weir web`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Where to serve the browser app, and the developer console at /developer/
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_WEB_LISTEN", default_value = address::WEB)]
    listen: SocketAddr,
    /// Where to serve /healthz, /readyz and /metrics
    #[arg(long, value_name = "ADDRESS:PORT", env = "WEIR_WEB_OPS_LISTEN", default_value = address::WEB_OPS)]
    ops_listen: SocketAddr,
    /// Which API and which OpenID provider the pages use (JSON, see below); default: those of
    /// `weir up` on this machine
    #[arg(long, value_name = "FILE", env = "WEIR_WEB_SETTINGS")]
    settings: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    https: HttpsArgs,
}

/// Runs the role until `shutdown`.
pub(crate) async fn run(args: Args, shutdown: CancellationToken) -> Result<(), Error> {
    reload::nothing(&shutdown);
    let tls = Flags::from(args.tls);
    let settings = match &args.settings {
        Some(path) => Settings::read(path)?,
        None => {
            warn_beyond_loopback(tls.outermost(args.listen, TLS_PORT));
            development_settings(CALL, GATEWAY, identity::PUBLIC_URL)?
        }
    };
    let secure = tls.load(args.listen, TLS_PORT, vec![b"http/1.1".to_vec()], &shutdown)?;
    let secure = secure.map(|secure| args.https.apply(secure));
    let listeners = bind_all(
        Address {
            at: args.listen,
            flag: "--listen",
        },
        secure,
        Address {
            at: args.ops_listen,
            flag: "--ops-listen",
        },
    )?;
    announce("web", "http", &listeners);
    if args.settings.is_none() {
        // The development provider sends people back to this name only.
        tracing::info!(
            "web: open {} in a browser",
            localhost_url(address_of(&listeners.service))
        );
    }
    weir_web::run(Config::new(settings), listeners, shutdown).await;
    Ok(())
}

/// The settings that fit the other roles of this machine: "Call API" asks for `call`.
pub(crate) fn development_settings(
    call: &str,
    gateway: &str,
    identity_url: &str,
) -> Result<Settings, InvalidUrl> {
    Ok(Settings {
        api: Api {
            url: call.parse()?,
            traceparent: None,
        },
        oidc: Oidc {
            provider: Provider::MetadataUrl(development::openid_config(identity_url).parse()?),
            client_id: identity::FRONTEND_CLIENT_ID.to_owned(),
            scope: format!("openid offline_access {}", identity::SCOPE),
            redirect_uri: None,
            post_logout_redirect_uri: None,
        },
        console: Console {
            openapi_url: format!("{gateway}/openapi.json").parse()?,
        },
    })
}

/// No secret is at stake, but pages that others can open would send them to their own machine.
pub(crate) fn warn_beyond_loopback(listen: SocketAddr) {
    if !listen.ip().to_canonical().is_loopback() {
        tracing::warn!(
            "web: {listen} is reachable beyond this machine, but the pages call http://localhost, which is another machine \
             for everybody else. Run weir web with --settings FILE"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_settings_are_those_of_the_development_provider() {
        let settings = development_settings(CALL, GATEWAY, identity::PUBLIC_URL).unwrap();
        let json = serde_json::to_value(&settings).unwrap();
        assert_eq!(json["oidc"]["metadataUrl"], identity::DISCOVERY_URL);
        assert_eq!(json["api"]["url"], "http://localhost:8080/hello");
        assert_eq!(
            json["console"]["openapiUrl"],
            "http://localhost:8080/openapi.json"
        );
        assert_eq!(
            json["oidc"].get("redirectUri"),
            None,
            "the page's own origin"
        );
    }
}
