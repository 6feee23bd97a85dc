//! [`TextBuffer`]: the buffer into which librdkafka writes a reason.

use std::ffi::{CStr, c_char};

/// How long librdkafka's texts are at most. librdkafka cuts longer ones.
const SIZE: usize = 512;

/// A buffer for a text of librdkafka's, empty at first.
pub(super) struct TextBuffer([u8; SIZE]);

impl TextBuffer {
    pub(super) const SIZE: usize = SIZE;

    pub(super) fn new() -> Self {
        Self([0; SIZE])
    }

    /// Where librdkafka writes [`SIZE`](Self::SIZE) bytes at most.
    pub(super) fn as_mut_ptr(&mut self) -> *mut c_char {
        self.0.as_mut_ptr().cast()
    }

    /// What was written, up to the first NUL byte; empty if there is none.
    pub(super) fn text(&self) -> String {
        CStr::from_bytes_until_nul(&self.0).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
    }
}
