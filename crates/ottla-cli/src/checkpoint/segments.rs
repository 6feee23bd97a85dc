//! [`Segments`]: finds the position up to which every row is done.

use std::collections::VecDeque;

use crate::input::InputPosition;

/// A position in an input, by the input's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) input: usize,
    pub(crate) position: InputPosition,
}

/// The rows of a run in segments. Each segment ends at a position. It is complete if all its rows are done: acknowledged, or in the
/// dead-letter file. Reports of different partitions arrive in any order, so later segments may be complete before earlier ones.
#[derive(Debug)]
pub(crate) struct Segments {
    /// The number of `kept[0]`.
    first: u64,
    /// The segments that are not complete. The last one has no end yet.
    kept: VecDeque<Segment>,
    /// The last position of each input before which everything is done, since they were last taken.
    reached: Vec<Reached>,
}

#[derive(Debug, Default)]
struct Segment {
    done: u64,
    /// The number of its rows, and where it ends.
    end: Option<(u64, Reached)>,
}

impl Segments {
    pub(crate) fn new() -> Self {
        Self { first: 0, kept: VecDeque::from([Segment::default()]), reached: Vec::new() }
    }

    /// Ends the last segment after this many rows. The next one has the next number, counted from 0.
    pub(crate) fn end(&mut self, rows: u64, reached: Reached) {
        if let Some(last) = self.kept.back_mut() {
            last.end = Some((rows, reached));
        }
        self.kept.push_back(Segment::default());
        self.advance();
    }

    /// Counts a row of this segment that is done.
    pub(crate) fn done(&mut self, segment: u64) {
        let index = segment.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(segment) = index.and_then(|index| self.kept.get_mut(index)) {
            segment.done += 1;
        }
        self.advance();
    }

    /// Whether all segments are complete and none has begun.
    pub(crate) fn is_done(&self) -> bool {
        self.kept.len() == 1 && self.kept.front().is_some_and(|segment| segment.done == 0)
    }

    /// The positions before which everything is done, since the last call.
    pub(crate) fn take(&mut self) -> Vec<Reached> {
        std::mem::take(&mut self.reached)
    }

    /// Removes the complete segments at the front.
    fn advance(&mut self) {
        while let Some((rows, reached)) = self.kept.front().and_then(|segment| segment.end) {
            if self.kept.front().is_none_or(|segment| segment.done < rows) {
                return;
            }
            self.kept.pop_front();
            self.first += 1;
            self.reached.retain(|earlier| earlier.input != reached.input);
            self.reached.push(reached);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(input: usize, line: u64) -> Reached {
        Reached { input, position: InputPosition::new(line * 10, line) }
    }

    #[test]
    fn a_segment_is_reached_when_all_before_it_are_complete() {
        let mut segments = Segments::new();
        segments.done(0);
        segments.end(2, at(0, 3));
        segments.done(1);
        segments.end(1, at(0, 4));
        assert_eq!(segments.take(), [], "a row of the first segment is not done");
        segments.end(0, at(1, 1));
        segments.done(0);
        assert_eq!(segments.take(), [at(0, 4), at(1, 1)]);
        assert_eq!(segments.take(), []);
        segments.done(3);
        segments.end(1, at(1, 2));
        assert_eq!(segments.take(), [at(1, 2)]);
    }

    #[test]
    fn a_row_that_is_never_done_holds_back_all_later_segments() {
        let mut segments = Segments::new();
        segments.end(1, at(0, 2));
        for segment in 1..100 {
            segments.done(segment);
            segments.end(1, at(0, segment + 2));
        }
        assert_eq!(segments.take(), []);
        segments.done(0);
        assert_eq!(segments.take(), [at(0, 101)]);
    }
}
