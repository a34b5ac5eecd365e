//! Who waits for a round trip, and how many are under way.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Span;

use super::BatchConfig;
use crate::check::{CheckList, Outcome};
use crate::error::StoreError;

pub(super) type Reply = oneshot::Sender<Result<Vec<Outcome>, StoreError>>;

/// Callers that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Waiting>,
    /// Lists in `waiting`.
    pub(super) lists: usize,
    pub(super) round_trips: usize,
    /// When the last round trip began.
    pub(super) began: Option<Instant>,
    /// Round trips under way that are silent.
    pub(super) late: usize,
}

/// What one caller asked.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) lists: Vec<CheckList>,
    /// The caller's span, which becomes the parent of the round trip it starts.
    pub(super) span: Span,
    pub(super) answer: Reply,
}

impl Queue {
    /// Takes a place for another round trip, if there is one and it is worth it.
    pub(super) fn start_round_trip(&mut self, config: &BatchConfig) -> bool {
        let starts = self.round_trips < config.round_trips.get()
            && (self.round_trips == 0 || self.is_worth_another(config));
        self.round_trips += usize::from(starts);
        starts
    }

    /// Whether what waits is worth a round trip beside the one under way.
    pub(super) fn is_worth_another(&self, config: &BatchConfig) -> bool {
        self.lists >= config.worth
            || self.late > 0
            || self
                .began
                .is_some_and(|began| began.elapsed() >= config.long)
    }

    /// Takes what leaves together, oldest first, without what nobody waits for any more.
    pub(super) fn next_batch(&mut self, config: &BatchConfig) -> Vec<Waiting> {
        let mut batch = Vec::new();
        let (mut lists, mut checks) = (0, 0);
        while let Some(next) = self.waiting.front() {
            if !next.answer.is_closed() {
                lists += next.lists.len();
                checks += next.lists.iter().map(Vec::len).sum::<usize>();
                if !batch.is_empty() && (lists > config.lists.get() || checks > config.checks.get())
                {
                    break;
                }
            }
            let Some(next) = self.waiting.pop_front() else {
                break;
            };
            self.lists -= next.lists.len();
            if !next.answer.is_closed() {
                batch.push(next);
            }
        }
        batch
    }
}
