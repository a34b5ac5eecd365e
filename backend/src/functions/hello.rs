//! `GET /api/hello`: greets, and tells the time of this machine.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use jiff::ZonedDateTime;

use crate::function::Invocation;

pub(super) async fn run(_: Invocation) -> Response<Bytes> {
    let now = ZonedDateTime::now()
        .strftime("%-m/%-d/%Y %-I:%M:%S %p")
        .to_string();
    let mut response = Response::new(Bytes::from(format!("Hello World, time and date are {now}")));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}
