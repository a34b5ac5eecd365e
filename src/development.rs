//! The values that let every role fit together on a laptop without a single flag. Everybody knows
//! them: a role that listens beyond loopback refuses to start on one, and a role that uses one says
//! so.

use std::net::SocketAddr;

use weir_development as identity;

use crate::error::Error;

/// Where the roles listen unless told otherwise. Loopback, because they start with the secrets
/// below.
pub(crate) mod address {
    pub(crate) const GATEWAY: &str = "127.0.0.1:8080";
    pub(crate) const GATEWAY_OPS: &str = "127.0.0.1:9080";
    pub(crate) const LIMITER: &str = "127.0.0.1:8081";
    pub(crate) const LIMITER_OPS: &str = "127.0.0.1:9081";
    #[cfg(feature = "development")]
    pub(crate) const BACKEND: &str = "127.0.0.1:7071";
    pub(crate) const BACKEND_OPS: &str = "127.0.0.1:9071";
    #[cfg(feature = "development")]
    pub(crate) const IDENTITY: &str = "127.0.0.1:8090";
    pub(crate) const IDENTITY_OPS: &str = "127.0.0.1:9091";
    #[cfg(feature = "development")]
    pub(crate) const WEB: &str = "127.0.0.1:3000";
    pub(crate) const WEB_OPS: &str = "127.0.0.1:9300";
}

/// The named value that holds the function key, and its development value.
pub(crate) const FUNCTION_KEY_NAME: &str = "function-key";
pub(crate) const FUNCTION_KEY: &str = weir_development::FUNCTION_KEY;

/// The discovery URL of the development identity at `public_url`.
pub(crate) fn openid_config(public_url: &str) -> String {
    let public_url = public_url.trim_end_matches('/');
    format!(
        "{public_url}/{}/{}/v2.0/.well-known/openid-configuration",
        identity::TENANT_NAME,
        identity::POLICY
    )
}

/// The audience the development identity puts into access tokens.
#[cfg(feature = "development")]
pub(crate) const AUDIENCE: &str = identity::BACKEND_CLIENT_ID;

/// Refuses development secrets beyond loopback; on loopback, says loudly which ones are in use.
pub(crate) fn guard(
    role: &'static str,
    address: SocketAddr,
    secrets: &[&str],
    fix: &'static str,
) -> Result<(), Error> {
    if secrets.is_empty() {
        return Ok(());
    }
    let secrets = secrets.join(" and ");
    if !address.ip().to_canonical().is_loopback() {
        return Err(Error::DevelopmentSecret {
            role,
            address,
            secrets,
            fix,
        });
    }
    tracing::warn!(
        "{role}: DEVELOPMENT SECRETS IN USE: {secrets}. Everybody knows them; for anything but a laptop set {fix}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_development_secret_is_for_loopback_only() {
        let guard = |address: &str| {
            guard(
                "backend",
                address.parse().unwrap(),
                &["the function key"],
                "--function-key-file",
            )
        };
        assert!(
            guard("127.0.0.1:1").is_ok()
                && guard("127.9.9.9:1").is_ok()
                && guard("[::1]:1").is_ok()
        );
        assert!(guard("[::ffff:127.0.0.1]:1").is_ok());
        for open in ["0.0.0.0:1", "[::]:1", "192.0.2.7:1", "[::ffff:192.0.2.7]:1"] {
            let error = guard(open).unwrap_err().to_string();
            assert!(
                error.contains("the function key") && error.contains("--function-key-file"),
                "{error}"
            );
        }
    }
}
