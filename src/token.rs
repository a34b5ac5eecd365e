//! `weir token`: an access token for curl, from the running development identity.

use std::time::Duration;

use clap::Args as ClapArgs;

use crate::error::Error;

pub(crate) const EXAMPLES: &str = "\
Example:
  weir token --user alice
  curl -H \"Authorization: Bearer $(weir token --user alice)\" http://localhost:8080/hello";

/// Longer than a local service ever needs; the command must not hang.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The flags of `weir token`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Whose token: any name; equal names are the same user
    #[arg(long, value_name = "NAME", env = "WEIR_TOKEN_USER")]
    user: String,
    /// The identity's address
    #[arg(long, value_name = "URL", env = "WEIR_TOKEN_IDENTITY", default_value = weir_development::PUBLIC_URL)]
    identity: String,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("--identity: {url} is no address of an identity: write http://HOST:PORT")]
    NotAnAddress { url: String },
    #[error(
        "no identity answers at {url}: {source}\nStart one with `weir up`, or name it with --identity URL."
    )]
    Unreachable { url: String, source: reqwest::Error },
    #[error(
        "{url} answered {status}: the development token endpoint is off.\n\
         It is on in `weir up`, and in `weir identity --development-tokens` for its own machine."
    )]
    Off {
        url: String,
        status: reqwest::StatusCode,
    },
    #[error("{url} answered {status}: {body}")]
    Refused {
        url: String,
        status: reqwest::StatusCode,
        body: String,
    },
    #[error("{url} answered without a token: is it weir's identity?")]
    NotAToken { url: String },
}

/// Prints the token, and nothing else, on standard output.
#[allow(clippy::print_stdout)] // the token is the command's output
pub(crate) async fn run(args: Args) -> Result<(), Error> {
    println!("{}", fetch(&args.identity, &args.user).await?);
    Ok(())
}

/// Asks the development identity at `identity` for an access token of `user`.
pub(crate) async fn fetch(identity: &str, user: &str) -> Result<String, TokenError> {
    let url = format!(
        "{}{}",
        identity.trim_end_matches('/'),
        weir_development::TOKEN_PATH
    );
    let unreachable = |source: reqwest::Error| match identity.to_owned() {
        url if source.is_builder() => TokenError::NotAnAddress { url },
        url => TokenError::Unreachable { url, source },
    };
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .build()
        .map_err(unreachable)?;
    let response = client
        .post(&url)
        .form(&[("user", user)])
        .send()
        .await
        .map_err(unreachable)?;
    let status = response.status();
    if status == reqwest::StatusCode::NOT_FOUND {
        return Err(TokenError::Off { url, status });
    }
    let body = response.text().await.map_err(unreachable)?;
    if !status.is_success() {
        return Err(TokenError::Refused { url, status, body });
    }
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    match answer["access_token"].as_str() {
        Some(token) => Ok(token.to_owned()),
        None => Err(TokenError::NotAToken { url }),
    }
}
