//! `rate-limit-by-key`

use crate::compile::literal;
use crate::compile::{Place, Reader};
use crate::plan::{Action, RateLimitByKey};
use crate::setting::Setting;

/// The longest `renewal-period` in seconds, as in APIM.
const MAX_PERIOD: u64 = 300;

const ATTRIBUTES: [&str; 12] = [
    "calls",
    "renewal-period",
    "counter-key",
    "increment-condition",
    "increment-count",
    "increment-after-response",
    "retry-after-header-name",
    "retry-after-variable-name",
    "remaining-calls-header-name",
    "remaining-calls-variable-name",
    "total-calls-header-name",
    "flexible-retry-window",
];

pub(super) fn rate_limit_by_key(reader: &mut Reader<'_, '_>, place: &Place<'_>) -> Option<Action> {
    reader.attributes(&ATTRIBUTES);
    reader.children(&[]);
    reader.unsupported_attribute(
        "flexible-retry-window",
        "remove it: what it does is not public",
    );
    let calls = reader.required("calls", literal::number(1..=u64::MAX));
    let renewal_period = reader.required("renewal-period", literal::number(1..=MAX_PERIOD));
    let counter_key = reader.required("counter-key", |text| literal::some_text(text).map(Some));
    let increment_count = reader.setting("increment-count", literal::number(1..=u64::MAX));
    never_admitted(reader, calls.as_ref(), increment_count.as_ref());
    let limit = RateLimitByKey {
        name: match reader.id() {
            Some(id) => id,
            None => format!("{}/{}", place.document, place.path).into(),
        },
        increment_condition: reader.setting("increment-condition", literal::boolean),
        increment_count,
        increment_after_response: reader
            .literal("increment-after-response", literal::boolean)
            .unwrap_or(false),
        retry_after_header: reader
            .literal("retry-after-header-name", literal::header_name)
            .unwrap_or(http::header::RETRY_AFTER),
        retry_after_variable: reader.literal("retry-after-variable-name", literal::name),
        remaining_header: reader.literal("remaining-calls-header-name", literal::header_name),
        remaining_variable: reader.literal("remaining-calls-variable-name", literal::name),
        total_header: reader.literal("total-calls-header-name", literal::header_name),
        calls: calls?,
        renewal_period: renewal_period?,
        counter_key: counter_key?,
    };
    Some(Action::RateLimitByKey(Box::new(limit)))
}

fn never_admitted(
    reader: &mut Reader<'_, '_>,
    calls: Option<&Setting<u64>>,
    count: Option<&Setting<u64>>,
) {
    if let (Some(calls), Some(count)) = (
        calls.and_then(Setting::literal),
        count.and_then(Setting::literal),
    ) && count > calls
    {
        let message = "one call counts for more than `calls` allows, so none would be admitted";
        reader.report_here(message, "raise `calls` or lower `increment-count`");
    }
}
