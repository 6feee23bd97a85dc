//! [`TextBuffer`]: a buffer for librdkafka's error texts.

use std::ffi::{CStr, c_char};

/// The size for librdkafka's texts. librdkafka truncates longer ones.
const SIZE: usize = 512;

/// A buffer for a text of librdkafka, initially empty.
pub(super) struct TextBuffer([u8; SIZE]);

impl TextBuffer {
    pub(super) const SIZE: usize = SIZE;

    pub(super) fn new() -> Self {
        Self([0; SIZE])
    }

    /// A pointer to [`SIZE`](Self::SIZE) writable bytes.
    pub(super) fn as_mut_ptr(&mut self) -> *mut c_char {
        self.0.as_mut_ptr().cast()
    }

    /// The text up to the first NUL byte; empty if there is none.
    pub(super) fn text(&self) -> String {
        CStr::from_bytes_until_nul(&self.0).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
    }
}
