//! `check-header`.

use http::{HeaderName, StatusCode};
use weir_policy::plan::CheckHeader;

use super::set_header::joined;
use crate::exchange::{Exchange, Stop};
use crate::failure::Failure;

impl Exchange<'_> {
    /// Several lines of the header count as one value, joined with commas: otherwise a right line
    /// would let a wrong one beside it through.
    pub(in crate::exchange) fn check_header(&mut self, policy: &CheckHeader) -> Result<(), Stop> {
        let context = &self.context;
        let name = policy.name.get(context)?;
        let parsed = HeaderName::from_bytes(name.as_bytes());
        let found = parsed
            .ok()
            .and_then(|name| joined(&context.request.headers, &name));
        let (reason, detail) = match found {
            None => (
                "HeaderNotFound",
                format!("Header {name} was not found in the request. Access denied."),
            ),
            Some(_) if policy.values.is_empty() => return Ok(()),
            Some(found) => {
                let ignore_case = *policy.ignore_case.get(context)?;
                for value in &policy.values {
                    let value = value.get(context)?;
                    if *value == *found || (ignore_case && value.eq_ignore_ascii_case(&found)) {
                        return Ok(());
                    }
                }
                let detail =
                    format!("Header {name} value of {found} is not allowed. Access denied.");
                ("HeaderValueNotAllowed", detail)
            }
        };
        let status = status_of(*policy.failed_status.get(context)?)?;
        let message = policy.failed_message.get(context)?.into_owned();
        Err(Failure::new(status, reason, detail).telling(message).into())
    }
}

/// A status that can end a request.
pub(in crate::exchange) fn status_of(code: u16) -> Result<StatusCode, Box<Failure>> {
    let status = StatusCode::from_u16(code)
        .ok()
        .filter(|_| (200..600).contains(&code));
    status.ok_or_else(|| {
        Failure::internal(
            "ExpressionValueEvaluationFailure",
            format!("{code} is not a status"),
        )
    })
}
