//! The highest of any stretch of numbers, asked often.

use std::ops::Range;

/// A tree of maxima: each node is the higher of its two children.
pub(crate) struct Highest {
    nodes: Vec<u64>,
    leaves: usize,
}

impl Highest {
    pub(crate) fn of(numbers: &[u64]) -> Self {
        let leaves = numbers.len();
        let mut nodes = vec![0; leaves];
        nodes.extend_from_slice(numbers);
        for at in (1..leaves).rev() {
            nodes[at] = nodes[2 * at].max(nodes[2 * at + 1]);
        }
        Self { nodes, leaves }
    }

    /// The highest number within `range`; 0 if that is empty.
    pub(crate) fn within(&self, range: Range<usize>) -> u64 {
        let (mut from, mut to) = (
            range.start + self.leaves,
            range.end.max(range.start) + self.leaves,
        );
        let mut highest = 0;
        while from < to {
            if from % 2 == 1 {
                highest = highest.max(self.nodes[from]);
                from += 1;
            }
            if to % 2 == 1 {
                to -= 1;
                highest = highest.max(self.nodes[to]);
            }
            from /= 2;
            to /= 2;
        }
        highest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_maximum_of_the_stretch(numbers in prop::collection::vec(0_u64..100, 0..40), a in 0_usize..40, b in 0_usize..40) {
            let (from, to) = (a.min(numbers.len()), b.min(numbers.len()));
            let expected = numbers.get(from..to).and_then(|part| part.iter().max()).copied().unwrap_or(0);
            prop_assert_eq!(Highest::of(&numbers).within(from..to), expected);
        }
    }
}
