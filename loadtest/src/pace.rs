//! The clockwork: says when each request is due, on time, whatever the rest of the program does.
//!
//! A thread of its own, because the runtime's timers tick in milliseconds and share their threads
//! with the work.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::stages::Schedule;

/// Due requests that wait to be picked up. When it is full the clockwork waits, and the moments
/// stay what they are.
const WAITING: usize = 4_096;

/// A request that is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    /// From 0.
    pub(crate) number: u64,
    /// From the start of the run.
    pub(crate) moment: Duration,
}

/// Stops the clockwork when dropped.
pub(crate) struct Stop(#[expect(dead_code, reason = "dropping it is the signal")] Sender<()>);

/// Starts the clockwork at `start`. The channel ends after the last request, or on [`Stop`].
///
/// # Errors
/// If there is no thread to be had.
pub(crate) fn start(
    schedule: Schedule,
    start: Instant,
) -> std::io::Result<(mpsc::Receiver<Due>, Stop)> {
    let (sender, due) = mpsc::channel(WAITING);
    let (stop, stopped) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("pace".to_owned())
        .spawn(move || keep(&schedule, start, &sender, &stopped))?;
    Ok((due, Stop(stop)))
}

fn keep(schedule: &Schedule, start: Instant, due: &mpsc::Sender<Due>, stopped: &Receiver<()>) {
    for (number, moment) in (0..).zip(schedule.moments()) {
        let wait = moment.saturating_sub(start.elapsed());
        // Nothing is ever sent: it times out when the request is due, and is disconnected to stop.
        if stopped.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected)
            || due.blocking_send(Due { number, moment }).is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::Stage;

    fn schedule(rate: f64, seconds: u64) -> Schedule {
        Schedule::new(&[Stage {
            rate,
            duration: Duration::from_secs(seconds),
            ramp: Duration::ZERO,
        }])
    }

    #[tokio::test]
    async fn nothing_is_due_before_its_moment_and_everything_is_in_the_end() {
        let begin = Instant::now();
        let (mut due, _stop) = start(schedule(100.0, 1), begin).unwrap();
        let mut numbers = Vec::new();
        while let Some(next) = due.recv().await {
            assert!(begin.elapsed() >= next.moment);
            numbers.push(next.number);
        }
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn it_stops_at_once() {
        let (mut due, stop) = start(schedule(0.001, 3_000), Instant::now()).unwrap();
        assert_eq!(due.recv().await.unwrap().number, 0);
        drop(stop);
        assert!(due.recv().await.is_none());
    }
}
