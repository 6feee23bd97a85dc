//! [`BlankLines`]: blank lines that are rows, and are known to be before the first other row is read.

use super::position::InputPosition;

/// Blank lines that are not returned yet, in constant memory however many follow each other.
#[derive(Debug, Default)]
pub(super) struct BlankLines {
    /// The last one first.
    runs: Vec<Run>,
    /// The position after the last line that was returned.
    returned: Option<InputPosition>,
}

/// Blank lines that follow each other, with the same line ends.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// The position after the first of them.
    first: InputPosition,
    /// The size of each of the others.
    size: u64,
    count: u64,
}

impl BlankLines {
    /// Adds a blank line after those before; `end` is the position after it.
    pub(super) fn add(&mut self, end: InputPosition) {
        if let Some(Run { first, size, count }) = self.runs.last_mut() {
            let length = end.offset - (first.offset + *size * (*count - 1));
            let follows = end.line == first.line + *count && (*count == 1 || length == *size) && length <= 2;
            if follows {
                (*size, *count) = (length, *count + 1);
                return;
            }
        }
        self.runs.push(Run { first: end, size: 0, count: 1 });
    }

    /// Completes the list, before the first line is returned.
    pub(super) fn complete(mut self) -> Self {
        self.runs.reverse();
        self
    }

    /// The number of the next blank line.
    pub(super) fn next(&mut self) -> Option<u64> {
        let Run { first, size, count } = self.runs.last_mut()?;
        let end = *first;
        self.returned = Some(end);
        *first = InputPosition::new(end.offset + *size, end.line + 1);
        *count -= 1;
        if *count == 0 {
            self.runs.pop();
        }
        Some(end.line - 1)
    }

    /// The position after the last line that was returned.
    pub(super) fn position(&self) -> Option<InputPosition> {
        self.returned
    }
}
