//! Why a command ended, and the exit status that says so: 2 for what the user has to change, 1 for
//! the rest. A load test, whose 1 is a verdict, has 3 for the rest.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The error of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
    #[error("cannot set up telemetry: {0}")]
    Telemetry(#[source] weir_telemetry::InitError),
    #[error("cannot listen on {address}: {}", bind_reason(.source, *.address, .flag))]
    Bind {
        address: SocketAddr,
        flag: &'static str,
        source: io::Error,
    },
    #[error("{0}\nThe configuration was refused; nothing was started.")]
    Configuration(#[source] weir_policy::Diagnostics),
    #[error("{path}: cannot read the secret: {source}", path = .path.display())]
    SecretFile { path: PathBuf, source: io::Error },
    #[error("{path}: the file is empty; write the secret into it", path = .path.display())]
    SecretFileEmpty { path: PathBuf },
    #[error(
        "--named-value (WEIR_GATEWAY_NAMED_VALUE): a value is not NAME=VALUE, with a NAME of letters, digits, `.`, `-` and \
         `_`.\n`;` begins another value: one that holds \
         a `;` belongs into a file, see --named-value-file."
    )]
    NamedValue,
    #[error(
        "the variable {}{name} is not text in UTF-8",
        crate::named_values::ENVIRONMENT_PREFIX
    )]
    NamedValueNotText { name: String },
    #[error(
        "{role} listens on {address}, which is reachable beyond this machine, but {secrets} still has its development value, \
         which everybody knows.\nSet {fix}, or listen on 127.0.0.1."
    )]
    DevelopmentSecret {
        role: &'static str,
        address: SocketAddr,
        secrets: String,
        fix: &'static str,
    },
    #[error("{flag}: {source}")]
    Store {
        flag: &'static str,
        source: weir_limiter::StoreConfigError,
    },
    #[error("--store-ca: cannot read {path}: {source}", path = .path.display())]
    StoreAuthorities { path: PathBuf, source: io::Error },
    #[error("TLS: {0}\nNothing was started.")]
    Tls(#[from] weir_serve::TlsError),
    #[error("gateway: {0}")]
    Gateway(#[from] weir_gateway::Error),
    #[error("limiter: {0}")]
    Limiter(#[from] weir_limiter::Error),
    #[cfg(feature = "development")]
    #[error("backend: {0}")]
    Backend(#[from] weir_backend::Error),
    #[cfg(feature = "development")]
    #[error("identity: {0}")]
    Identity(#[from] weir_identity::Error),
    #[cfg(feature = "development")]
    #[error("{0}\nThe settings were refused; nothing was started.")]
    WebSettings(#[from] weir_web::SettingsError),
    #[cfg(feature = "development")]
    #[error("the browser app cannot call this address: {0}")]
    WebAddress(#[from] weir_web::InvalidUrl),
    #[error("{0}")]
    Operate(#[from] crate::operate::OperateError),
    #[cfg(feature = "development")]
    #[error("{0}")]
    Token(#[from] crate::token::TokenError),
    #[error("{0}")]
    Health(#[from] crate::health::HealthError),
    #[error("{0}")]
    Loadtest(#[from] Box<weir_loadtest::Error>),
    #[error("a limit was broken: more calls were admitted than it allows")]
    LimitBroken,
    #[error("no request was answered")]
    NothingAnswered,
    #[error(
        "--strict: a call failed, was not sent, had an unexpected status, or was refused although there was room"
    )]
    NotClean,
    #[error("{path}: cannot write the report: {source}", path = .path.display())]
    ReportFile { path: PathBuf, source: io::Error },
    #[error("--body: {path}: {source}", path = .path.display())]
    BodyFile { path: PathBuf, source: io::Error },
    #[error(
        "--identity: {given} is no URL; write one such as {}",
        weir_development::PUBLIC_URL
    )]
    IdentityUrl { given: String },
    #[error("a role ended unexpectedly: {0}")]
    RolePanicked(#[from] tokio::task::JoinError),
}

impl Error {
    /// 2: the command line, the configuration or the environment has to change. 1: it failed while
    /// running. Those of `weir loadtest` are in its help.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Bind { .. }
            | Self::Configuration(_)
            | Self::Store { .. }
            | Self::StoreAuthorities { .. }
            | Self::Tls(_)
            | Self::SecretFile { .. }
            | Self::SecretFileEmpty { .. }
            | Self::NamedValue
            | Self::NamedValueNotText { .. }
            | Self::BodyFile { .. }
            | Self::IdentityUrl { .. }
            | Self::DevelopmentSecret { .. } => 2,
            #[cfg(feature = "development")]
            Self::WebSettings(_)
            | Self::WebAddress(_)
            | Self::Token(crate::token::TokenError::NotAnAddress { .. }) => 2,
            Self::Loadtest(error) if error.is_usage() => 2,
            Self::Loadtest(_) | Self::NothingAnswered | Self::ReportFile { .. } => 3,
            Self::NotClean => 4,
            _ => 1,
        }
    }
}

fn bind_reason(source: &io::Error, address: SocketAddr, flag: &str) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {} is taken by another program.\nStop that program, or choose another address with {flag} ADDRESS:PORT. \
             Nothing was started.",
            address.port()
        ),
        io::ErrorKind::PermissionDenied => {
            format!(
                "no permission for port {}.\nChoose a port above 1023 with {flag} ADDRESS:PORT.",
                address.port()
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            format!(
                "this machine does not have the address {}.\nChoose one it has with {flag}.",
                address.ip()
            )
        }
        _ => format!("{source} ({flag})"),
    }
}
