//! `backends/{name}/backendInformation.json`.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Uri};
use secrecy::SecretString;

use super::fields::Fields;
use super::named_values::NamedValues;
use super::node::Node;
use crate::configuration::Backend;
use crate::diagnostic::{Collector, Location};
use crate::plan::CertificateName;

const FIELDS: [&str; 12] = [
    "url",
    "protocol",
    "title",
    "description",
    "type",
    "pool",
    "circuitBreaker",
    "credentials",
    "tls",
    "proxy",
    "resourceId",
    "properties",
];

/// Headers that belong to the connection and are the gateway's own.
const CONNECTION_HEADERS: [&str; 4] = [
    "connection",
    "content-length",
    "keep-alive",
    "transfer-encoding",
];

/// Reads one backend; `None`, reported, if it cannot be used.
pub(super) fn read(
    id: &str,
    file: &Arc<str>,
    properties: &Node,
    named_values: &NamedValues,
    collector: &mut Collector,
) -> Option<Backend> {
    let mut fields = Fields::open(file, properties, &FIELDS, collector)?;
    let single = "a backend is one `url` for now";
    fields.unsupported("pool", single);
    fields.unsupported(
        "circuitBreaker",
        "remove it: a backend that fails answers 502 or 504",
    );
    fields.unsupported("proxy", "remove it: the gateway calls backends directly");
    fields.unsupported(
        "properties",
        "Service Fabric is not supported; give the backend a `url`",
    );
    if let Some((kind, node)) = fields
        .text("type")
        .filter(|(kind, _)| !kind.eq_ignore_ascii_case("single"))
    {
        fields.report(
            node,
            format!("a backend of the type `{kind}` is not supported yet"),
            single,
        );
    }
    if let Some((protocol, node)) = fields
        .text("protocol")
        .filter(|(p, _)| !p.eq_ignore_ascii_case("http"))
    {
        fields.report(
            node,
            format!("the protocol `{protocol}` is not supported"),
            "write `http`",
        );
    }
    let (validate_certificate_chain, validate_certificate_name) = tls_checks(&mut fields);
    let written = fields.required_text("url");
    let url = written.and_then(|(text, node)| base_url(text, node, named_values, &mut fields));
    let Credentials {
        headers,
        query,
        certificate,
    } = credentials(&mut fields, named_values).unwrap_or_default();
    let url_at = Location {
        file: Arc::clone(file),
        position: written?.1.position,
    };
    Some(Backend {
        id: id.into(),
        url: url?,
        url_at,
        headers,
        query,
        certificate,
        validate_certificate_chain,
        validate_certificate_name,
    })
}

/// Whether the chain and the name of its certificate are checked. They are, unless it says `false`.
fn tls_checks(fields: &mut Fields<'_, '_>) -> (bool, bool) {
    let known = ["validateCertificateChain", "validateCertificateName"];
    let opened = fields
        .get("tls")
        .and_then(|node| Fields::open(fields.file, node, &known, fields.collector));
    let Some(mut tls) = opened else {
        return (true, true);
    };
    let [chain, name] = known.map(|check| tls.boolean(check) != Some(false));
    (chain, name)
}

#[derive(Default)]
struct Credentials {
    headers: Vec<(HeaderName, HeaderValue)>,
    query: Vec<(String, SecretString)>,
    certificate: Option<(CertificateName, Location)>,
}

fn credentials(fields: &mut Fields<'_, '_>, named_values: &NamedValues) -> Option<Credentials> {
    let node = fields.get("credentials")?;
    let known = [
        "header",
        "query",
        "certificate",
        "certificateIds",
        "authorization",
    ];
    let mut credentials = Fields::open(fields.file, node, &known, fields.collector)?;
    credentials.unsupported(
        "authorization",
        "use `header` or `query` with a named value",
    );
    let certificate = certificate(&mut credentials, named_values);
    let headers = pairs(&mut credentials, "header", named_values)
        .into_iter()
        .filter_map(|(name, value, node)| header(&name, &value, node, &mut credentials))
        .collect();
    let query = pairs(&mut credentials, "query", named_values)
        .into_iter()
        .filter_map(|(name, value, node)| {
            let name = named_values.expand(&name, node, &mut credentials)?;
            Some((name, SecretString::from(value)))
        })
        .collect();
    Some(Credentials {
        headers,
        query,
        certificate,
    })
}

/// The certificate to show. TLS shows one, so a second is refused.
fn certificate(
    credentials: &mut Fields<'_, '_>,
    named_values: &NamedValues,
) -> Option<(CertificateName, Location)> {
    let thumbprints = credentials.texts("certificate");
    let ids = credentials.texts("certificateIds");
    if let Some((_, node)) = thumbprints.iter().chain(&ids).nth(1) {
        let help = "keep one; make two backends to show two certificates";
        credentials.report(node, "a backend is shown one certificate", help);
        return None;
    }
    let (name, node) = if let Some((text, node)) = thumbprints.first() {
        let text = named_values.expand(text, node, credentials)?;
        if !is_thumbprint(&text) {
            let help =
                "write the 40 hexadecimal digits of its SHA-1, or name it in `certificateIds`";
            credentials.report(node, "this is not the thumbprint of a certificate", help);
            return None;
        }
        (CertificateName::Thumbprint(text), node)
    } else {
        let (text, node) = ids.first()?;
        let text = named_values.expand(text, node, credentials)?;
        // APIM writes whole resource ids: `/subscriptions/…/certificates/name`.
        let id = text.rsplit('/').next().unwrap_or(&text).to_owned();
        (CertificateName::Id(id), node)
    };
    let at = Location {
        file: Arc::clone(credentials.file),
        position: node.position,
    };
    Some((name, at))
}

/// Whether a text is a SHA-1, as it is written by the one tool or the other.
pub(crate) fn is_thumbprint(text: &str) -> bool {
    let digits = text.chars().filter(|c| !matches!(c, ':' | ' '));
    digits.clone().count() == 40 && digits.clone().all(|c| c.is_ascii_hexdigit())
}

/// `{"name": ["value", …], …}` as pairs, with named values filled in, and the node of each value.
fn pairs<'a>(
    fields: &mut Fields<'a, '_>,
    name: &str,
    named_values: &NamedValues,
) -> Vec<(String, String, &'a Node)> {
    let Some(node) = fields.get(name) else {
        return Vec::new();
    };
    let names: Vec<&str> = node.members().iter().map(|m| m.name.as_str()).collect();
    let Some(mut map) = Fields::open(fields.file, node, &names, fields.collector) else {
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for name in names {
        for (text, value) in map.texts(name) {
            if let Some(expanded) = named_values.expand(text, value, &mut map) {
                pairs.push((name.to_owned(), expanded, value));
            }
        }
    }
    pairs
}

fn header(
    name: &str,
    value: &str,
    node: &Node,
    fields: &mut Fields<'_, '_>,
) -> Option<(HeaderName, HeaderValue)> {
    let Ok(header_name) = name.parse::<HeaderName>() else {
        fields.report(
            node,
            format!("`{name}` is not a header name"),
            "use letters, digits and `-`",
        );
        return None;
    };
    if CONNECTION_HEADERS.contains(&header_name.as_str()) {
        fields.report(
            node,
            format!("the header `{name}` cannot be set"),
            "it belongs to the connection",
        );
        return None;
    }
    // The value may be secret: it is not shown.
    let Ok(mut header_value) = HeaderValue::from_str(value) else {
        fields.report(
            node,
            format!("the value for `{name}` cannot stand in a header"),
            "use visible ASCII characters",
        );
        return None;
    };
    header_value.set_sensitive(true);
    Some((header_name, header_value))
}

/// An absolute URL with named values filled in; `None`, reported, if it is not one.
pub(super) fn base_url(
    text: &str,
    node: &Node,
    named_values: &NamedValues,
    fields: &mut Fields<'_, '_>,
) -> Option<Uri> {
    let expanded = named_values.expand(text, node, fields)?;
    match check_base_url(&expanded) {
        Ok(uri) => Some(uri),
        Err(why) => {
            // The text as written: what a named value put in may be secret.
            let shown = if has_credentials(text) {
                "this".to_owned()
            } else {
                format!("`{text}`")
            };
            fields.report(
                node,
                format!("{shown} is not a base URL: {why}"),
                "write e.g. `https://example.com/api`",
            );
            None
        }
    }
}

/// Whether a text is a URL with a user name or password, so that no message repeats it.
pub(crate) fn has_credentials(text: &str) -> bool {
    let authority = text
        .split_once("://")
        .map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    authority.is_some_and(|authority| authority.contains('@'))
}

/// Checks the URL of a backend.
///
/// # Errors
/// What is wrong with it, without repeating it.
pub(crate) fn check_base_url(text: &str) -> Result<Uri, &'static str> {
    let uri: Uri = text.parse().map_err(|_| "it is not a URL")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("it must start with `http://` or `https://`");
    }
    let authority = uri
        .authority()
        .map(http::uri::Authority::as_str)
        .unwrap_or_default();
    if uri.host().is_none_or(str::is_empty) {
        return Err("it has no host");
    }
    if authority.contains('@') {
        return Err("it may not hold a user name or password");
    }
    if authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.ends_with(']') && port.parse::<u16>().is_err())
    {
        return Err("its port is not a number up to 65535");
    }
    if uri.query().is_some() || text.contains('#') {
        return Err("it may not have a query or a fragment");
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        for good in [
            "http://localhost:7071/api",
            "https://example.com",
            "https://[::1]:8443/",
            "http://[::1]",
        ] {
            assert!(check_base_url(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", "it is not a URL"),
            ("/api", "it must start with `http://` or `https://`"),
            (
                "ftp://example.com",
                "it must start with `http://` or `https://`",
            ),
            (
                "http://u:p@example.com",
                "it may not hold a user name or password",
            ),
            (
                "http://example.com:99999",
                "its port is not a number up to 65535",
            ),
            (
                "http://example.com/?a=b",
                "it may not have a query or a fragment",
            ),
            (
                "http://example.com/#a",
                "it may not have a query or a fragment",
            ),
        ] {
            assert_eq!(check_base_url(bad).err(), Some(why), "{bad}");
        }
    }
}
