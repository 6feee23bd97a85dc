//! [`Container`]: archives and binary file formats that the command does not read, detected by their first bytes or their file
//! extension. Sent line by line, their content would be garbage.

use std::path::Path;

/// A file format that is not supported.
pub(super) struct Container {
    name: &'static str,
    /// The bytes that identify it, with their offsets.
    magic: &'static [(usize, &'static [u8])],
    extension: &'static str,
    /// What the user can do with such a file.
    instead: Instead,
}

#[derive(Clone, Copy)]
enum Instead {
    /// Write its content to stdout with this command.
    Decompress(&'static str),
    Convert,
    /// Pass this format.
    Format(&'static str),
}

use Instead::{Convert, Decompress, Format};

const fn container(
    name: &'static str,
    extension: &'static str,
    magic: &'static [(usize, &'static [u8])],
    instead: Instead,
) -> Container {
    Container { name, magic, extension, instead }
}

/// All known containers. If the magic bytes are readable text, the bytes after them are compared too.
const CONTAINERS: [Container; 28] = [
    container("LZMA", "lzma", &[(0, b"\x5d\0\0")], Decompress("xz -dc --format=lzma")),
    container("lz4's legacy format", "", &[(0, b"\x02\x21\x4c\x18")], Decompress("lz4 -dc")),
    container("bzip2", "bz2", &[(0, b"BZh"), (4, b"1AY&SY")], Decompress("bzip2 -dc")),
    container("bzip2", "", &[(0, b"BZh"), (4, b"\x17\x72\x45\x38\x50\x90")], Decompress("bzip2 -dc")),
    container("lzip", "lz", &[(0, b"LZIP\x01")], Decompress("lzip -dc")),
    container("lzop", "lzo", &[(0, b"\x89LZO\0\r\n\x1a\n")], Decompress("lzop -dc")),
    container("compress", "Z", &[(0, b"\x1f\x9d")], Decompress("gzip -dc")),
    container("pack", "z", &[(0, b"\x1f\x1e")], Decompress("gzip -dc")),
    container("snappy", "sz", &[(0, b"\xff\x06\0\0sNaPpY")], Decompress("snzip -dc")),
    container("Brotli", "br", &[], Decompress("brotli -dc")),
    container("zstd before version 0.8", "", &[(0, b"\x22\xb5\x2f\xfd")], Decompress("zstd -dc")),
    container("zstd before version 0.8", "", &[(0, b"\x23\xb5\x2f\xfd")], Decompress("zstd -dc")),
    container("zstd before version 0.8", "", &[(0, b"\x24\xb5\x2f\xfd")], Decompress("zstd -dc")),
    container("zstd before version 0.8", "", &[(0, b"\x25\xb5\x2f\xfd")], Decompress("zstd -dc")),
    container("zstd before version 0.8", "", &[(0, b"\x26\xb5\x2f\xfd")], Decompress("zstd -dc")),
    container("zstd before version 0.8", "", &[(0, b"\x27\xb5\x2f\xfd")], Decompress("zstd -dc")),
    // Excel and similar files are zip archives.
    container("zip", "zip", &[(0, b"PK\x03\x04")], Decompress("unzip -p")),
    container("zip", "xlsx", &[(0, b"PK\x05\x06")], Convert),
    container("7z", "7z", &[(0, b"7z\xbc\xaf\x27\x1c")], Decompress("7z x -so")),
    container("RAR", "rar", &[(0, b"Rar!\x1a\x07")], Decompress("unrar p -inul")),
    container("tar", "tar", &[(257, b"ustar")], Decompress("tar -xOf")),
    container("Parquet", "parquet", &[(0, b"PAR1\x15")], Convert),
    container("Avro object container", "avro", &[(0, b"Obj\x01")], Format("avro")),
    container("ORC", "orc", &[], Convert),
    container("Arrow", "arrow", &[(0, b"ARROW1\0\0")], Convert),
    container("Hadoop sequence file", "seq", &[(0, b"SEQ\x06")], Convert),
    container("SQLite", "sqlite", &[(0, b"SQLite format 3\0")], Convert),
    container("HDF5", "h5", &[(0, b"\x89HDF\r\n\x1a\n")], Convert),
];

/// The result of comparing the first bytes of an input.
pub(super) enum Begins {
    As(&'static Container),
    /// More bytes are needed.
    Perhaps,
    Otherwise,
}

/// Compares the first bytes of an input with all containers.
pub(super) fn of_bytes(first: &[u8]) -> Begins {
    let mut perhaps = false;
    for container in &CONTAINERS {
        match container.matches(first) {
            Some(true) => return Begins::As(container),
            // Text of 257 bytes without a line break that turns out to be a tar archive is unlikely, so there is no wait for
            // more.
            None if container.magic.iter().all(|(at, _)| *at < 16) => perhaps = true,
            _ => {}
        }
    }
    if perhaps { Begins::Perhaps } else { Begins::Otherwise }
}

/// Finds the container with this file extension.
pub(super) fn of_name(path: &Path) -> Option<&'static Container> {
    let extension = path.extension()?.to_str()?;
    CONTAINERS.iter().find(|container| !container.extension.is_empty() && container.extension.eq_ignore_ascii_case(extension))
}

impl Container {
    /// Whether these are its first bytes; `None` if they match so far but are too few.
    fn matches(&self, first: &[u8]) -> Option<bool> {
        if self.magic.is_empty() {
            return Some(false);
        }
        let mut is_whole = true;
        for (at, magic) in self.magic {
            let there = first.get(*at..).unwrap_or_default();
            let length = there.len().min(magic.len());
            if there[..length] != magic[..length] {
                return Some(false);
            }
            is_whole &= length == magic.len();
        }
        is_whole.then_some(true)
    }

    /// The error for an input in this format.
    pub(super) fn refusal(&self) -> String {
        let Self { name, instead, .. } = self;
        match instead {
            Decompress(command) => {
                format!("{name} data is not supported: decompress it first ({command} FILE) and pass --input -")
            }
            Format(format) => format!("this is an {name}: pass --format {format}"),
            Convert => format!("{name} data is not supported: convert it to csv or jsonl first"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of a container.
    fn beginning(container: &Container) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (at, magic) in container.magic {
            bytes.resize(*at, b'9');
            bytes.extend_from_slice(magic);
        }
        bytes
    }

    #[test]
    fn each_is_detected_by_its_first_bytes_once_they_are_complete() {
        for container in CONTAINERS.iter().filter(|container| !container.magic.is_empty()) {
            let bytes = beginning(container);
            assert!(matches!(of_bytes(&bytes), Begins::As(found) if found.name == container.name), "{}", container.name);
            if bytes.len() < 200 {
                for length in 0..bytes.len() {
                    assert!(matches!(of_bytes(&bytes[..length]), Begins::Perhaps), "{}: {length}", container.name);
                }
            }
        }
    }

    #[test]
    fn text_is_not_a_container() {
        for text in
            ["ab\n", "BZ\n", "BZhang,1\n", "PAR1,PAR2\n", "Object\n", "PKW\n", "LZIP\n", "SQLite\n", "Rar!\n", "7z\n", "]\n", "é"]
        {
            assert!(matches!(of_bytes(text.as_bytes()), Begins::Otherwise), "{text:?}");
        }
    }

    #[test]
    fn containers_are_detected_by_extension() {
        let name = |path: &str| of_name(Path::new(path)).map(|container| container.name);
        assert_eq!(name("a.csv.bz2"), Some("bzip2"));
        assert_eq!(name("a.PARQUET"), Some("Parquet"));
        assert_eq!((name("a.csv"), name("a.csv.xz"), name("a.")), (None, None, None));
    }
}
