//! `set-header`, on the request or on the answer.

use std::borrow::Cow;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use weir_policy::Context;
use weir_policy::plan::{Section, SetHeader};

use crate::exchange::{Exchange, Stop, changes_response, empty_response};
use crate::failure::Failure;

/// Framing and connection belong to the protocol, not to policies.
const FORBIDDEN: [HeaderName; 4] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
    header::TRANSFER_ENCODING,
];

/// Values of these do not survive being joined with commas.
const SEPARATE_LINES: [HeaderName; 13] = [
    header::USER_AGENT,
    header::WWW_AUTHENTICATE,
    header::PROXY_AUTHENTICATE,
    header::COOKIE,
    header::SET_COOKIE,
    header::WARNING,
    header::DATE,
    header::EXPIRES,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::LAST_MODIFIED,
    header::RETRY_AFTER,
    header::HOST,
];

impl Exchange<'_> {
    pub(in crate::exchange) fn set_header(
        &mut self,
        policy: &SetHeader,
        section: Section,
    ) -> Result<(), Stop> {
        let change = Change::evaluate(policy, &self.context)?;
        if changes_response(section) {
            let response = self.context.response.get_or_insert_with(empty_response);
            change.apply(&mut response.headers);
            return Ok(());
        }
        let is_host = change.name == header::HOST;
        change.apply(&mut self.context.request.headers);
        if is_host {
            self.backend_host = self.context.request.headers.get(header::HOST).cloned();
        }
        Ok(())
    }
}

/// What a `set-header` does, with everything evaluated.
pub(in crate::exchange) struct Change {
    name: HeaderName,
    action: ExistsAction,
    values: Vec<HeaderValue>,
}

impl Change {
    pub(in crate::exchange) fn evaluate(
        policy: &SetHeader,
        context: &Context,
    ) -> Result<Self, Stop> {
        let name = policy.name.get(context)?;
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid(format!("`{}` is not a header name", name.escape_debug())))?;
        let action = policy.exists_action.get(context)?;
        let action = ExistsAction::read(&action).ok_or_else(|| {
            invalid(format!(
                "exists-action `{}` is not one",
                action.escape_debug()
            ))
        })?;
        let mut texts = Vec::with_capacity(policy.values.len());
        for value in &policy.values {
            if let Some(text) = value.get(context)?.into_owned() {
                texts.push(text);
            }
        }
        let lines = if SEPARATE_LINES.contains(&name) || texts.len() < 2 {
            texts
        } else {
            vec![texts.join(",")]
        };
        let values = lines.into_iter().map(|line| {
            HeaderValue::try_from(line)
                .map_err(|_| invalid(format!("the value for header `{name}` is not allowed")))
        });
        let values = values.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            name,
            action,
            values,
        })
    }

    pub(in crate::exchange) fn apply(self, headers: &mut HeaderMap) {
        let Self {
            name,
            action,
            values,
        } = self;
        if FORBIDDEN.contains(&name) {
            return;
        }
        match action {
            ExistsAction::Skip if headers.contains_key(&name) => return,
            ExistsAction::Append if !SEPARATE_LINES.contains(&name) => {
                if let Some(existing) = joined(headers, &name) {
                    let added = values.iter().filter_map(|value| value.to_str().ok());
                    let all = [&*existing]
                        .into_iter()
                        .chain(added)
                        .collect::<Vec<_>>()
                        .join(",");
                    if let Ok(value) = HeaderValue::try_from(all) {
                        headers.insert(name, value);
                    }
                    return;
                }
            }
            ExistsAction::Skip | ExistsAction::Append => {}
            ExistsAction::Override => {
                headers.remove(&name);
            }
            ExistsAction::Delete => {
                headers.remove(&name);
                return;
            }
        }
        for value in values {
            headers.append(name.clone(), value);
        }
    }
}

/// `exists-action`: what happens to a header that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExistsAction {
    Override,
    Append,
    Skip,
    Delete,
}

impl ExistsAction {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "override" => Self::Override,
            "append" => Self::Append,
            "skip" => Self::Skip,
            "delete" => Self::Delete,
            _ => return None,
        })
    }
}

/// All lines of a header as one value. Bytes that are no text are shown as replacement characters.
pub(in crate::exchange) fn joined<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Option<Cow<'h, str>> {
    let mut lines = headers.get_all(name).iter();
    let mut all = String::from_utf8_lossy(lines.next()?.as_bytes());
    for line in lines {
        let all = all.to_mut();
        all.push(',');
        all.push_str(&String::from_utf8_lossy(line.as_bytes()));
    }
    Some(all)
}

fn invalid(detail: String) -> Box<Failure> {
    Failure::internal("ExpressionValueEvaluationFailure", detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn change(existing: &[&str], name: &str, action: &str, values: &[&str]) -> Vec<String> {
        let name: HeaderName = name.parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in existing {
            headers.append(name.clone(), line.parse().unwrap());
        }
        let values = values.iter().map(|v| v.parse().unwrap()).collect();
        Change {
            name: name.clone(),
            action: ExistsAction::read(action).unwrap(),
            values,
        }
        .apply(&mut headers);
        headers
            .get_all(name)
            .iter()
            .map(|v| v.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn actions_on_an_existing_header() {
        assert_eq!(change(&["a", "b"], "x-y", "override", &["c"]), ["c"]);
        assert_eq!(change(&["a", "b"], "x-y", "append", &["c"]), ["a,b,c"]);
        assert_eq!(change(&["a", "b"], "x-y", "skip", &["c"]), ["a", "b"]);
        assert_eq!(change(&["a", "b"], "x-y", "delete", &[]), [""; 0]);
        assert_eq!(change(&["a"], "set-cookie", "append", &["b"]), ["a", "b"]);
    }

    #[test]
    fn actions_on_an_absent_header() {
        for action in ["override", "append", "skip"] {
            assert_eq!(change(&[], "x-y", action, &["c"]), ["c"], "{action}");
        }
        assert_eq!(change(&[], "x-y", "delete", &[]), [""; 0]);
    }

    #[test]
    fn framing_headers_stay() {
        for name in [
            "connection",
            "content-length",
            "keep-alive",
            "transfer-encoding",
        ] {
            assert_eq!(change(&["a"], name, "override", &["b"]), ["a"], "{name}");
            assert_eq!(change(&["a"], name, "delete", &[]), ["a"], "{name}");
        }
    }
}
