//! Messages for people, on stderr.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

/// Says a line. That nobody listens is no reason to stop: `eprintln!` would panic.
pub(crate) fn tell(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
