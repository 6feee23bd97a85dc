//! Messages for people, on stderr.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

/// Prints a line. A closed stderr is ignored, where `eprintln!` would panic.
pub(crate) fn tell(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
