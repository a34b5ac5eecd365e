//! `cors`

use std::sync::Arc;

use http::{HeaderName, Method};

use crate::compile::literal::{self, Checked};
use crate::compile::{Place, Reader};
use crate::plan::{Action, Cors, CorsOrigins};
use crate::setting::Setting;
use crate::xml::Element;

pub(super) fn cors(reader: &mut Reader<'_, '_>, _: &Place<'_>) -> Option<Action> {
    reader.attributes(&["allow-credentials", "terminate-unmatched-request"]);
    reader.children(&[
        "allowed-origins",
        "allowed-methods",
        "allowed-headers",
        "expose-headers",
    ]);
    let allow_credentials = reader.setting("allow-credentials", literal::boolean);
    let terminate_unmatched = reader.setting("terminate-unmatched-request", literal::boolean);
    let origins = required(reader, "allowed-origins").and_then(|element| origins(reader, element));
    let (methods, max_age) = match reader.child("allowed-methods") {
        Some(element) => methods(reader, element),
        None => (Some(vec![Method::GET, Method::POST]), None),
    };
    let headers = required(reader, "allowed-headers").map(|element| headers(reader, element));
    let expose = match reader.child("expose-headers") {
        Some(element) => headers_or_any(reader, element),
        None => Some(Vec::new()),
    };
    Some(Action::Cors(Arc::new(Cors {
        allow_credentials: allow_credentials.unwrap_or(Setting::Literal(false)),
        terminate_unmatched: terminate_unmatched.unwrap_or(Setting::Literal(true)),
        origins: origins?,
        methods,
        max_age,
        headers: headers?,
        expose,
    })))
}

fn required<'r>(reader: &mut Reader<'r, '_>, name: &str) -> Option<&'r Element> {
    let element = reader.child(name);
    if element.is_none() {
        let item = name.trim_start_matches("allowed-").trim_end_matches('s');
        reader.report_here(
            format!("`cors` needs `{name}`"),
            format!("add `<{name}><{item}>*</{item}></{name}>` to allow all"),
        );
    }
    element
}

fn origins(reader: &mut Reader<'_, '_>, element: &Element) -> Option<CorsOrigins> {
    items(reader, element, "origin", literal::origin)
        .map(|list| list.map_or(CorsOrigins::Any, CorsOrigins::List))
}

fn methods(
    reader: &mut Reader<'_, '_>,
    element: &Element,
) -> (Option<Vec<Method>>, Option<Setting<u64>>) {
    let mut inner = reader.of(element);
    inner.attributes(&["preflight-result-max-age"]);
    let max_age = inner.setting(
        "preflight-result-max-age",
        literal::number(0..=u64::from(u32::MAX)),
    );
    (
        items(reader, element, "method", literal::method).unwrap_or_default(),
        max_age,
    )
}

fn headers(reader: &mut Reader<'_, '_>, element: &Element) -> Option<Vec<HeaderName>> {
    reader.of(element).attributes(&[]);
    headers_or_any(reader, element)
}

fn headers_or_any(reader: &mut Reader<'_, '_>, element: &Element) -> Option<Vec<HeaderName>> {
    items(reader, element, "header", literal::header_name).unwrap_or_default()
}

/// The texts of the `item`s of a list that may not be empty; the inner `None` is a lone `*`.
fn items<T>(
    reader: &mut Reader<'_, '_>,
    list: &Element,
    item: &'static str,
    rule: fn(&str) -> Checked<T>,
) -> Option<Option<Vec<T>>> {
    let mut reader = reader.of(list);
    reader.children(&[item]);
    if reader.each(item).next().is_none() {
        reader.report_here(
            format!("`{}` is empty", list.name),
            format!("add `<{item}>…</{item}>`"),
        );
        return None;
    }
    let any_or_one = |text: &str| {
        if text == "*" {
            Ok(None)
        } else {
            rule(text).map(Some)
        }
    };
    let found = reader.literal_texts(item, any_or_one);
    if found.iter().any(Option::is_none) {
        if found.len() > 1 {
            reader.report_here(
                format!("`*` stands beside others in `{}`", list.name),
                "keep the `*` or the list",
            );
        }
        return Some(None);
    }
    Some(Some(found.into_iter().flatten().collect()))
}
