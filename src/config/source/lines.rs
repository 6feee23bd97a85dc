//! [`Lines`]: which line of a text a place is in.

/// Where the lines of a text begin. Looked up and not counted for each value, of which a text may have hundreds of thousands.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(index, _)| index + 1).collect())
    }

    /// The line, counted from 1, in which the byte at `offset` stands.
    pub(super) fn line(&self, offset: usize) -> usize {
        1 + self.0.partition_point(|start| *start <= offset)
    }
}

#[test]
fn a_line_ends_behind_its_end() {
    let lines = Lines::of("a\n\nb");
    assert_eq!([0, 1, 2, 3, 4, 9].map(|offset| lines.line(offset)), [1, 1, 2, 3, 3, 3]);
    assert_eq!(Lines::of("").line(0), 1);
}
