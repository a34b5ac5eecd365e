//! Reading a request's body, bounded in size and time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};

use super::Refusal;

#[derive(Debug)]
pub(super) struct Limits {
    pub(super) bytes: usize,
    pub(super) time: Duration,
}

/// The whole body. One that says it is too long is refused before a byte of it is read.
pub(super) async fn read(body: Incoming, limits: &Limits) -> Result<Bytes, Refusal> {
    if usize::try_from(body.size_hint().lower()).map_or(true, |least| least > limits.bytes) {
        return Err(Refusal::BodyTooLarge);
    }
    match tokio::time::timeout(limits.time, Limited::new(body, limits.bytes).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::BodyTooLarge),
        Ok(Err(_)) => Err(Refusal::BodyBroken),
        Err(_) => Err(Refusal::BodyTooSlow),
    }
}
