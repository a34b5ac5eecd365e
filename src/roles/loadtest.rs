//! `weir loadtest`.

mod address_mode;
mod header;
mod limit;
mod stage;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use http::{HeaderMap, HeaderName, Method};
use tokio_util::sync::CancellationToken;
use url::Url;
use weir_development as identity;
use weir_loadtest::{
    Addresses, Config, HttpVersion, Identity, Limit, Report, SignIn, Stage, Subjects,
};

use super::duration;
use crate::development;
use crate::error::Error;

pub(crate) const EXAMPLES: &str = "\
Examples, with `weir up` in another terminal:
  weir loadtest http://localhost:8080/hello --rate 50 --for 30s --users 20
  weir loadtest http://localhost:8080/hello --rate 50 --for 90s --users 20 \\
      --verify calls=300,period=120s,key=ip --verify calls=15,period=60s,key=sub --html report.html
  weir loadtest http://localhost:8080/hello --stage 50:30s --stage 200:1m:10s --users 100 --addresses 100

Stages: RATE:DURATION, or RATE:DURATION:RAMP to rise (or fall) evenly from the rate before over the first RAMP of it.
Verify: name every limit that is in force, in the order of the policy. It judges from outside, by when each call was sent
and answered, and accuses only if nothing else is possible.

Exit status:
  0  no limit was certainly broken
  1  a limit was broken
  2  the command or the target was refused, nothing was sent
  3  the run could not be done: nothing answers, nobody could sign in, a report could not be written
  4  with --strict: a call failed, was not sent, had another status than 2xx and 429, or was refused without need
Ctrl-C ends the run early; the calls under way are waited for, and what was is reported.";

/// The flags of `weir loadtest`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Where to send it; several URLs are taken by chance
    #[arg(value_name = "URL", required = true)]
    urls: Vec<Url>,
    /// Requests per second
    #[arg(long, value_name = "RATE", env = "WEIR_LOADTEST_RATE", value_parser = stage::rate, requires = "for_")]
    rate: Option<f64>,
    /// How long, the ramp included
    #[arg(long = "for", id = "for_", value_name = "DURATION", env = "WEIR_LOADTEST_FOR", value_parser = duration, requires = "rate")]
    for_: Option<Duration>,
    /// Rise evenly from 0 over the first so much of it
    #[arg(long, value_name = "DURATION", env = "WEIR_LOADTEST_RAMP", value_parser = duration, requires = "rate")]
    ramp: Option<Duration>,
    /// Instead of --rate and --for: several stages, one after the other; repeatable
    #[arg(
        long,
        value_name = "RATE:DURATION[:RAMP]",
        env = "WEIR_LOADTEST_STAGE",
        value_parser = stage::parse,
        value_delimiter = ',',
        conflicts_with = "rate",
        required_unless_present = "rate"
    )]
    stage: Vec<Stage>,
    /// HTTP/2 without TLS ("prior knowledge") instead of HTTP/1.1
    #[arg(long, env = "WEIR_LOADTEST_HTTP2")]
    http2: bool,
    /// The method
    #[arg(
        long,
        short = 'X',
        value_name = "METHOD",
        env = "WEIR_LOADTEST_METHOD",
        default_value = "GET"
    )]
    method: Method,
    /// A header of every request; repeatable (in the variable, one a line)
    #[arg(
        long,
        short = 'H',
        value_name = "NAME: VALUE",
        env = "WEIR_LOADTEST_HEADER",
        value_parser = header::parse,
        value_delimiter = '\n',
        hide_env_values = true
    )]
    header: Vec<header::Line>,
    /// The body of every request, or @FILE
    #[arg(long, value_name = "TEXT|@FILE", env = "WEIR_LOADTEST_BODY")]
    body: Option<String>,
    /// So many new users sign in first, and take turns
    #[arg(long, value_name = "N", env = "WEIR_LOADTEST_USERS")]
    users: Option<usize>,
    /// How they sign in: a development token for each name, or the whole way of a person in a
    /// browser
    #[arg(long, value_name = "WAY", env = "WEIR_LOADTEST_SIGN_IN", value_enum, default_value_t = Way::Token)]
    sign_in: Way,
    /// The identity where they sign in
    #[arg(long, value_name = "URL", env = "WEIR_LOADTEST_IDENTITY", default_value = identity::PUBLIC_URL)]
    identity: Url,
    /// The page that signs them up, as the identity knows it; nothing has to listen there
    #[arg(long, value_name = "URL", env = "WEIR_LOADTEST_SPA_ORIGIN", default_value = identity::SPA_ORIGIN)]
    spa_origin: String,
    /// Instead of --users: access tokens from a file, one a line
    #[arg(
        long,
        value_name = "FILE",
        env = "WEIR_LOADTEST_TOKENS",
        conflicts_with = "users"
    )]
    tokens: Option<PathBuf>,
    /// So many client addresses: of 127.0.0.0/8, or those that one of the next two flags claims
    #[arg(long, value_name = "N", env = "WEIR_LOADTEST_ADDRESSES", value_parser = clap::value_parser!(u32).range(1..))]
    addresses: Option<u32>,
    /// Name the client's address in this header, for a target that trusts this machine
    #[arg(
        long,
        value_name = "NAME",
        env = "WEIR_LOADTEST_CLIENT_ADDRESS_HEADER",
        requires = "addresses",
        conflicts_with = "proxy_protocol"
    )]
    client_address_header: Option<HeaderName>,
    /// Name the client's address in a PROXY protocol header, for a target that trusts this machine
    #[arg(
        long,
        value_name = "VERSION",
        env = "WEIR_LOADTEST_PROXY_PROTOCOL",
        value_enum,
        requires = "addresses"
    )]
    proxy_protocol: Option<address_mode::Proxy>,
    /// Judge a limit, e.g. calls=15,period=60s,key=sub (or key=ip, key=all); repeatable (in the
    /// variable, one a line)
    #[arg(
        long,
        value_name = "LIMIT",
        env = "WEIR_LOADTEST_VERIFY",
        value_parser = limit::parse,
        value_delimiter = '\n'
    )]
    verify: Vec<Limit>,
    /// Exit with 4 if anything else is not as it should be
    #[arg(long, env = "WEIR_LOADTEST_STRICT")]
    strict: bool,
    /// The most connections open at once
    #[arg(
        long,
        value_name = "N",
        env = "WEIR_LOADTEST_CONNECTIONS",
        default_value_t = 512
    )]
    connections: usize,
    /// The most requests under way at once; what finds no place in time is reported as not sent
    #[arg(
        long,
        value_name = "N",
        env = "WEIR_LOADTEST_MAX_IN_FLIGHT",
        default_value_t = 512
    )]
    max_in_flight: usize,
    /// How long one answer may take
    #[arg(long, value_name = "DURATION", env = "WEIR_LOADTEST_TIMEOUT", value_parser = duration, default_value = "10s")]
    timeout: Duration,
    /// How much later than due a request is still sent
    #[arg(long, value_name = "DURATION", env = "WEIR_LOADTEST_PATIENCE", value_parser = duration, default_value = "1s")]
    patience: Duration,
    /// Write the report as JSON; - is standard output, instead of the summary
    #[arg(long, value_name = "FILE", env = "WEIR_LOADTEST_JSON")]
    json: Option<PathBuf>,
    /// Write the report as one page with charts
    #[arg(long, value_name = "FILE", env = "WEIR_LOADTEST_HTML")]
    html: Option<PathBuf>,
    /// Show no progress
    #[arg(long, short, env = "WEIR_LOADTEST_QUIET")]
    quiet: bool,
    /// Allow a target that is neither loopback nor private: you say that it is yours
    #[arg(long, env = "WEIR_LOADTEST_I_OWN_THIS_TARGET")]
    i_own_this_target: bool,
}

/// How users sign in.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    /// `weir up` and `weir identity --development-tokens` mint a token for any name
    Token,
    /// Sign up with a password, allow the application, redeem the code
    SignUp,
}

/// Runs the load, writes the reports and says what is wrong.
#[allow(clippy::print_stdout)] // the summary is the command's output
pub(crate) async fn run(args: Args, shutdown: CancellationToken) -> Result<(), Error> {
    let (json, html, strict) = (args.json.clone(), args.html.clone(), args.strict);
    let report = weir_loadtest::run(config(args)?, shutdown)
        .await
        .map_err(Box::new)?;
    match json.as_deref() {
        Some(path) if path == Path::new("-") => print!("{}", report.to_json()),
        Some(path) => {
            write(path, &report.to_json())?;
            print!("{}", report.to_summary());
        }
        None => print!("{}", report.to_summary()),
    }
    if let Some(path) = html {
        write(&path, &report.to_html())?;
    }
    judge(&report, strict)
}

fn judge(report: &Report, strict: bool) -> Result<(), Error> {
    if report.is_violated() {
        Err(Error::LimitBroken)
    } else if !report.is_answered() {
        Err(Error::NothingAnswered)
    } else if strict && !report.is_clean() {
        Err(Error::NotClean)
    } else {
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|source| Error::ReportFile {
        path: path.to_owned(),
        source,
    })
}

fn config(args: Args) -> Result<Config, Error> {
    let stages = match (args.rate, args.for_) {
        (Some(rate), Some(duration)) => vec![Stage {
            rate,
            duration,
            ramp: args.ramp.unwrap_or_default(),
        }],
        _ => args.stage,
    };
    let mut headers = HeaderMap::new();
    for header::Line { name, value } in args.header {
        headers.append(name, value);
    }
    let subjects = match (args.tokens, args.users) {
        (Some(path), _) => Subjects::Tokens(path),
        (None, Some(users)) if users > 0 => {
            let how = match args.sign_in {
                Way::Token => SignIn::DevelopmentToken,
                Way::SignUp => SignIn::SignUp,
            };
            Subjects::SignIn {
                users,
                how,
                identity: Box::new(identity_at(args.identity, args.spa_origin)?),
            }
        }
        _ => Subjects::Anonymous,
    };
    let mode = address_mode::of(
        args.addresses,
        args.client_address_header,
        args.proxy_protocol,
    );
    Ok(Config {
        targets: args.urls,
        stages,
        http: if args.http2 {
            HttpVersion::Http2
        } else {
            HttpVersion::Http1
        },
        method: args.method,
        headers,
        body: body(args.body)?.into(),
        subjects,
        addresses: Addresses {
            count: args.addresses.unwrap_or(1),
            mode,
        },
        connections: args.connections,
        max_in_flight: args.max_in_flight,
        timeout: args.timeout,
        patience: args.patience,
        limits: args.verify,
        own_targets: args.i_own_this_target,
        progress: !args.quiet,
    })
}

fn body(given: Option<String>) -> Result<Vec<u8>, Error> {
    let Some(text) = given else {
        return Ok(Vec::new());
    };
    match text.strip_prefix('@') {
        Some(path) => std::fs::read(path).map_err(|source| Error::BodyFile {
            path: path.into(),
            source,
        }),
        None => Ok(text.into_bytes()),
    }
}

/// The development identity and its single-page application.
fn identity_at(url: Url, spa_origin: String) -> Result<Identity, Error> {
    let discovery = development::openid_config(url.as_str());
    let discovery = Url::parse(&discovery).map_err(|_| Error::IdentityUrl { given: discovery })?;
    Ok(Identity {
        url,
        token_path: identity::TOKEN_PATH,
        discovery,
        client_id: identity::FRONTEND_CLIENT_ID.to_owned(),
        redirect_uri: spa_origin,
        scope: format!("openid offline_access {}", identity::SCOPE),
    })
}
