//! The policies that exist: what each is called, where it may stand, and what compiles it.

mod choose;
mod cors;
mod filters;
mod forward;
mod message;
mod rate_limit;
mod validate_jwt;
mod variable;

use std::time::Duration;

use super::{Place, Reader};
use crate::plan::{Action, Section};

/// How long a backend may take until its headers are there, as in APIM.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// One policy.
pub(super) struct Policy {
    pub(super) name: &'static str,
    /// Where it may stand.
    pub(super) sections: &'static [Section],
    /// `None`, reported, if the element is not what it should be.
    pub(super) compile: fn(&mut Reader<'_, '_>, &Place<'_>) -> Option<Action>,
}

const INBOUND: &[Section] = &[Section::Inbound];
const BACKEND: &[Section] = &[Section::Backend];
const REQUEST: &[Section] = &[Section::Inbound, Section::Backend];
const RESPONSE: &[Section] = &[Section::Outbound, Section::OnError];
const ALL: &[Section] = &[
    Section::Inbound,
    Section::Backend,
    Section::Outbound,
    Section::OnError,
];

/// All of them, in the order they are listed in messages.
static POLICIES: [Policy; 15] = [
    Policy {
        name: "cors",
        sections: INBOUND,
        compile: cors::cors,
    },
    Policy {
        name: "validate-jwt",
        sections: INBOUND,
        compile: validate_jwt::validate_jwt,
    },
    Policy {
        name: "rate-limit-by-key",
        sections: INBOUND,
        compile: rate_limit::rate_limit_by_key,
    },
    Policy {
        name: "ip-filter",
        sections: INBOUND,
        compile: filters::ip_filter,
    },
    Policy {
        name: "check-header",
        sections: INBOUND,
        compile: filters::check_header,
    },
    Policy {
        name: "rewrite-uri",
        sections: INBOUND,
        compile: forward::rewrite_uri,
    },
    Policy {
        name: "set-backend-service",
        sections: REQUEST,
        compile: forward::set_backend_service,
    },
    Policy {
        name: "authentication-certificate",
        sections: INBOUND,
        compile: forward::authentication_certificate,
    },
    Policy {
        name: "forward-request",
        sections: BACKEND,
        compile: forward::forward_request,
    },
    Policy {
        name: "set-header",
        sections: ALL,
        compile: message::set_header_policy,
    },
    Policy {
        name: "set-status",
        sections: ALL,
        compile: message::set_status_policy,
    },
    Policy {
        name: "set-body",
        sections: RESPONSE,
        compile: message::set_body_policy,
    },
    Policy {
        name: "set-variable",
        sections: ALL,
        compile: variable::set_variable,
    },
    Policy {
        name: "choose",
        sections: ALL,
        compile: choose::choose,
    },
    Policy {
        name: "return-response",
        sections: ALL,
        compile: message::return_response,
    },
];

/// Policies of APIM that do not exist here yet, so that a message can tell them from slips.
pub(super) const NOT_YET: [&str; 54] = [
    "authentication-basic",
    "authentication-managed-identity",
    "azure-openai-emit-token-metric",
    "azure-openai-semantic-cache-lookup",
    "azure-openai-semantic-cache-store",
    "azure-openai-token-limit",
    "cache-lookup",
    "cache-lookup-value",
    "cache-remove-value",
    "cache-store",
    "cache-store-value",
    "cache-value",
    "cosmosdb-data-source",
    "cross-domain",
    "emit-metric",
    "find-and-replace",
    "get-authorization-context",
    "http-data-source",
    "include-fragment",
    "invoke-dapr-binding",
    "invoke-request",
    "json-to-xml",
    "jsonp",
    "limit-concurrency",
    "llm-content-safety",
    "llm-emit-token-metric",
    "llm-semantic-cache-lookup",
    "llm-semantic-cache-store",
    "llm-token-limit",
    "log-to-eventhub",
    "mock-response",
    "proxy",
    "publish-to-dapr",
    "quota",
    "quota-by-key",
    "rate-limit",
    "redirect-content-urls",
    "retry",
    "send-one-way-request",
    "send-request",
    "send-service-bus-message",
    "set-method",
    "set-query-parameter",
    "sql-data-source",
    "trace",
    "validate-azure-ad-token",
    "validate-client-certificate",
    "validate-content",
    "validate-graphql-request",
    "validate-headers",
    "validate-odata-request",
    "validate-parameters",
    "validate-status-code",
    "wait",
];

/// The policy of that name.
pub(super) fn find(name: &str) -> Option<&'static Policy> {
    POLICIES.iter().find(|policy| policy.name == name)
}

/// The names of the policies that may stand in a section.
pub(super) fn names_in(section: Section) -> Vec<&'static str> {
    POLICIES
        .iter()
        .filter(|p| p.sections.contains(&section))
        .map(|p| p.name)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_policy_exists_or_does_not_exist_yet() {
        assert!(
            POLICIES
                .iter()
                .all(|policy| !NOT_YET.contains(&policy.name))
        );
        assert!(NOT_YET.is_sorted());
    }

    #[test]
    fn the_documentation_has_a_row_for_every_policy() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/policies.md");
        let text = std::fs::read_to_string(path).unwrap();
        for policy in &POLICIES {
            assert!(
                text.contains(&format!("\n| `{}` | ", policy.name)),
                "{} has no row",
                policy.name
            );
        }
    }
}
