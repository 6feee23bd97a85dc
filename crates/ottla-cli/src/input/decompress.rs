//! [`decompress`]: detects and decompresses gzip, zstd, xz and lz4.

use std::{
    io::{self, BufReader, Cursor, Read},
    path::Path,
};

use lzma_rust2::XzReader;

use super::{
    container::{self, Begins},
    gzip::Gzip,
    lz4::Lz4,
};

/// The maximum number of bytes inspected at the beginning: a tar archive is identified at byte 257.
const INSPECTED: usize = 512;

/// The maximum memory of an xz decoder, in KiB: a dictionary of 128 MiB, as zstd's limit, and the decoder's own buffers.
const XZ_MEMORY: u32 = 129 * 1024;

/// A compression of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
    Xz,
    Lz4,
}

impl Compression {
    const ALL: [Self; 4] = [Self::Gzip, Self::Zstd, Self::Xz, Self::Lz4];

    /// The compression that the file extension names.
    pub(super) fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstd),
            "xz" => Some(Self::Xz),
            "lz4" => Some(Self::Lz4),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
        }
    }

    /// Whether data of this compression begin with these bytes; `None` if more bytes are needed. zstd data may begin with
    /// skippable frames, as written by pzstd.
    fn begins(self, first: &[u8]) -> Option<bool> {
        let is = |at: usize, byte: fn(u8) -> bool| first.get(at).copied().map(byte);
        let all = |bytes: &[Option<bool>]| match bytes {
            _ if bytes.contains(&Some(false)) => Some(false),
            _ if bytes.contains(&None) => None,
            _ => Some(true),
        };
        let magic = |magic: &[u8]| {
            let length = first.len().min(magic.len());
            if first[..length] == magic[..length] { (length == magic.len()).then_some(true) } else { Some(false) }
        };
        match self {
            Self::Xz => magic(b"\xfd7zXZ\0"),
            Self::Lz4 => magic(b"\x04\x22\x4d\x18"),
            Self::Gzip => all(&[is(0, |byte| byte == 0x1f), is(1, |byte| byte == 0x8b)]),
            Self::Zstd => {
                let frame = [is(0, |b| b == 0x28), is(1, |b| b == 0xb5), is(2, |b| b == 0x2f), is(3, |b| b == 0xfd)];
                let skipped = [is(0, |b| b >> 4 == 5), is(1, |b| b == 0x2a), is(2, |b| b == 0x4d), is(3, |b| b == 0x18)];
                match (all(&frame), all(&skipped)) {
                    (Some(false), skipped) => skipped,
                    (frame, _) => frame,
                }
            }
        }
    }
}

/// The bytes of an input.
pub(super) struct Decompressed {
    pub(super) bytes: Box<dyn Read + Send>,
    /// Whether the input is not compressed.
    pub(super) is_plain: bool,
}

/// The kind of input, by its first bytes.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Compressed(Compression),
    /// An unsupported container, with the error message.
    Refused(String),
    Plain,
}

/// Decompresses gzip (all members), zstd and lz4 (all frames) and xz (all streams). They are detected by their first bytes, which no text
/// begins with. No more of the source is read than is needed for that.
///
/// # Errors
/// The first bytes cannot be read; the path has a compression's extension but the content does not match;
/// [`Unsupported`](io::ErrorKind::Unsupported) if the content is an unsupported container, also if it is compressed. The returned
/// reader fails with [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the archive is truncated, after all data before that.
pub(super) fn decompress(mut source: Box<dyn Read + Send>, path: &Path) -> io::Result<Decompressed> {
    let (first, kind, failed) = inspect(&mut source);
    if let Some(error) = failed {
        return Err(error);
    }
    let named = Compression::of_path(path);
    let compression = match kind {
        Kind::Refused(reason) => return Err(unsupported(reason)),
        Kind::Compressed(compression) => Some(compression),
        Kind::Plain => None,
    };
    if let Some(named) = named.filter(|&named| Some(named) != compression) {
        let name = named.name();
        return Err(if named.begins(&first).is_none() {
            io::Error::new(io::ErrorKind::UnexpectedEof, format!("the {name} data is truncated after {} bytes", first.len()))
        } else {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the file extension says {name}, but the content is not {name}; rename the file"),
            )
        });
    }
    let whole = Cursor::new(first).chain(source);
    let Some(compression) = compression else { return Ok(Decompressed { bytes: Box::new(whole), is_plain: true }) };
    let name = compression.name();
    let mut archive: Box<dyn Read + Send> = match compression {
        Compression::Gzip => Box::new(Archive { name, decoder: Gzip::new(whole) }),
        Compression::Zstd => Box::new(Archive { name, decoder: zstd::stream::read::Decoder::new(whole)? }),
        Compression::Xz => Box::new(Archive { name, decoder: XzReader::new_mem_limit(BufReader::new(whole), true, XZ_MEMORY) }),
        Compression::Lz4 => Box::new(Archive { name, decoder: Lz4::new(whole) }),
    };
    // An error here is returned when the record it affects is read.
    let (first, kind, failed) = inspect(&mut archive);
    match kind {
        Kind::Refused(reason) => Err(unsupported(format!("{name} data that contains other data: {reason}"))),
        Kind::Compressed(inner) => Err(unsupported(format!(
            "{name} data that contains {} data is not supported; decompress it once first",
            inner.name()
        ))),
        Kind::Plain if failed.is_some() => {
            Ok(Decompressed { bytes: Box::new(Cursor::new(first).chain(Failing(failed))), is_plain: false })
        }
        Kind::Plain => Ok(Decompressed { bytes: Box::new(Cursor::new(first).chain(archive)), is_plain: false }),
    }
}

fn unsupported(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, reason)
}

/// Reads until the first bytes determine the kind of input. Bytes that match no container are plain at once, however few they
/// are. Also returns the error that ended reading, if any.
fn inspect(source: &mut impl Read) -> (Vec<u8>, Kind, Option<io::Error>) {
    let mut first = vec![0; INSPECTED];
    let mut length = 0;
    loop {
        let (read, failed) = match source.read(&mut first[length..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(read) => (read, None),
            Err(error) => (0, Some(error)),
        };
        length += read;
        let kind = kind(&first[..length]);
        if let Some(kind) = kind.or_else(|| (read == 0).then_some(Kind::Plain)) {
            first.truncate(length);
            return (first, kind, failed);
        }
    }
}

/// The kind of data that begin with these bytes; `None` if more bytes are needed.
fn kind(first: &[u8]) -> Option<Kind> {
    if first.is_empty() {
        return None;
    }
    let begins = Compression::ALL.map(|compression| (compression, compression.begins(first)));
    if let Some((compression, _)) = begins.iter().find(|(_, begins)| *begins == Some(true)) {
        return Some(Kind::Compressed(*compression));
    }
    match container::of_bytes(first) {
        Begins::As(container) => Some(Kind::Refused(container.refusal())),
        Begins::Perhaps => None,
        Begins::Otherwise if begins.iter().any(|(_, begins)| begins.is_none()) => None,
        Begins::Otherwise => Some(Kind::Plain),
    }
}

/// A reader that fails once and is then at its end.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// A decoder that adds the archive's name to its errors.
struct Archive<R> {
    name: &'static str,
    decoder: R,
}

impl<R: Read> Read for Archive<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(buffer).map_err(|error| {
            let name = self.name;
            match error.kind() {
                // Errors of the operating system, such as a failing disk, are not about the archive.
                _ if error.raw_os_error().is_some() => error,
                io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => error,
                io::ErrorKind::UnexpectedEof => {
                    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the {name} data is truncated"))
                }
                io::ErrorKind::OutOfMemory => io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!(
                        "the {name} data needs more than 128 MiB of memory to decompress; compress it with a smaller dictionary, \
                         such as that of xz -9"
                    ),
                ),
                // zstd's message for ZSTD_error_frameParameter_windowTooLarge: the window exceeds its default limit of 128 MiB.
                _ if error.to_string().contains("too much memory") => io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!(
                        "the {name} data needs more than 128 MiB of memory to decompress; compress it without --long, or with \
                         --long=27"
                    ),
                ),
                _ => io::Error::new(io::ErrorKind::InvalidData, format!("the {name} data is damaged: {error}")),
            }
        })
    }
}
