//! TLS to the collector, as the standard variables ask for it.

use std::fs;

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::init::InitError;

/// Whom to believe. The machine's authorities, unless this names a file.
const AUTHORITIES: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
];
/// What to show to a collector that asks.
const CLIENT_CERTIFICATE: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
];
const CLIENT_KEY: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
];

/// How TLS is spoken to the collector.
pub(super) fn config(
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<ClientTlsConfig, InitError> {
    let config = ClientTlsConfig::new();
    let config = match read(AUTHORITIES, "CERTIFICATE", variable)? {
        Some(authorities) => config.ca_certificate(Certificate::from_pem(authorities)),
        None => config.with_native_roots(),
    };
    let certificate = read(CLIENT_CERTIFICATE, "CERTIFICATE", variable)?;
    let key = read(CLIENT_KEY, "PRIVATE KEY", variable)?;
    match (certificate, key) {
        (None, None) => Ok(config),
        (Some(certificate), Some(key)) => Ok(config.identity(Identity::from_pem(certificate, key))),
        _ => Err(InitError::HalfIdentity),
    }
}

/// The file that the first of these variables names, which must hold something of that kind.
fn read(
    names: [&'static str; 2],
    kind: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, InitError> {
    let Some((name, path)) = names
        .into_iter()
        .find_map(|name| Some((name, variable(name)?)))
    else {
        return Ok(None);
    };
    let refused = |why: String| InitError::File {
        variable: name,
        path: path.clone(),
        why,
    };
    let text = fs::read_to_string(&path).map_err(|error| refused(error.to_string()))?;
    if !text.contains(&format!("{kind}-----")) {
        return Err(refused(format!(
            "it holds no {} in PEM",
            kind.to_lowercase()
        )));
    }
    Ok(Some(text))
}
