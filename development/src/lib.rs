//! The names and secrets that every role uses when it is started without configuration, so that
//! roles started one by one fit together with those of `weir up`. They are public: good for
//! loopback and for nothing else.
//!
//! A crate of its own, with nothing else in it: gateways and load tests know these names without
//! being built with the provider and the function host that go by them.

/// The port the provider listens on unless told otherwise.
pub const PORT: u16 = 8090;

/// The base of every URL the provider publishes unless told otherwise. It has no trailing slash.
pub const PUBLIC_URL: &str = "http://localhost:8090";

/// The tenant's domain name, the first segment of most of the provider's paths.
pub const TENANT_NAME: &str = "contoso.onmicrosoft.com";

/// The tenant's GUID, which stands in the issuer.
pub const TENANT_ID: &str = "775527ff-9a37-4307-8b3d-cc311f58d925";

/// The user flow for signing up and in, in its configured case.
pub const POLICY: &str = "B2C_1_Frontendapp_signupandsignin";

/// The backend application: the audience of access tokens.
pub const BACKEND_CLIENT_ID: &str = "f8a5b3c1-6d2e-4b7a-9c40-2f1d8e6a7b53";

/// The backend application's secret.
pub const BACKEND_CLIENT_SECRET: &str = "weir-development-client-secret";

/// The backend application's reply URL, where App Service Authentication would wait for its
/// sign-ins.
pub const BACKEND_REDIRECT_URI: &str = "http://localhost:7071/.auth/login/aad/callback";

/// The single-page application.
pub const FRONTEND_CLIENT_ID: &str = "3c9e1d70-54b8-4f6e-a2d1-7b8c0e5f9a14";

/// Where the single-page application and the developer console are served.
pub const SPA_ORIGIN: &str = "http://localhost:3000";

/// The page of the developer console that receives its sign-ins, below the origin.
pub const CONSOLE_REDIRECT_PATH: &str = "/developer/oauth2-redirect.html";

/// The short name of the one scope the backend exposes, as it stands in `scp`.
pub const SCOPE_NAME: &str = "Hello";

/// The backend's App ID URI.
pub const APP_ID_URI: &str = "https://contoso.onmicrosoft.com/f8a5b3c1-6d2e-4b7a-9c40-2f1d8e6a7b53";

/// The scope the single-page application asks for.
pub const SCOPE: &str =
    "https://contoso.onmicrosoft.com/f8a5b3c1-6d2e-4b7a-9c40-2f1d8e6a7b53/Hello";

/// The discovery document with the policy in the path.
pub const DISCOVERY_URL: &str = "http://localhost:8090/contoso.onmicrosoft.com/B2C_1_Frontendapp_signupandsignin/v2.0/.well-known/openid-configuration";

/// The discovery document with the policy as `?p=`, the form that the Azure portal links to.
pub const DISCOVERY_URL_WITH_QUERY: &str = "http://localhost:8090/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration?p=B2C_1_Frontendapp_signupandsignin";

/// The path that mints access tokens without a password, if the provider was asked to have it.
pub const TOKEN_PATH: &str = "/development/token";

/// The function key that the backend accepts and the gateway sends.
pub const FUNCTION_KEY: &str = "weir-development-function-key";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_names_are_made_of_the_short_ones() {
        assert_eq!(PUBLIC_URL, format!("http://localhost:{PORT}"));
        assert_eq!(
            APP_ID_URI,
            format!("https://{TENANT_NAME}/{BACKEND_CLIENT_ID}")
        );
        assert_eq!(SCOPE, format!("{APP_ID_URI}/{SCOPE_NAME}"));
        assert_eq!(
            DISCOVERY_URL,
            format!("{PUBLIC_URL}/{TENANT_NAME}/{POLICY}/v2.0/.well-known/openid-configuration")
        );
        assert_eq!(
            DISCOVERY_URL_WITH_QUERY,
            format!("{PUBLIC_URL}/{TENANT_NAME}/v2.0/.well-known/openid-configuration?p={POLICY}")
        );
    }
}
