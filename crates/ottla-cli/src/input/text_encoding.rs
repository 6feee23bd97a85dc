//! [`TextEncoding`]: the character encoding of the input. [`Transcoded`] converts it to UTF-8.

use std::{
    fmt,
    io::{self, Read},
    str::FromStr,
};

use crate::row::RowErrorKind;

/// The character encoding of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextEncoding {
    Utf8,
    /// UTF-16 with a byte order mark; without it, little-endian.
    Utf16,
    Utf16Le,
    Utf16Be,
    /// ISO 8859-1. Every byte is a character.
    Latin1,
    /// Windows-1252. Five bytes are not assigned, and invalid.
    Windows1252,
}

use TextEncoding::{Latin1, Utf8, Utf16, Utf16Be, Utf16Le, Windows1252};

/// How many bytes are converted at a time.
const CHUNK: usize = 64 * 1024;

impl FromStr for TextEncoding {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let plain: String = name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).collect();
        match plain.to_ascii_lowercase().as_str() {
            "utf8" => Ok(Utf8),
            "utf16" => Ok(Utf16),
            "utf16le" => Ok(Utf16Le),
            "utf16be" => Ok(Utf16Be),
            "latin1" | "iso88591" => Ok(Latin1),
            "windows1252" | "cp1252" => Ok(Windows1252),
            _ => Err(format!(
                "unknown encoding `{name}`; must be one of utf-8, utf-16, utf-16le, utf-16be, latin-1, windows-1252; convert other \
                 encodings with iconv"
            )),
        }
    }
}

impl fmt::Display for TextEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Utf8 => "utf-8",
            Utf16 => "utf-16",
            Utf16Le => "utf-16le",
            Utf16Be => "utf-16be",
            Latin1 => "latin-1",
            Windows1252 => "windows-1252",
        })
    }
}

impl TextEncoding {
    /// The kind of error, and its message after the name of the text, for text that is not UTF-8 after conversion.
    pub(super) fn invalid(encoding: Option<Self>) -> (RowErrorKind, String) {
        match encoding {
            None | Some(Utf8) => (RowErrorKind::InvalidUtf8, "is not UTF-8".to_owned()),
            Some(encoding) => (RowErrorKind::InvalidEncoding, format!("has bytes that are not valid in {encoding}")),
        }
    }

    /// Whether a line end is two bytes.
    pub(crate) fn is_utf16(self) -> bool {
        matches!(self, Utf16 | Utf16Le | Utf16Be)
    }

    /// Whether a source in this encoding is not converted.
    pub(super) fn is_utf8(self) -> bool {
        self == Utf8
    }

    /// Converts a source to UTF-8. Bytes that are invalid in the encoding stay invalid: the result is not UTF-8 at these places.
    pub(super) fn transcode(self, source: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        if self.is_utf8() {
            return source;
        }
        Box::new(Transcoded {
            source,
            encoding: self,
            is_big_endian: self == Utf16Be,
            is_at_beginning: true,
            unread: Vec::with_capacity(CHUNK + 4),
            text: Vec::new(),
            start: 0,
            units: Vec::new(),
            at_end: false,
        })
    }
}

/// A source converted to UTF-8.
struct Transcoded {
    source: Box<dyn Read + Send>,
    encoding: TextEncoding,
    /// The byte order of UTF-16.
    is_big_endian: bool,
    is_at_beginning: bool,
    /// Bytes that are read and not converted: the beginning of a character.
    unread: Vec<u8>,
    /// Converted text; `text[start..]` is not returned yet.
    text: Vec<u8>,
    start: usize,
    units: Vec<u16>,
    at_end: bool,
}

impl Read for Transcoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.start == self.text.len() && !self.at_end {
            self.text.clear();
            self.start = 0;
            let kept = self.unread.len();
            self.unread.resize(kept + CHUNK, 0);
            let read = self.source.read(&mut self.unread[kept..]);
            self.unread.truncate(kept + read.as_ref().map_or(0, |read| *read));
            self.at_end = read? == 0;
            self.convert();
        }
        let read = (&self.text[self.start..]).read(buffer)?;
        self.start += read;
        Ok(read)
    }
}

impl Transcoded {
    /// Converts the unread bytes, except the beginning of a character before the end of the input.
    fn convert(&mut self) {
        match self.encoding {
            Utf8 | Utf16 | Utf16Le | Utf16Be => self.convert_utf16(),
            Latin1 | Windows1252 => {
                let is_latin1 = self.encoding == Latin1;
                for bytes in self.unread.chunk_by(|&one, &other| is_latin1 || is_assigned(one) == is_assigned(other)) {
                    if is_latin1 {
                        self.text.extend_from_slice(encoding_rs::mem::decode_latin1(bytes).as_bytes());
                    } else if bytes.first().is_some_and(|&byte| is_assigned(byte)) {
                        let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
                        self.text.extend_from_slice(text.as_bytes());
                    } else {
                        // Such a byte is not UTF-8 after a complete character.
                        self.text.extend_from_slice(bytes);
                    }
                }
                self.unread.clear();
            }
        }
    }

    fn convert_utf16(&mut self) {
        let mut bytes = &self.unread[..];
        if self.is_at_beginning {
            match (self.encoding, bytes) {
                (_, [] | [_]) if !self.at_end => return,
                (Utf16 | Utf16Le, [0xff, 0xfe, rest @ ..]) => bytes = rest,
                (Utf16, [0xfe, 0xff, rest @ ..]) => (self.is_big_endian, bytes) = (true, rest),
                (Utf16Be, [0xfe, 0xff, rest @ ..]) => bytes = rest,
                _ => {}
            }
            self.is_at_beginning = false;
        }
        self.units.clear();
        let pairs = bytes.chunks_exact(2);
        let odd = pairs.remainder().len();
        let is_big_endian = self.is_big_endian;
        self.units.extend(pairs.map(|pair| match is_big_endian {
            true => u16::from_be_bytes([pair[0], pair[1]]),
            false => u16::from_le_bytes([pair[0], pair[1]]),
        }));
        let mut units = &self.units[..];
        loop {
            let valid = encoding_rs::mem::utf16_valid_up_to(units);
            let (text, rest) = units.split_at(valid);
            let length = self.text.len();
            // Each unit becomes at most three bytes.
            self.text.resize(length + text.len() * 3, 0);
            let written = encoding_rs::mem::convert_utf16_to_utf8(text, &mut self.text[length..]);
            self.text.truncate(length + written);
            units = rest;
            match units {
                [] => break,
                // The second half of the character is not read yet.
                [0xd800..=0xdbff] if !self.at_end => break,
                [unpaired, rest @ ..] => {
                    // The three bytes that UTF-8 would have for it if it were a character, which UTF-8 does not allow.
                    let [high, low] = unpaired.to_be_bytes();
                    self.text.extend([0xe0 | high >> 4, 0x80 | (high & 0xf) << 2 | low >> 6, 0x80 | low & 0x3f]);
                    units = rest;
                }
            }
        }
        let kept = units.len() * 2 + odd;
        if self.at_end {
            // A byte of UTF-16 without its second byte.
            self.text.extend(std::iter::repeat_n(0xff, odd));
            self.unread.clear();
        } else {
            let kept = self.unread.len() - kept;
            self.unread.drain(..kept);
        }
    }
}

/// Whether Windows-1252 has a character for the byte.
const fn is_assigned(byte: u8) -> bool {
    !matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d)
}
