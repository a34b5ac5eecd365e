//! Where a request goes, and with which certificate: `set-backend-service`,
//! `authentication-certificate`, `rewrite-uri`, `forward-request`

use std::time::Duration;

use super::DEFAULT_TIMEOUT;
use crate::compile::literal;
use crate::compile::{Place, Reader};
use crate::diagnostic::suggest;
use crate::plan::{
    Action, AuthenticationCertificate, ForwardRequest, RewriteUri, SetBackendService,
};
use crate::setting::Setting;
use crate::template::UrlTemplate;

/// The longest `timeout` in seconds: an hour, beyond which a stuck backend is just a leak.
const MAX_TIMEOUT: u64 = 3600;

pub(super) fn set_backend_service(reader: &mut Reader<'_, '_>, _: &Place<'_>) -> Option<Action> {
    reader.attributes(&["base-url", "backend-id"]);
    reader.children(&[]);
    let has = |name| reader.element.attribute(name).is_some();
    match (has("base-url"), has("backend-id")) {
        (true, false) => {
            let url = reader.setting("base-url", literal::base_url)?;
            Some(Action::SetBackendService(Box::new(
                SetBackendService::BaseUrl(url),
            )))
        }
        (false, true) => {
            let id = reader.setting("backend-id", literal::some_text)?;
            if let Setting::Literal(id) = &id {
                check_backend(reader, id);
            }
            Some(Action::SetBackendService(Box::new(
                SetBackendService::BackendId(id),
            )))
        }
        _ => {
            reader.report_here(
                "`set-backend-service` needs `base-url` or `backend-id`",
                "write one of the two",
            );
            None
        }
    }
}

fn check_backend(reader: &mut Reader<'_, '_>, id: &str) {
    let known: Vec<&str> = reader.compiler.backends.iter().copied().collect();
    // A secret named value may have made the id: then it is not shown.
    let shown = reader
        .element
        .attribute("backend-id")
        .map(|a| (a.value.position(), a.value.quoted()));
    if let (false, Some((position, quoted))) = (known.contains(&id), shown) {
        let help = format!(
            "{}; a backend is `backends/{{id}}/backendInformation.json`",
            suggest::help(id, &known)
        );
        reader.report(position, format!("there is no backend {quoted}"), help);
    }
}

pub(super) fn authentication_certificate(
    reader: &mut Reader<'_, '_>,
    _: &Place<'_>,
) -> Option<Action> {
    reader.attributes(&["thumbprint", "certificate-id", "body", "password"]);
    reader.children(&[]);
    for name in ["body", "password"] {
        reader.unsupported_attribute(
            name,
            "put the certificate into the folder that --backend-certificates names, and write its `certificate-id`",
        );
    }
    let has = |name| reader.element.attribute(name).is_some();
    if has("body") {
        return None;
    }
    let certificate = match (has("thumbprint"), has("certificate-id")) {
        (true, false) => AuthenticationCertificate::Thumbprint(
            reader.setting("thumbprint", literal::thumbprint)?,
        ),
        (false, true) => {
            AuthenticationCertificate::Id(reader.setting("certificate-id", literal::some_text)?)
        }
        _ => {
            reader.report_here(
                "`authentication-certificate` needs `thumbprint` or `certificate-id`",
                "write one of the two",
            );
            return None;
        }
    };
    Some(Action::AuthenticationCertificate(Box::new(certificate)))
}

pub(super) fn rewrite_uri(reader: &mut Reader<'_, '_>, place: &Place<'_>) -> Option<Action> {
    reader.attributes(&["template", "copy-unmatched-params"]);
    reader.children(&[]);
    let template = reader.required("template", rewrite_template);
    let copy_unmatched = reader
        .literal("copy-unmatched-params", literal::boolean)
        .unwrap_or(true);
    if let (Some(Setting::Literal(text)), Some(operation)) = (&template, place.operation) {
        let names = UrlTemplate::parse(&operation.url_template).ok();
        let names: Vec<&str> = names
            .iter()
            .flat_map(UrlTemplate::parameters)
            .map(|name| &**name)
            .collect();
        for name in placeholders(text)
            .flatten()
            .filter(|name| !names.contains(name))
        {
            let message = format!(
                "the operation's template `{}` has no parameter `{name}`",
                operation.url_template
            );
            reader.report_here(message, suggest::help(name, &names));
        }
    }
    Some(Action::RewriteUri(Box::new(RewriteUri {
        template: template?,
        copy_unmatched,
    })))
}

/// A path with an optional query, once its placeholders are filled in.
fn rewrite_template(text: &str) -> literal::Checked<String> {
    let text = text.trim();
    let mut sample = text.to_owned();
    let mut paired = true;
    for name in placeholders(text) {
        match name {
            Some(name) => sample = sample.replace(&format!("{{{name}}}"), "x"),
            None => paired = false,
        }
    }
    let path = format!("/{}", sample.trim_start_matches('/'));
    if !paired
        || text.contains('#')
        || text.contains("://")
        || path.parse::<http::uri::PathAndQuery>().is_err()
    {
        return Err("a path with an optional query, e.g. `/orders/{id}?full=true`".to_owned());
    }
    Ok(text.to_owned())
}

/// The names in `{…}`; `None` for a brace without its partner.
fn placeholders(text: &str) -> impl Iterator<Item = Option<&str>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let at = rest.find(['{', '}'])?;
        let name = rest[at..]
            .strip_prefix('{')
            .and_then(|inside| inside.split_once('}'));
        match name.filter(|(name, _)| !name.is_empty() && !name.contains('{')) {
            Some((name, after)) => {
                rest = after;
                Some(Some(name))
            }
            None => {
                rest = "";
                Some(None)
            }
        }
    })
}

const FORWARD_ATTRIBUTES: [&str; 8] = [
    "timeout",
    "timeout-ms",
    "continue-timeout",
    "http-version",
    "follow-redirects",
    "buffer-request-body",
    "buffer-response",
    "fail-on-error-status-code",
];

pub(super) fn forward_request(reader: &mut Reader<'_, '_>, _: &Place<'_>) -> Option<Action> {
    reader.attributes(&FORWARD_ATTRIBUTES);
    reader.children(&[]);
    reader.unsupported_attribute(
        "continue-timeout",
        "remove it: `timeout` covers the wait for 100 Continue",
    );
    let version = reader.literal("http-version", literal::one_of(&["1", "2or1", "2"]));
    only(
        reader,
        "http-version",
        version.as_deref() != Some("2"),
        "a backend chooses; remove it or write `2or1`, or `1` to keep HTTP/2 from it",
    );
    let follow = reader
        .literal("follow-redirects", literal::boolean)
        .unwrap_or(false);
    only(
        reader,
        "follow-redirects",
        !follow,
        "redirects go to the caller; remove it or write `false`",
    );
    let buffer = reader
        .literal("buffer-request-body", literal::boolean)
        .unwrap_or(false);
    only(
        reader,
        "buffer-request-body",
        !buffer,
        "bodies are streamed; remove it or write `false`",
    );
    // Either value is fine: a response is always streamed, which is all that `false` asks for, and
    // what `true` buffers is 8 KiB at a time.
    reader.literal("buffer-response", literal::boolean);
    let fail_on_error_status = reader
        .literal("fail-on-error-status-code", literal::boolean)
        .unwrap_or(false);
    let timeout = timeout(reader);
    Some(Action::ForwardRequest(Box::new(ForwardRequest {
        timeout,
        follow_redirects: false,
        only_http1: version.as_deref() == Some("1"),
        fail_on_error_status,
    })))
}

fn only(reader: &mut Reader<'_, '_>, name: &str, holds: bool, help: &str) {
    if let (false, Some(attribute)) = (holds, reader.element.attribute(name)) {
        reader.report(
            attribute.value.position(),
            format!("this value of `{name}` is not supported"),
            help,
        );
    }
}

fn timeout(reader: &mut Reader<'_, '_>) -> Setting<Duration> {
    let seconds = reader.setting("timeout", |text| {
        literal::number(1..=MAX_TIMEOUT)(text).map(Duration::from_secs)
    });
    let milliseconds = reader.literal("timeout-ms", |text| {
        literal::number(1..=MAX_TIMEOUT * 1000)(text).map(Duration::from_millis)
    });
    if seconds.is_some() && milliseconds.is_some() {
        reader.report_here(
            "`timeout` and `timeout-ms` stand side by side",
            "keep one of the two",
        );
    }
    seconds
        .or(milliseconds.map(Setting::Literal))
        .unwrap_or(Setting::Literal(DEFAULT_TIMEOUT))
}
