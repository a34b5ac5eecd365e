//! A spark line: a number's last values as blocks of different height.

use std::collections::VecDeque;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// So many values are shown.
const WIDTH: usize = 30;

/// The last values of one number.
#[derive(Debug, Default)]
pub(crate) struct Spark(VecDeque<f64>);

impl Spark {
    pub(crate) fn push(&mut self, value: f64) {
        if self.0.len() == WIDTH {
            self.0.pop_front();
        }
        self.0.push_back(value.max(0.0));
    }

    /// Zero is the lowest block, the highest value shown the highest.
    pub(crate) fn draw(&self) -> String {
        let highest = self.0.iter().copied().fold(0.0, f64::max);
        let block = |value: &f64| {
            let part = if highest > 0.0 { value / highest } else { 0.0 };
            BLOCKS[((part * (BLOCKS.len() - 1) as f64).round() as usize).min(BLOCKS.len() - 1)]
        };
        self.0.iter().map(block).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_height_is_the_part_of_the_highest() {
        let mut spark = Spark::default();
        for value in [0.0, 50.0, 100.0, -1.0] {
            spark.push(value);
        }
        assert_eq!(spark.draw(), "▁▅█▁");
    }

    #[test]
    fn it_forgets_what_is_long_ago_and_has_a_floor() {
        let mut spark = Spark::default();
        spark.push(1_000.0);
        for _ in 0..WIDTH {
            spark.push(0.0);
        }
        assert_eq!(spark.draw(), "▁".repeat(WIDTH));
    }
}
