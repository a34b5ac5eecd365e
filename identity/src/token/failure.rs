//! Errors of the token endpoint (RFC 6749, section 5.2).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::grants::GrantError;

/// Why there is no token.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: FailureCode,
    pub(crate) description: String,
    /// The client tried HTTP Basic, so it must be told that Basic is the way.
    pub(crate) challenge: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureCode {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnsupportedGrantType,
    InvalidScope,
    ServerError,
}

impl FailureCode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::ServerError => "server_error",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            Self::ServerError => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl Failure {
    pub(crate) fn new(code: FailureCode, description: impl Into<String>) -> Self {
        Self {
            code,
            description: description.into(),
            challenge: false,
        }
    }

    pub(crate) fn invalid_request(description: &str) -> Self {
        Self::new(FailureCode::InvalidRequest, description)
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new(
            FailureCode::InvalidRequest,
            format!("The parameter {parameter} is missing."),
        )
    }
}

impl From<GrantError> for Failure {
    fn from(error: GrantError) -> Self {
        let code = match error {
            GrantError::Scope(_) => FailureCode::InvalidScope,
            _ => FailureCode::InvalidGrant,
        };
        Self::new(code, error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code.as_str(), "error_description": self.description });
        let mut response = (self.code.status(), axum::Json(body)).into_response();
        if self.challenge {
            let challenge = HeaderValue::from_static("Basic realm=\"weir identity\"");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
