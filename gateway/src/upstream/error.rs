//! Why a call of a backend brought no response: whose fault it is, what the client reads, what the
//! operator does.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::io;

use http::uri::Uri;
use http::{Request, StatusCode};
use hyper::client::conn::TrySendError;
use rustls::CertificateError;

use super::body::{BodyError, BodyFault, RequestBody};
use super::tls::SelfSigned;
use crate::failure::Failure;
use crate::metrics::UpstreamFault;

/// `context.LastError.Reason` of all that is not a time-out.
const REASON: &str = "BackendConnectionFailure";

/// Why a call brought no response.
#[derive(Debug)]
pub(crate) struct CallError {
    /// Whose fault it is, for the metrics.
    pub(crate) fault: UpstreamFault,
    /// What the client gets.
    pub(crate) failure: Box<Failure>,
}

/// A request that got no response.
#[derive(Debug)]
pub(super) struct Unanswered {
    /// The request, if none of it was sent.
    pub(super) request: Option<Request<RequestBody>>,
    pub(super) error: hyper::Error,
}

impl From<TrySendError<Request<RequestBody>>> for Unanswered {
    fn from(mut error: TrySendError<Request<RequestBody>>) -> Self {
        Self {
            request: error.take_message(),
            error: error.into_error(),
        }
    }
}

impl Unanswered {
    /// Whether the backend says that it did nothing for it (RFC 9113, section 8.7).
    pub(super) fn was_refused(&self) -> bool {
        find::<h2::Error>(&self.error).is_some_and(|error| {
            error.reason() == Some(h2::Reason::REFUSED_STREAM)
                || error.is_go_away() && error.is_remote()
        })
    }

    /// Whether the connection ended, and not with an answer that makes no sense.
    pub(super) fn connection_ended(&self) -> bool {
        let broke = find::<io::Error>(&self.error).is_some()
            || find::<h2::Error>(&self.error).is_some_and(h2::Error::is_io);
        self.error.is_incomplete_message() || self.error.is_canceled() || broke
    }

    /// The error of a call of `backend`; `upload` is what became of the request's body.
    pub(super) fn into_call_error(self, backend: &Uri, upload: Option<BodyFault>) -> CallError {
        let behind = BodyError::behind(&self.error).map(BodyError::fault);
        let detail = chain(&self.error);
        match upload.or(behind) {
            Some(BodyFault::TooLarge) => client_fault(Failure::body_too_large()),
            Some(BodyFault::Stalled) => client_fault(Failure::new(
                StatusCode::REQUEST_TIMEOUT,
                "ClientConnectionFailure",
                "The request body did not arrive in time.",
            )),
            Some(BodyFault::Broken) => {
                client_fault(Failure::bad_request(detail).telling("The request body ended early."))
            }
            None if is_tls(&self.error) => CallError::tls(backend, &self.error),
            None => broken(detail),
        }
    }
}

impl CallError {
    /// There is no connection to `backend`.
    pub(super) fn connecting(backend: &Uri, error: &(dyn StdError + 'static)) -> Self {
        if is_tls(error) {
            return Self::tls(backend, error);
        }
        let detail = chain(error);
        if find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return timed_out(detail);
        }
        unreachable(UpstreamFault::Connect, detail)
    }

    fn tls(backend: &Uri, error: &(dyn StdError + 'static)) -> Self {
        let (fault, what) = match find::<rustls::Error>(error) {
            Some(rustls::Error::InvalidCertificate(error)) => of_certificate(error),
            Some(error) => (UpstreamFault::Tls, format!("TLS failed ({error})")),
            None => (UpstreamFault::Tls, format!("TLS failed ({})", chain(error))),
        };
        let backend = backend
            .authority()
            .map_or("", |authority| authority.as_str());
        unreachable(fault, format!("https://{backend}: {what}"))
    }
}

/// What is wrong with a backend's certificate, and what would help.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library may name more causes, and each is a certificate that is not accepted"
)]
fn of_certificate(error: &CertificateError) -> (UpstreamFault, String) {
    match error {
        CertificateError::Other(other) if other.0.is::<SelfSigned>() => (
            UpstreamFault::SelfSigned,
            "its certificate is self-signed; let an authority sign it and name that one with --backend-ca".to_owned(),
        ),
        CertificateError::UnknownIssuer => (
            UpstreamFault::UnknownAuthority,
            "its certificate is from an authority that is not believed; name that one with --backend-ca, or have the \
             backend send the certificates between"
                .to_owned(),
        ),
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => (
            UpstreamFault::Expired,
            format!("its certificate has expired or is not valid yet ({error})"),
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            UpstreamFault::WrongName,
            format!("its certificate is for another name ({error})"),
        ),
        _ => (
            UpstreamFault::Certificate,
            format!("its certificate cannot be accepted ({error})"),
        ),
    }
}

fn unreachable(fault: UpstreamFault, detail: String) -> CallError {
    CallError {
        fault,
        failure: Failure::new(StatusCode::BAD_GATEWAY, REASON, detail)
            .telling("The backend could not be reached."),
    }
}

fn client_fault(failure: Box<Failure>) -> CallError {
    CallError {
        fault: UpstreamFault::Client,
        failure,
    }
}

/// What came is no answer.
pub(super) fn broken(detail: impl Into<Cow<'static, str>>) -> CallError {
    CallError {
        fault: UpstreamFault::Broken,
        failure: Failure::new(StatusCode::BAD_GATEWAY, REASON, detail)
            .telling("The backend did not answer properly."),
    }
}

/// Nothing came in time.
pub(super) fn timed_out(detail: String) -> CallError {
    CallError {
        fault: UpstreamFault::Timeout,
        failure: Failure::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", detail)
            .telling("The backend did not answer in time."),
    }
}

/// Whether TLS itself failed. HTTP/2 keeps no more of an error of its stream than kind and text; a
/// plain stream has none of this kind.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    find::<rustls::Error>(error).is_some()
        || find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::InvalidData)
}

/// The error of type `T` behind another. An [`io::Error`] does not count what it wraps among its
/// sources.
fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapping = error.downcast_ref::<io::Error>();
        current = match wrapping.and_then(io::Error::get_ref) {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    None
}

/// The whole story of an error: hyper's own texts leave the cause to its sources.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
