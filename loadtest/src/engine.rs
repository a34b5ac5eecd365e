//! Sends what is due: a task per request, as many at once as there are places.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{timeout, timeout_at};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

use crate::caps;
use crate::collect::{Answer, Collected, Sample};
use crate::failure::Failure;
use crate::pace::Due;
use crate::pool::{Exchange, Pool};
use crate::requests::Requests;
use crate::traces::{self, Sampling, TraceId};

/// What all requests of a run share.
pub(crate) struct Engine {
    pub(crate) requests: Requests,
    pub(crate) pool: Pool,
    pub(crate) collected: Arc<Mutex<Collected>>,
    pub(crate) start: Instant,
    pub(crate) in_flight: usize,
    pub(crate) timeout: Duration,
    pub(crate) patience: Duration,
    pub(crate) sampling: Sampling,
}

/// How an attempt ended.
struct Attempt {
    sent: Duration,
    trace: TraceId,
    answer: Result<Answer, Failure>,
}

impl Engine {
    /// Sends until nothing more comes due, and waits for the answers.
    pub(crate) async fn drive(self: Arc<Self>, mut due: mpsc::Receiver<Due>) {
        let places = Arc::new(Semaphore::new(self.in_flight));
        let tasks = TaskTracker::new();
        while let Some(next) = due.recv().await {
            let deadline = self.start + next.moment + self.patience;
            let place = timeout_at(deadline.into(), Arc::clone(&places).acquire_owned()).await;
            // A place may be free although it is too late: then the whole program was held up.
            match place {
                Ok(Ok(place)) if Instant::now() <= deadline => {
                    let engine = Arc::clone(&self);
                    tasks.spawn(async move {
                        engine.send(next).await;
                        drop(place);
                    });
                }
                _ => self.collected.lock().not_sent(next.moment),
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    async fn send(&self, due: Due) {
        let choice = self.requests.choose(due.number);
        let span = traces::client_span(&self.requests.method, self.requests.target(choice));
        let attempt = self.attempt(due, &span).instrument(span.clone()).await;
        match &attempt.answer {
            Ok(answer) => {
                span.record("http.response.status_code", answer.status);
                if answer.status >= 400 {
                    span.record("otel.status_code", "ERROR");
                    span.record("error.type", answer.status);
                }
            }
            Err(failure) => {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", failure.kind());
            }
        }
        drop(span);
        let subject = self
            .requests
            .subjects
            .get(choice.subject)
            .map_or(0, |subject| subject.number);
        self.collected.lock().add(&Sample {
            due: due.moment,
            sent: attempt.sent,
            ended: self.start.elapsed(),
            subject,
            address: choice.address,
            trace: attempt.trace,
            answer: attempt.answer.as_ref().copied(),
        });
    }

    async fn attempt(&self, due: Due, span: &Span) -> Attempt {
        let choice = self.requests.choose(due.number);
        let mut request = self.requests.build(choice);
        let mut trace = traces::begin(span, self.sampling, request.headers_mut());
        // If it breaks it is not known when it left, or whether it did: then this is the earliest
        // it can have been.
        let mut sent = self.start.elapsed();
        let exchange = async {
            let target = self.requests.target(choice);
            let exchange = self
                .pool
                .exchange(self.requests.lane(choice), target, request)
                .await?;
            sent = exchange.sent.duration_since(self.start);
            let received = self.start.elapsed();
            if let Some(named) = traces::named(exchange.response.headers()) {
                trace = named;
            }
            let status = exchange.response.status().as_u16();
            read_to_the_end(exchange).await?;
            Ok(Answer { status, received })
        };
        let answer = timeout(self.timeout, exchange)
            .await
            .unwrap_or(Err(Failure::Timeout(self.timeout)));
        Attempt {
            sent,
            trace,
            answer,
        }
    }
}

/// Reads the body, which is of no interest, and frees the connection.
async fn read_to_the_end(mut exchange: Exchange) -> Result<(), Failure> {
    let mut read = 0_usize;
    let response: &mut Response<Incoming> = &mut exchange.response;
    while let Some(frame) = response.frame().await {
        read = read.saturating_add(
            frame
                .map_err(Failure::Broken)?
                .data_ref()
                .map_or(0, bytes::Bytes::len),
        );
        if read > caps::ANSWER {
            return Err(Failure::TooLong {
                limit: caps::ANSWER,
            });
        }
    }
    exchange.finish().await;
    Ok(())
}
