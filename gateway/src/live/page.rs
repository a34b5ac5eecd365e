//! The page, its two files, and the stream of seconds (server-sent events). Nothing comes from
//! elsewhere, and the content security policy holds the browser to that.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::{Live, Watcher};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// `data:` is the icon, which is none.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// The routes for the operations listener. Streams end with `shutdown`.
pub(crate) fn routes(live: Arc<Live>, shutdown: CancellationToken) -> Router {
    Router::new()
        .route(
            "/live",
            get(|| async { file("text/html; charset=utf-8", PAGE) }),
        )
        .route(
            "/live/style.css",
            get(|| async { file("text/css; charset=utf-8", STYLE) }),
        )
        .route(
            "/live/script.js",
            get(|| async { file("text/javascript; charset=utf-8", SCRIPT) }),
        )
        .route("/live/events", get(events))
        .with_state((live, shutdown))
}

fn file(content_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text).into_response()
}

async fn events(State((live, shutdown)): State<(Arc<Live>, CancellationToken)>) -> Response {
    match Watcher::new(&live) {
        Some(watcher) => Sse::new(seconds(watcher, shutdown)).into_response(),
        // Not an event stream: a browser does not try again by itself.
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many live pages are open.\n",
        )
            .into_response(),
    }
}

fn seconds(
    watcher: Watcher,
    shutdown: CancellationToken,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let (past, frames) = watcher.live.subscribe();
    let first = stream::once(async move { Ok(Event::default().event("history").data(past)) });
    let rest = stream::unfold((watcher, frames), |(watcher, mut frames)| async move {
        loop {
            match frames.recv().await {
                Ok(frame) => return Some((Ok(Event::default().data(&*frame)), (watcher, frames))),
                // A slow page misses seconds, and goes on with those that are there.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    first.chain(rest).take_until(shutdown.cancelled_owned())
}
