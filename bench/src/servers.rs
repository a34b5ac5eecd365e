//! The baselines: the least a server can do under the same load.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tonic::Status;
use weir_proto::limiter::v1::limiter_server::{Limiter, LimiterServer};
use weir_proto::limiter::v1::{self, CheckRequest, CheckResponse, Decision, Mode};

/// Starts [`upstream`].
pub(crate) const UPSTREAM: &str = "serve-upstream";
/// Starts [`empty_limiter`].
pub(crate) const EMPTY_LIMITER: &str = "serve-empty-limiter";

async fn listen(name: &str) -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a loopback port is free");
    println!(
        "{name} http://{}",
        listener
            .local_addr()
            .expect("a bound socket has an address")
    );
    listener
}

/// An HTTP server that answers every request at once: the backend, and the baseline without a
/// gateway.
pub(crate) async fn upstream() {
    let listener = listen(UPSTREAM).await;
    loop {
        let (stream, _) = listener
            .accept()
            .await
            .expect("connections can be accepted");
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        let answer = |_: Request<hyper::body::Incoming>| async {
            let mut response = Response::new(Full::new(Bytes::from_static(
                b"Hello World, time and date are now",
            )));
            let text = hyper::header::HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert("content-type", text);
            Ok::<_, Infallible>(response)
        };
        tokio::spawn(async move {
            // A connection that ends is no error of the benchmark.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
        });
    }
}

/// A gRPC server that answers every check without counting: what tonic itself costs.
pub(crate) async fn empty_limiter() {
    let listener = listen(EMPTY_LIMITER).await;
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = tonic::transport::Server::builder().add_service(LimiterServer::new(Empty));
    server
        .serve_with_incoming(incoming)
        .await
        .expect("the server runs");
}

struct Empty;

#[tonic::async_trait]
impl Limiter for Empty {
    async fn check(
        &self,
        request: tonic::Request<CheckRequest>,
    ) -> Result<tonic::Response<CheckResponse>, Status> {
        let decision = |_| Decision {
            allowed: true,
            limit: 15,
            remaining: 14,
            reset_after_ms: 60_000,
            ..Decision::default()
        };
        let decisions = request.into_inner().checks.iter().map(decision).collect();
        Ok(tonic::Response::new(CheckResponse {
            allowed: true,
            decisions,
            mode: Mode::Exact.into(),
        }))
    }

    async fn check_batch(
        &self,
        _: tonic::Request<v1::CheckBatchRequest>,
    ) -> Result<tonic::Response<v1::CheckBatchResponse>, Status> {
        Err(baseline())
    }

    async fn peek(
        &self,
        _: tonic::Request<v1::PeekRequest>,
    ) -> Result<tonic::Response<v1::PeekResponse>, Status> {
        Err(baseline())
    }

    async fn refund(
        &self,
        _: tonic::Request<v1::RefundRequest>,
    ) -> Result<tonic::Response<v1::RefundResponse>, Status> {
        Err(baseline())
    }

    async fn reset(
        &self,
        _: tonic::Request<v1::ResetRequest>,
    ) -> Result<tonic::Response<v1::ResetResponse>, Status> {
        Err(baseline())
    }

    async fn inspect(
        &self,
        _: tonic::Request<v1::InspectRequest>,
    ) -> Result<tonic::Response<v1::InspectResponse>, Status> {
        Err(baseline())
    }

    async fn top(
        &self,
        _: tonic::Request<v1::TopRequest>,
    ) -> Result<tonic::Response<v1::TopResponse>, Status> {
        Err(baseline())
    }
}

fn baseline() -> Status {
    Status::unimplemented("a baseline")
}
