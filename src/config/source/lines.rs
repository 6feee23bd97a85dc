//! [`Lines`]: converts positions in a text to line numbers.

/// The positions where lines begin. Positions are looked up instead of counted, because a text may have hundreds of thousands of
/// values.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(index, _)| index + 1).collect())
    }

    /// The line of the byte at `offset`, counted from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        1 + self.0.partition_point(|start| *start <= offset)
    }
}

#[test]
fn a_line_end_belongs_to_its_line() {
    let lines = Lines::of("a\n\nb");
    assert_eq!([0, 1, 2, 3, 4, 9].map(|offset| lines.line(offset)), [1, 1, 2, 3, 3, 3]);
    assert_eq!(Lines::of("").line(0), 1);
}
