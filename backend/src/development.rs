//! The names and secrets a backend has when it is started without configuration, so that roles
//! started one by one fit together with those of `weir up`. They are public: good for loopback and
//! for nothing else.

/// The function key that the development gateway sends.
pub const FUNCTION_KEY: &str = "weir-development-function-key";

/// The client id of the backend application: the audience of the development identity's access
/// tokens.
pub const AUDIENCE: &str = "f8a5b3c1-6d2e-4b7a-9c40-2f1d8e6a7b53";

/// The discovery document of the development identity.
pub const OPENID_CONFIG: &str = "http://localhost:8090/contoso.onmicrosoft.com/B2C_1_Frontendapp_signupandsignin/v2.0/.well-known/openid-configuration";
