//! [`decompress`]: gzip and zstd, by name and by the first bytes.

use std::{
    io::{self, Cursor, Read},
    path::Path,
};

const GZIP: (&str, &[u8]) = ("gzip", &[0x1f, 0x8b]);
const ZSTD: (&str, &[u8]) = ("zstd", &[0x28, 0xb5, 0x2f, 0xfd]);

/// Undoes gzip (every member of it) and zstd (every frame), which are told by the first bytes: neither begins as text does.
///
/// # Errors
/// The first bytes cannot be read; a path that ends in `.gz` or `.zst` and does not begin as such a file. The reader that is given
/// back fails with [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the archive is truncated, behind all that it holds.
pub(super) fn decompress(mut source: Box<dyn Read + Send>, path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let mut first = Vec::with_capacity(4);
    (&mut source).take(4).read_to_end(&mut first)?;
    let named = match path.extension().and_then(|extension| extension.to_str()) {
        Some(extension) if extension.eq_ignore_ascii_case("gz") => Some(GZIP),
        Some(extension) if extension.eq_ignore_ascii_case("zst") => Some(ZSTD),
        _ => None,
    };
    let begun = [GZIP, ZSTD].into_iter().find(|(_, magic)| first.starts_with(magic));
    if let Some((name, magic)) = named.filter(|&named| Some(named) != begun) {
        return Err(if magic.starts_with(&first) {
            io::Error::new(io::ErrorKind::UnexpectedEof, format!("the {name} data is truncated: there are {} bytes", first.len()))
        } else {
            io::Error::new(io::ErrorKind::InvalidData, format!("named as {name} and does not begin as {name} does: rename it"))
        });
    }
    let whole = Cursor::new(first).chain(source);
    Ok(match begun {
        Some((name, _)) if name == GZIP.0 => Box::new(Archive { name, decoder: flate2::read::MultiGzDecoder::new(whole) }),
        Some((name, _)) => Box::new(Archive { name, decoder: zstd::stream::read::Decoder::new(whole)? }),
        None => Box::new(whole),
    })
}

/// A decoder whose errors say what is wrong with the archive.
struct Archive<R> {
    name: &'static str,
    decoder: R,
}

impl<R: Read> Read for Archive<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(buffer).map_err(|error| {
            let name = self.name;
            match error.kind() {
                // The system's own errors, such as that of a failing disk, say nothing about the archive.
                _ if error.raw_os_error().is_some() => error,
                io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => error,
                io::ErrorKind::UnexpectedEof => {
                    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the {name} data is truncated: it ends before its end"))
                }
                // zstd's own words (ZSTD_error_frameParameter_windowTooLarge), for more than its default of 128 MiB.
                _ if error.to_string().contains("too much memory") => io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!(
                        "the {name} data asks for more than 128 MiB of memory: compress it without --long, or with --long=27"
                    ),
                ),
                _ => io::Error::new(io::ErrorKind::InvalidData, format!("the {name} data is damaged: {error}")),
            }
        })
    }
}
