//! When requests leave: stages of a constant rate, with a ramp at the start of each.
//!
//! The rate is a function of time made of straight lines; its integral `N(t)` is how many requests
//! are due by `t`. Request `k` (from 0) leaves at the moment at which `N(t) = k`, so a run sends
//! exactly what its stages say, evenly spaced, and the moments do not depend on how the machine
//! keeps up.

use std::time::Duration;

/// A constant rate for a time. The rate rises or falls evenly from that of the stage before over
/// the first `ramp`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Requests a second; 0 is a pause.
    pub rate: f64,
    /// How long, the ramp included.
    pub duration: Duration,
    /// How much of it is the way from the rate before (0 before the first stage). Zero: at once.
    pub ramp: Duration,
}

/// The moments of all requests.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    segments: Vec<Segment>,
    duration: Duration,
    total: u64,
}

/// A straight piece of the rate. Times in seconds from the start of the run.
#[derive(Debug, Clone, Copy)]
struct Segment {
    start: f64,
    length: f64,
    from: f64,
    to: f64,
    /// Requests due before it.
    before: f64,
    /// Which stage it belongs to.
    stage: usize,
}

/// Sums of rates times durations are not exact in binary: 0.1 × 30 is a hair over 3 and still means
/// three requests.
const ROUNDING: f64 = 1e-6;

impl Segment {
    fn requests(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.length
    }

    /// The moment at which `due` requests are due; `due` lies in this segment.
    fn moment(&self, due: f64) -> f64 {
        let wanted = (due - self.before).max(0.0);
        let slope = (self.to - self.from) / self.length;
        // The root of from·t + slope/2·t² = wanted, in the form that does not cancel.
        let root = (self.from * self.from + 2.0 * slope * wanted)
            .max(0.0)
            .sqrt();
        let t = if wanted == 0.0 {
            0.0
        } else {
            2.0 * wanted / (self.from + root)
        };
        self.start + t.min(self.length)
    }
}

impl Schedule {
    pub(crate) fn new(stages: &[Stage]) -> Self {
        let mut segments = Vec::new();
        let (mut start, mut before, mut rate) = (0.0, 0.0, 0.0);
        for (
            stage,
            Stage {
                rate: next,
                duration,
                ramp,
            },
        ) in stages.iter().enumerate()
        {
            let ramp = ramp.min(duration).as_secs_f64();
            for (length, from) in [(ramp, rate), (duration.as_secs_f64() - ramp, *next)] {
                if length > 0.0 {
                    let segment = Segment {
                        start,
                        length,
                        from,
                        to: *next,
                        before,
                        stage,
                    };
                    start += length;
                    before += segment.requests();
                    segments.push(segment);
                }
            }
            rate = *next;
        }
        let duration = stages.iter().map(|stage| stage.duration).sum();
        // More than the caps allow saturates, and is refused by them.
        Self {
            segments,
            duration,
            total: (before - ROUNDING).ceil().max(0.0) as u64,
        }
    }

    /// From the first moment to the end of the last stage.
    pub(crate) fn duration(&self) -> Duration {
        self.duration
    }

    /// How many requests there are.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The moments, in order, from the start of the run.
    pub(crate) fn moments(&self) -> impl Iterator<Item = Duration> + use<'_> {
        let mut at = 0;
        (0..self.total).map(move |k| {
            let due = k as f64;
            while at + 1 < self.segments.len() && self.segments[at + 1].before <= due {
                at += 1;
            }
            Duration::from_secs_f64(self.segments[at].moment(due))
        })
    }

    /// The rate at a moment, and the number (from 0) of its stage.
    pub(crate) fn at(&self, moment: Duration) -> (f64, usize) {
        let t = moment.as_secs_f64();
        let segment = self
            .segments
            .iter()
            .rfind(|segment| segment.start <= t)
            .or(self.segments.last());
        segment.map_or((0.0, 0), |s| {
            let part = ((t - s.start) / s.length).clamp(0.0, 1.0);
            (s.from + (s.to - s.from) * part, s.stage)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stage(rate: f64, seconds: u64, ramp: u64) -> Stage {
        Stage {
            rate,
            duration: Duration::from_secs(seconds),
            ramp: Duration::from_secs(ramp),
        }
    }

    fn seconds(schedule: &Schedule) -> Vec<f64> {
        schedule
            .moments()
            .map(|moment| moment.as_secs_f64())
            .collect()
    }

    #[test]
    fn a_constant_rate_is_evenly_spaced_from_the_first_moment() {
        let schedule = Schedule::new(&[stage(4.0, 2, 0)]);
        assert_eq!(
            seconds(&schedule),
            [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
        );
        assert_eq!(schedule.duration(), Duration::from_secs(2));
    }

    #[test]
    fn a_ramp_sends_half_of_what_its_end_would() {
        let schedule = Schedule::new(&[stage(10.0, 10, 10)]);
        assert_eq!(schedule.total(), 50);
        let moments = seconds(&schedule);
        // N(t) = t²/2
        assert!(
            (moments[8] - 4.0).abs() < 1e-6 && (moments[32] - 8.0).abs() < 1e-6,
            "{moments:?}"
        );
    }

    #[test]
    fn stages_follow_each_other_and_a_pause_sends_nothing() {
        let schedule = Schedule::new(&[stage(2.0, 1, 0), stage(0.0, 3, 0), stage(1.0, 2, 0)]);
        assert_eq!(seconds(&schedule), [0.0, 0.5, 4.0, 5.0]);
        assert_eq!(schedule.at(Duration::from_secs(2)), (0.0, 1));
        assert_eq!(schedule.at(Duration::from_secs(5)), (1.0, 2));
    }

    #[test]
    fn a_ramp_goes_down_too() {
        let schedule = Schedule::new(&[stage(10.0, 1, 0), stage(0.0, 2, 2)]);
        assert_eq!(schedule.total(), 20);
        assert_eq!(schedule.at(Duration::from_secs(2)), (5.0, 1));
        assert!(seconds(&schedule).is_sorted());
    }

    #[test]
    fn rounding_makes_no_request_more() {
        assert_eq!(Schedule::new(&[stage(0.1, 30, 0)]).total(), 3);
        assert_eq!(Schedule::new(&[stage(0.0, 30, 0)]).total(), 0);
        assert_eq!(Schedule::new(&[stage(1e-9, 30, 0)]).total(), 0);
    }

    proptest! {
        #[test]
        fn any_stages_send_their_integral_in_order_and_in_time(
            stages in prop::collection::vec((0.0..500.0_f64, 1_u64..20, 0_u64..20), 1..5)
        ) {
            let stages: Vec<Stage> = stages.into_iter().map(|(rate, length, ramp)| stage(rate, length, ramp)).collect();
            let schedule = Schedule::new(&stages);
            let moments = seconds(&schedule);
            prop_assert_eq!(moments.len() as u64, schedule.total());
            prop_assert!(moments.is_sorted());
            prop_assert!(moments.iter().all(|t| *t <= schedule.duration().as_secs_f64() + 1e-9));
            // Trapezoids, counted apart from the code.
            let (mut due, mut rate) = (0.0, 0.0);
            for stage in &stages {
                let ramp = stage.ramp.min(stage.duration).as_secs_f64();
                due += (rate + stage.rate) / 2.0 * ramp + stage.rate * (stage.duration.as_secs_f64() - ramp);
                rate = stage.rate;
            }
            prop_assert!((due - moments.len() as f64).abs() <= 1.0 + 1e-6, "{} for {}", moments.len(), due);
        }
    }
}
