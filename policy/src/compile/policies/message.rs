//! What a request or a response says: `set-header`, `set-status`, `set-body`, `return-response`

use crate::compile::literal;
use crate::compile::{Place, Reader};
use crate::plan::{Action, ReturnResponse, SetHeader, SetStatus};
use crate::setting::Setting;
use crate::value::FromValue;
use crate::xml::Element;

/// Headers that belong to the connection: nobody may set or delete them.
const CONNECTION_HEADERS: [&str; 4] = [
    "connection",
    "content-length",
    "keep-alive",
    "transfer-encoding",
];

pub(super) fn set_header_policy(reader: &mut Reader<'_, '_>, _: &Place<'_>) -> Option<Action> {
    set_header(reader).map(|header| Action::SetHeader(Box::new(header)))
}

pub(super) fn set_status_policy(reader: &mut Reader<'_, '_>, _: &Place<'_>) -> Option<Action> {
    set_status(reader).map(|status| Action::SetStatus(Box::new(status)))
}

pub(super) fn set_body_policy(reader: &mut Reader<'_, '_>, _: &Place<'_>) -> Option<Action> {
    set_body(reader, literal::text).map(Action::SetBody)
}

fn set_header(reader: &mut Reader<'_, '_>) -> Option<SetHeader> {
    reader.attributes(&["name", "exists-action"]);
    reader.children(&["value"]);
    let name = reader.required("name", settable_header);
    let actions = literal::one_of(&["override", "append", "skip", "delete"]);
    let exists_action = reader
        .setting("exists-action", actions)
        .unwrap_or(Setting::Literal("override".to_owned()));
    let values = header_values(reader);
    let deletes = exists_action.literal().map(|action| action == "delete");
    let has_value = reader.each("value").next().is_some();
    if deletes == Some(true) {
        if has_value {
            reader.report_here("a header that is deleted has no value", "remove `value`");
        }
        if let Some("server") = name
            .as_ref()
            .and_then(Setting::literal)
            .map(|n| n.to_lowercase())
            .as_deref()
        {
            reader.report_here(
                "the header `Server` cannot be deleted",
                "set it to another value",
            );
        }
    } else if deletes == Some(false) && !has_value {
        reader.report_here(
            "`set-header` has no value",
            "add `<value>…</value>`, or write `exists-action=\"delete\"`",
        );
    }
    Some(SetHeader {
        name: name?,
        exists_action,
        values,
    })
}

/// The values; one without content is the empty text.
fn header_values(reader: &mut Reader<'_, '_>) -> Vec<Setting<Option<String>>> {
    let children: Vec<_> = reader.each("value").collect();
    let read = |child: &Element| {
        let mut reader = reader.of(child);
        reader.attributes(&[]);
        match child.children.is_empty() {
            true => Some(Setting::Literal(Some(String::new()))),
            false => reader.text(literal::nullable_header_text),
        }
    };
    children.into_iter().filter_map(read).collect()
}

fn settable_header(text: &str) -> literal::Checked<String> {
    let name = literal::header_name_text(text)?;
    if CONNECTION_HEADERS
        .iter()
        .any(|header| header.eq_ignore_ascii_case(&name))
    {
        return Err("a header of the message, not one of the connection".to_owned());
    }
    Ok(name)
}

fn set_status(reader: &mut Reader<'_, '_>) -> Option<SetStatus> {
    reader.attributes(&["code", "reason"]);
    reader.children(&[]);
    let code = reader.required("code", literal::status);
    let reason = reader.setting("reason", literal::reason);
    Some(SetStatus {
        code: code?,
        reason,
    })
}

fn set_body<T: FromValue>(
    reader: &mut Reader<'_, '_>,
    rule: fn(&str) -> literal::Checked<T>,
) -> Option<Setting<T>> {
    reader.attributes(&[
        "template",
        "xsi-nil",
        "parse-date",
        "html-decode-expression",
    ]);
    for name in [
        "template",
        "xsi-nil",
        "parse-date",
        "html-decode-expression",
    ] {
        reader.unsupported_attribute(
            name,
            "Liquid templates are not supported yet; use an expression",
        );
    }
    if reader.element.children.is_empty() {
        return rule("").ok().map(Setting::Literal);
    }
    // Not trimmed: blanks may be part of a body.
    let text = reader.only_text()?;
    reader.value(text, "set-body", rule)
}

pub(super) fn return_response(reader: &mut Reader<'_, '_>, _: &Place<'_>) -> Option<Action> {
    reader.attributes(&["response-variable-name"]);
    reader.unsupported_attribute(
        "response-variable-name",
        "stored responses are not supported yet; use the children",
    );
    reader.children(&["set-status", "set-header", "set-body"]);
    let status = reader
        .child("set-status")
        .map(|element| set_status(&mut reader.of(element)));
    let body = reader
        .child("set-body")
        .map(|element| set_body(&mut reader.of(element), literal::nullable_text));
    let elements: Vec<_> = reader.each("set-header").collect();
    let headers = elements
        .into_iter()
        .filter_map(|element| set_header(&mut reader.of(element)))
        .collect();
    Some(Action::ReturnResponse(Box::new(ReturnResponse {
        status: status.flatten(),
        headers,
        body: body.flatten(),
    })))
}
