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

    /// Whether data of this compression begin with these bytes; `None` if more bytes are needed.
    fn begins(self, first: &[u8]) -> Option<bool> {
        let magic = |magic: &[u8]| {
            let length = first.len().min(magic.len());
            if first[..length] == magic[..length] { (length == magic.len()).then_some(true) } else { Some(false) }
        };
        match self {
            Self::Xz => magic(b"\xfd7zXZ\0"),
            Self::Lz4 => magic(b"\x04\x22\x4d\x18"),
            Self::Gzip => magic(b"\x1f\x8b"),
            Self::Zstd => magic(b"\x28\xb5\x2f\xfd"),
        }
    }
}

/// Whether a file with this name and these first bytes is compressed.
pub(crate) fn is_compressed(path: &Path, first: &[u8]) -> bool {
    let has_frame = skippable_frame(first).is_some_and(|size| size > 0);
    Compression::of_path(path).is_some() || has_frame || Compression::ALL.iter().any(|one| one.begins(first) == Some(true))
}

/// The bytes of a compressed file, decompressed.
///
/// # Errors
/// It is not compressed as its name says, or the compression is not supported.
pub(crate) fn decompressed(source: Box<dyn Read + Send>, path: &Path) -> io::Result<Box<dyn Read + Send>> {
    Ok(decompress(source, path)?.bytes)
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
    /// A skippable frame of this size, as pzstd and lz4 write them. What follows it determines the compression.
    SkippableFrame(u64),
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
    let named = Compression::of_path(path);
    let (mut first, mut has_skipped) = (Vec::new(), false);
    let compression = loop {
        let (kind, failed) = inspect(&mut source, &mut first);
        if let Some(error) = failed {
            return Err(error);
        }
        match kind {
            Kind::Refused(reason) => return Err(unsupported(reason)),
            Kind::Compressed(compression) => break Some(compression),
            Kind::SkippableFrame(size) => {
                skip(&mut source, &mut first, size)?;
                has_skipped = true;
            }
            // Nothing but skippable frames is an empty archive.
            Kind::Plain if has_skipped && first.is_empty() => return Ok(Decompressed { bytes: source, is_plain: false }),
            Kind::Plain => break None,
        }
    };
    if has_skipped && !matches!(compression, Some(Compression::Zstd | Compression::Lz4)) {
        let message = "neither zstd nor lz4 data follows a skippable frame; the file is damaged or truncated";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    if let Some(named) = named.filter(|&named| Some(named) != compression) {
        let name = named.name();
        let may_begin = named.begins(&first).is_none() || skippable_frame(&first).is_none();
        return Err(if may_begin {
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
    let mut first = Vec::new();
    let (kind, failed) = inspect(&mut archive, &mut first);
    match kind {
        Kind::Refused(reason) => Err(unsupported(format!("{name} data that contains other data: {reason}"))),
        Kind::Compressed(inner) => Err(unsupported(format!(
            "{name} data that contains {} data is not supported; decompress it once first",
            inner.name()
        ))),
        Kind::SkippableFrame(_) => {
            Err(unsupported(format!("{name} data that contains zstd or lz4 data is not supported; decompress it once first")))
        }
        Kind::Plain if failed.is_some() => {
            Ok(Decompressed { bytes: Box::new(Cursor::new(first).chain(Failing(failed))), is_plain: false })
        }
        Kind::Plain => Ok(Decompressed { bytes: Box::new(Cursor::new(first).chain(archive)), is_plain: false }),
    }
}

fn unsupported(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, reason)
}

/// Reads after the bytes of `first` until these determine the kind of input. Bytes that match no container are plain at once, however few
/// they are. Also returns the error that ended reading, if any.
fn inspect(source: &mut impl Read, first: &mut Vec<u8>) -> (Kind, Option<io::Error>) {
    let mut length = first.len();
    if let Some(kind) = kind(first) {
        return (kind, None);
    }
    first.resize(INSPECTED.max(length), 0);
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
            return (kind, failed);
        }
    }
}

/// Skips a frame of this size that begins with the bytes of `first`; the bytes after it stay there.
fn skip(source: &mut impl Read, first: &mut Vec<u8>, size: u64) -> io::Result<()> {
    let kept = usize::try_from(size).unwrap_or(usize::MAX).min(first.len());
    first.drain(..kept);
    let left = size - kept as u64;
    if io::copy(&mut source.take(left), &mut io::sink())? < left {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the zstd or lz4 data is truncated in a skippable frame"));
    }
    Ok(())
}

/// The size of the skippable frame that begins with these bytes, or 0 if none does; `None` if more bytes are needed.
fn skippable_frame(first: &[u8]) -> Option<u64> {
    match first {
        [] | [0x50..=0x5f] | [0x50..=0x5f, 0x2a] | [0x50..=0x5f, 0x2a, 0x4d] => None,
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, rest @ ..] => {
            let size = rest.first_chunk().map(|size| u32::from_le_bytes(*size))?;
            Some(8 + u64::from(size))
        }
        _ => Some(0),
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
    let skippable = skippable_frame(first);
    if let Some(size) = skippable.filter(|size| *size > 0) {
        return Some(Kind::SkippableFrame(size));
    }
    match container::of_bytes(first) {
        Begins::As(container) => Some(Kind::Refused(container.refusal())),
        Begins::Perhaps => None,
        Begins::Otherwise if skippable.is_none() || begins.iter().any(|(_, begins)| begins.is_none()) => None,
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
