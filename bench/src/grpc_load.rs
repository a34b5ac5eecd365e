//! A gRPC load on the limiter's contract: calls as fast as they are answered, or at a rate of their
//! own.
//!
//! Every call is kept with the moments between which the limiter decided it, for latencies and for
//! [`crate::verify`].
#![allow(clippy::disallowed_methods)] // threads of its own may sleep: there is no runtime here to block

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use prost::Message;
use weir_proto::limiter::v1::{Check, CheckBatchRequest, CheckRequest};

use crate::http2;

/// HTTP/2 connections: those of two gateways, each of which has one to each limiter.
const CONNECTIONS: usize = 2;

/// The open loop's calls are due in groups so far apart, as a gateway's are that waits for answers.
/// A sleep for every single call would cost the machine as much as the limiter does.
const GROUPS_APART: Duration = Duration::from_micros(250);

/// A method, and how to see in its answer that everything was admitted.
#[derive(Clone, Copy)]
struct Method {
    path: &'static str,
    /// Calls under way on each connection.
    under_way: usize,
    is_admission: fn(&[u8]) -> bool,
}

const CHECK: Method = Method {
    path: "/weir.limiter.v1.Limiter/Check",
    under_way: 32,
    is_admission,
};

/// Fewer, so that the messages fit into the window an HTTP/2 connection has without being told of
/// more.
const CHECK_BATCH: Method = Method {
    path: "/weir.limiter.v1.Limiter/CheckBatch",
    under_way: 4,
    is_admission: is_admission_of_all,
};

/// One call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// Which message it sent.
    pub(crate) message: usize,
    /// When it should have been sent, which is when it was unless the load had a rate.
    pub(crate) due: Instant,
    /// Before it was sent.
    pub(crate) sent: Instant,
    /// After it was answered.
    pub(crate) received: Instant,
    pub(crate) allowed: bool,
}

/// What came back.
pub(crate) struct Outcome {
    pub(crate) calls: Vec<Call>,
    pub(crate) elapsed: Duration,
}

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        self.calls.len() as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn allowed(&self) -> usize {
        self.calls.iter().filter(|call| call.allowed).count()
    }

    pub(crate) fn refused(&self) -> usize {
        self.calls.len() - self.allowed()
    }
}

/// A message of checks, ready to be sent.
pub(crate) fn message(checks: Vec<Check>) -> Vec<u8> {
    CheckRequest { checks }.encode_to_vec()
}

/// A message of many lists of checks.
pub(crate) fn message_of_batch(lists: impl Iterator<Item = Vec<Check>>) -> Vec<u8> {
    CheckBatchRequest {
        requests: lists.map(|checks| CheckRequest { checks }).collect(),
    }
    .encode_to_vec()
}

/// One check of cost 1.
pub(crate) fn check(name: &str, key: String, calls: u64, renewal_period: Duration) -> Check {
    Check {
        limit_name: name.to_owned(),
        key: key.into_bytes().into(),
        calls,
        renewal_period_ms: renewal_period.as_millis() as u64,
        cost: None,
    }
}

/// A message of two counters, as the scenario's policy has: the address (300 in 120 s) and the
/// subject (15 in 60 s).
pub(crate) fn two_counters(n: usize) -> Vec<u8> {
    message(vec![
        check(
            "address",
            format!("120:{}", address(n)),
            300,
            Duration::from_secs(120),
        ),
        check(
            "subject",
            format!("60:{}", subject(n)),
            15,
            Duration::from_secs(60),
        ),
    ])
}

pub(crate) fn address(n: usize) -> String {
    format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255)
}

pub(crate) fn subject(n: usize) -> String {
    format!("0d9c1b1e-6f7a-4f3d-9a54-{n:012x}")
}

/// Makes `total` calls, each connection its next ones as soon as answers are in; the messages in
/// turn.
pub(crate) fn closed_loop(address: &str, messages: &[Vec<u8>], total: usize) -> Outcome {
    closed(CHECK, address, messages, total)
}

/// The same with one message of many lists. A call counts as refused if anything in it was.
pub(crate) fn closed_loop_of_batches(address: &str, batch: &[u8], total: usize) -> Outcome {
    closed(CHECK_BATCH, address, &[batch.to_vec()], total)
}

fn closed(method: Method, address: &str, messages: &[Vec<u8>], total: usize) -> Outcome {
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    let calls = std::thread::scope(|scope| {
        let connection = || one_connection(method, address, messages, &next, total);
        let connections: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(connection)).collect();
        connections
            .into_iter()
            .flat_map(|calls| calls.join().expect("no connection panics"))
            .collect()
    });
    Outcome {
        calls,
        elapsed: start.elapsed(),
    }
}

fn one_connection(
    method: Method,
    address: &str,
    messages: &[Vec<u8>],
    next: &AtomicUsize,
    total: usize,
) -> Vec<Call> {
    let (mut sender, mut receiver) = http2::connect(address, method.path);
    let mut calls: Vec<Call> = Vec::new();
    let mut under_way = 0;
    loop {
        let now = Instant::now();
        while under_way < method.under_way {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= total {
                break;
            }
            let message = n % messages.len();
            sender.call(&messages[message]);
            calls.push(Call {
                message,
                due: now,
                sent: now,
                received: now,
                allowed: false,
            });
            under_way += 1;
        }
        if under_way == 0 {
            return calls;
        }
        sender.flush();
        receiver.wait(|call, answer| {
            calls[call].received = Instant::now();
            calls[call].allowed = (method.is_admission)(answer);
            under_way -= 1;
        });
    }
}

/// Makes calls at a steady rate whether they are answered or not; the messages in turn. A call that
/// leaves or comes back late counts from when its group was due.
pub(crate) fn open_loop(
    address: &str,
    messages: &[Vec<u8>],
    per_second: f64,
    total: usize,
) -> Outcome {
    let (mut senders, receivers): (Vec<_>, Vec<_>) = (0..CONNECTIONS)
        .map(|_| http2::connect(address, CHECK.path))
        .unzip();
    let start = Instant::now();
    let groups_per_call = 1.0 / (per_second * GROUPS_APART.as_secs_f64());
    let due = |n: usize| start + GROUPS_APART.mul_f64((n as f64 * groups_per_call).ceil());
    let calls = std::thread::scope(|scope| {
        let answers: Vec<_> = receivers
            .into_iter()
            .enumerate()
            .map(|(connection, mut receiver)| {
                let expected = (connection..total).step_by(CONNECTIONS).len();
                scope.spawn(move || {
                    let mut answers = vec![(start, false); expected];
                    let mut missing = expected;
                    while missing > 0 {
                        receiver.wait(|call, answer| {
                            answers[call] = (Instant::now(), is_admission(answer));
                            missing -= 1;
                        });
                    }
                    answers
                })
            })
            .collect();
        let mut sent = Vec::with_capacity(total);
        while sent.len() < total {
            let now = Instant::now();
            while sent.len() < total && due(sent.len()) <= now {
                let connection = sent.len() % CONNECTIONS;
                let (sender, message) = (
                    &mut senders[connection],
                    &messages[sent.len() % messages.len()],
                );
                if !sender.has_room(message) {
                    assert!(
                        !answers[connection].is_finished(),
                        "nobody reads answers any more"
                    );
                    break; // The server stands still. The calls wait here, and that counts as theirs.
                }
                sender.call(message);
                sent.push(now);
            }
            senders.iter_mut().for_each(http2::Sender::flush);
            // What was due then and has not left waits for room, and that does not come at once.
            let next = due(sent.len());
            std::thread::sleep(if next <= now {
                GROUPS_APART
            } else {
                next.saturating_duration_since(Instant::now())
            });
        }
        let answers: Vec<_> = answers
            .into_iter()
            .map(|answers| answers.join().expect("no reader panics"))
            .collect();
        let call = |(n, sent): (usize, &Instant)| {
            let (received, allowed) = answers[n % CONNECTIONS][n / CONNECTIONS];
            Call {
                message: n % messages.len(),
                due: due(n),
                sent: *sent,
                received,
                allowed,
            }
        };
        sent.iter().enumerate().map(call).collect()
    });
    Outcome {
        calls,
        elapsed: start.elapsed(),
    }
}

/// Whether a `CheckResponse` begins with `allowed: true`. A field that is false is left out.
fn is_admission(response: &[u8]) -> bool {
    response.starts_with(&[0x08, 1])
}

/// Whether every `CheckResponse` of a `CheckBatchResponse` is an admission: the responses are its
/// only field, number 1.
fn is_admission_of_all(mut batch: &[u8]) -> bool {
    while let [0x0a, rest @ ..] = batch {
        let mut rest = rest;
        let Ok(length) = prost::encoding::decode_varint(&mut rest) else {
            return false;
        };
        let Some((response, others)) = rest.split_at_checked(length as usize) else {
            return false;
        };
        if !is_admission(response) {
            return false;
        }
        batch = others;
    }
    batch.is_empty()
}

#[cfg(test)]
mod tests {
    use weir_proto::limiter::v1::{CheckBatchResponse, CheckResponse, Decision};

    use super::*;

    #[test]
    fn a_batch_is_admitted_if_all_of_it_is() {
        let response = |allowed| CheckResponse {
            allowed,
            decisions: vec![Decision::default(); 60],
            mode: 1,
        };
        let batch = |all: &[bool]| {
            CheckBatchResponse {
                responses: all.iter().copied().map(response).collect(),
            }
            .encode_to_vec()
        };
        assert!(is_admission_of_all(&batch(&[true, true])));
        assert!(!is_admission_of_all(&batch(&[true, false])));
        assert!(!is_admission_of_all(&batch(&[false, true])));
        assert!(!is_admission_of_all(&batch(&[true])[1..]));
    }
}
