//! `IUrl`

use http::Uri;

use super::{Answer, Property, property};
use crate::expression::operand::{Operand, wrong};
use crate::expression::types::Type;

fn url<'c>(arguments: &[Operand<'c>], get: fn(&Uri) -> Answer<'c>) -> Answer<'c> {
    match arguments.first() {
        Some(Operand::Url(url)) => get(url),
        other => Err(wrong("IUrl", other)),
    }
}

pub(super) static PROPERTIES: &[Property] = &[
    property("Scheme", Type::String, |a| {
        url(a, |u| Operand::made(u.scheme_str().unwrap_or("")))
    }),
    property("Host", Type::String, |a| {
        url(a, |u| Operand::made(u.host().unwrap_or("")))
    }),
    property("Port", Type::Int, |a| {
        url(a, |u| Ok(Operand::Int(port(u).into())))
    }),
    property("Path", Type::String, |a| {
        url(a, |u| Operand::made(u.path()))
    }),
    property("QueryString", Type::String, |a| {
        url(a, |u| Operand::made(query_string(u)))
    }),
    property("Query", Type::Multimap, |a| match a.first() {
        Some(Operand::Url(url)) => Ok(Operand::Query(url.clone())),
        other => Err(wrong("IUrl", other)),
    }),
];

/// The port, given or the scheme's.
fn port(uri: &Uri) -> u16 {
    uri.port_u16().or_else(|| default_port(uri)).unwrap_or(0)
}

fn default_port(uri: &Uri) -> Option<u16> {
    match uri.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    }
}

/// With its `?`; empty without a query.
fn query_string(uri: &Uri) -> String {
    uri.query()
        .filter(|query| !query.is_empty())
        .map_or_else(String::new, |query| format!("?{query}"))
}

/// The whole URL; the port only if it is not the scheme's.
pub(in crate::expression) fn text(uri: &Uri) -> String {
    let Some((scheme, host)) = uri.scheme_str().zip(uri.host()) else {
        return uri.to_string();
    };
    let port = match uri.port_u16() {
        Some(port) if default_port(uri) != Some(port) => format!(":{port}"),
        _ => String::new(),
    };
    format!("{scheme}://{host}{port}{}{}", uri.path(), query_string(uri))
}
