//! One server that takes writes: a pool of connections, and a deadline for everything that is asked
//! of it.
//!
//! A pooled connection may have ended without anybody knowing, and then the question that finds it
//! out is not the server's failure: it goes out again on a fresh connection, before its deadline.
//! Two signs tell. The connection breaks under the question, or nothing at all is heard on it for
//! half of the time. Silence alone may be a server that is slow, so a fresh connection has to be
//! greeted first: who greets there would have answered here.
//!
//! What was carried out, though its answer was lost, is carried out twice then: that can only count
//! too much. What must not happen twice ([`Question::repeatable`]) is asked again only if the
//! server said that it did nothing.

use std::pin::{Pin, pin};
use std::time::Duration;

use redis::aio::ConnectionLike as _;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisError, RedisResult, Value};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, field};

use super::node_error::{self, NodeError};
use super::pool::{Connection, Pool, Source};
use crate::error::StoreError;

/// What holds for every server of a store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// The most time one operation may take, connecting included.
    pub(super) timeout: Duration,
    /// Connections to one server.
    pub(super) connections: u32,
    /// Replicas that must have a write before it is answered.
    pub(super) replicas: u32,
}

impl Settings {
    /// How long a connection on which nothing is heard is believed.
    fn silence(&self) -> Duration {
        match self.replicas {
            0 => self.timeout / 2,
            _ => self.timeout / 4 * 3,
        }
    }

    /// How long replicas may take: what is left is for the round trip.
    fn replica_patience(&self) -> Duration {
        (self.timeout / 2).max(Duration::from_millis(1))
    }
}

/// One command, and how it stands in traces.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) name: &'static str,
    /// Lists it decides.
    pub(super) batch: usize,
    pub(super) command: &'a Cmd,
    /// Whether it may be carried out twice, if the answer is lost.
    pub(super) repeatable: bool,
    /// The slot is on its way to this server: it answers only who says so.
    pub(super) asking: bool,
}

/// A server. Clones share its connections.
#[derive(Clone)]
pub(super) struct Node {
    pool: Pool,
    settings: Settings,
}

impl Node {
    /// Starts to connect in the background.
    pub(super) fn new(source: Source, settings: Settings) -> Self {
        Self {
            pool: Pool::new(source, settings),
            settings,
        }
    }

    /// One round trip, as one span. It ends by `deadline`.
    pub(super) async fn ask(
        &self,
        question: Question<'_>,
        deadline: Instant,
    ) -> Result<Value, NodeError> {
        let server = self.pool.server();
        let span = tracing::info_span!(
            "redis",
            otel.name = question.name,
            otel.kind = "client",
            db.system.name = "redis",
            db.operation.name = question.name,
            db.namespace = server.database,
            weir.lists = question.batch,
            server.address = server.address,
            server.port = server.port,
            error.type = field::Empty,
            otel.status_code = field::Empty,
        );
        let answer = self
            .exchange(question, deadline)
            .instrument(span.clone())
            .await;
        if let Err(NodeError::Store(error)) = &answer {
            span.record("error.type", error.kind())
                .record("otel.status_code", "ERROR");
        }
        answer
    }

    /// Runs a script by its hash. Redis forgets scripts when it restarts; sending the source also
    /// makes it remember.
    pub(super) async fn ask_script(
        &self,
        by_hash: Question<'_>,
        by_source: impl FnOnce() -> Cmd,
        deadline: Instant,
    ) -> Result<Value, NodeError> {
        match self.ask(by_hash, deadline).await {
            Err(NodeError::NoScript) => {
                self.ask(
                    Question {
                        name: "EVAL",
                        command: &by_source(),
                        ..by_hash
                    },
                    deadline,
                )
                .await
            }
            answer => answer,
        }
    }

    async fn exchange(
        &self,
        question: Question<'_>,
        deadline: Instant,
    ) -> Result<Value, NodeError> {
        let connection = self.connection(deadline).await?;
        let heard = connection.heard();
        let mut answer = pin!(self.send(connection.clone(), question));
        let silence = deadline.min(Instant::now() + self.settings.silence());
        let mut answered = timeout_at(silence, &mut answer).await;
        // What is rare is boxed: it must not make every question's future larger.
        if answered.is_err() {
            answered = if question.repeatable && connection.heard() == heard {
                let first = Box::pin(self.first_of(answer, &connection, question));
                timeout_at(deadline, first).await
            } else {
                timeout_at(deadline, answer).await
            };
        }
        match answered {
            Ok(Err(error)) if may_go_again(&error, question) => {
                connection.give_up();
                tracing::debug!(%error, "a connection to Redis was broken: asked again on another");
                Box::pin(self.again(question, deadline)).await
            }
            answered => self.conclude(&connection, answered),
        }
    }

    /// A connection to ask on. A network that forgets its connections also resets those that are
    /// just being made. Nothing was asked on them, so an attempt that failed is made again, as
    /// often as others may have been under way with it.
    async fn connection(&self, deadline: Instant) -> Result<Connection, StoreError> {
        let mut left = self.settings.connections;
        loop {
            match timeout_at(deadline, self.pool.get()).await {
                Ok(Err(StoreError::Unavailable(_))) if left > 0 => left -= 1,
                answer => return answer.unwrap_or(Err(self.late())),
            }
        }
    }

    async fn again(&self, question: Question<'_>, deadline: Instant) -> Result<Value, NodeError> {
        let connection = self.connection(deadline).await?;
        let answer = timeout_at(deadline, self.send(connection.clone(), question)).await;
        self.conclude(&connection, answer)
    }

    /// What an answer means, or its absence, for the caller and for the connection.
    fn conclude(
        &self,
        connection: &Connection,
        answer: Result<RedisResult<Reply>, Elapsed>,
    ) -> Result<Value, NodeError> {
        match answer {
            Ok(Ok(answer)) => answer.confirmed(self.settings.replicas),
            Ok(Err(error)) => {
                if node_error::needs_reconnect(&error) {
                    connection.give_up();
                }
                Err(error.into())
            }
            Err(_) => {
                // Slow, or cut off without notice? A new connection finds out.
                connection.give_up();
                Err(self.late().into())
            }
        }
    }

    fn late(&self) -> StoreError {
        StoreError::Timeout(self.settings.timeout)
    }

    /// The answer that comes first: that of a connection that has been silent, or that of a fresh
    /// one. Whatever the server says on the fresh one is an answer.
    async fn first_of(
        &self,
        mut answer: Pin<&mut impl Future<Output = RedisResult<Reply>>>,
        silent: &Connection,
        question: Question<'_>,
    ) -> RedisResult<Reply> {
        let mut again = pin!(async {
            let fresh = self.pool.fresh().await.ok()?;
            silent.give_up();
            tracing::debug!("a connection to Redis is silent: asked again on another one");
            let answer = self.send(fresh, question).await;
            Some(answer).filter(|answer| {
                !answer
                    .as_ref()
                    .is_err_and(RedisError::is_unrecoverable_error)
            })
        });
        tokio::select! {
            biased;
            first = &mut answer => match first {
                // It was dead indeed.
                Err(error) if may_go_again(&error, question) => again.await.unwrap_or(Err(error)),
                first => first,
            },
            second = &mut again => match second {
                Some(second) => second,
                None => answer.await,
            },
        }
    }

    /// Sends a question and waits for its answer, for as long as it takes.
    async fn send(&self, mut connection: Connection, question: Question<'_>) -> RedisResult<Reply> {
        let answer = if !question.asking && self.settings.replicas == 0 {
            question
                .command
                .query_async(connection.redis())
                .await
                .map(Reply::of)
        } else {
            self.in_company(question, connection.redis()).await
        };
        connection.hear();
        answer
    }

    /// The command with ASKING before it, or WAIT behind it: both speak of the connection they are
    /// sent on, so they leave together.
    async fn in_company(
        &self,
        question: Question<'_>,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<Reply> {
        let mut pipeline = Pipeline::with_capacity(3);
        if question.asking {
            pipeline.cmd("ASKING");
        }
        pipeline.add_command(question.command.clone());
        let waits = self.settings.replicas > 0;
        if waits {
            let patience =
                u64::try_from(self.settings.replica_patience().as_millis()).unwrap_or(u64::MAX);
            pipeline
                .cmd("WAIT")
                .arg(self.settings.replicas)
                .arg(patience);
        }
        let sent = 1 + usize::from(question.asking) + usize::from(waits);
        let mut values = connection
            .req_packed_commands(&pipeline, 0, sent)
            .await?
            .into_iter();
        if question.asking {
            values.next().ok_or_else(too_few_replies)?.extract_error()?;
        }
        let value = values.next().ok_or_else(too_few_replies)?.extract_error()?;
        let replicas = match values.next() {
            Some(value) => Some(redis::from_redis_value(value.extract_error()?)?),
            None => None,
        };
        Ok(Reply { value, replicas })
    }
}

/// Whether a fresh connection may do better, and the question may be asked again: the server did
/// nothing, or doing it twice does no harm.
fn may_go_again(error: &RedisError, question: Question<'_>) -> bool {
    node_error::needs_reconnect(error) && (question.repeatable || node_error::did_nothing(error))
}

fn too_few_replies() -> RedisError {
    (redis::ErrorKind::Parse, "fewer replies than commands").into()
}

/// What a server replied, and how many replicas have what it wrote, if that was asked.
struct Reply {
    value: Value,
    replicas: Option<u32>,
}

impl Reply {
    fn of(value: Value) -> Self {
        Self {
            value,
            replicas: None,
        }
    }

    fn confirmed(self, wanted: u32) -> Result<Value, NodeError> {
        match self.replicas {
            Some(replicas) if replicas < wanted => {
                Err(NodeError::Store(StoreError::Refused(format!(
                    "{replicas} of {wanted} replicas confirmed the write in time: \
                     see --store-wait-replicas"
                ))))
            }
            _ => Ok(self.value),
        }
    }
}
