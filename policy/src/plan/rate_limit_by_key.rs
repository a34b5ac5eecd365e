//! `rate-limit-by-key` as a plan holds it.

use std::sync::Arc;

use http::HeaderName;

use crate::setting::Setting;

/// `rate-limit-by-key`: <https://learn.microsoft.com/azure/api-management/rate-limit-by-key-policy>.
#[derive(Debug)]
pub struct RateLimitByKey {
    /// The limit's name in metrics, logs and traces: the element's `id`, else its document and its
    /// place there, such as `global/rate-limit-by-key[1]`, `orders/rate-limit-by-key[1]` (an API's)
    /// or `orders/create/rate-limit-by-key[1]`.
    pub name: Arc<str>,
    /// `calls`: at least 1.
    pub calls: Setting<u64>,
    /// `renewal-period` in seconds: 1 to 300 as a literal; an expression is held to the same bounds
    /// when it runs.
    pub renewal_period: Setting<u64>,
    /// `counter-key`. `None` from an expression (a null) counts as the empty string.
    pub counter_key: Setting<Option<String>>,
    /// `increment-condition`, default true. An expression defers the count to the end of
    /// `outbound`.
    pub increment_condition: Option<Setting<bool>>,
    /// `increment-count`, default 1. An expression defers the count to the end of `outbound`.
    pub increment_count: Option<Setting<u64>>,
    /// `increment-after-response`: defers as well.
    pub increment_after_response: bool,
    /// `retry-after-header-name`, default `Retry-After`.
    pub retry_after_header: HeaderName,
    /// `retry-after-variable-name`
    pub retry_after_variable: Option<Arc<str>>,
    /// `remaining-calls-header-name`: on admitted answers.
    pub remaining_header: Option<HeaderName>,
    /// `remaining-calls-variable-name`
    pub remaining_variable: Option<Arc<str>>,
    /// `total-calls-header-name`: on every answer.
    pub total_header: Option<HeaderName>,
}

impl RateLimitByKey {
    /// Whether the charge waits for the end of `outbound`: the check then only asks whether there
    /// is room.
    #[must_use]
    pub fn is_deferred(&self) -> bool {
        self.increment_after_response
            || self
                .increment_condition
                .as_ref()
                .is_some_and(Setting::is_expression)
            || self
                .increment_count
                .as_ref()
                .is_some_and(Setting::is_expression)
    }
}
