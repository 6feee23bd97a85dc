//! The file that every client cuts its values from.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

/// Longer than a compressor's window of 64 KiB, and small enough to stay in a core's cache.
const SIZE: usize = 256 * 1024;

/// Half text, half noise, in pieces shorter than the shortest value, so that every value has its share of both.
const PIECE: usize = 40;

/// Writes the file, the same bytes every time.
pub(crate) fn file(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("values");
    fs::write(&path, bytes())?;
    Ok(path)
}

fn bytes() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(20_260_101);
    let mut text = br#"{"id":"o-1","state":"paid","amount":12.50,"currency":"EUR","lines":3},"#.iter().copied().cycle();
    let mut bytes = Vec::with_capacity(SIZE);
    while bytes.len() < SIZE {
        bytes.extend(text.by_ref().take(PIECE));
        bytes.extend(std::iter::repeat_with(|| random.u8(..)).take(PIECE));
    }
    bytes.truncate(SIZE);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_the_same_every_time() {
        assert_eq!(bytes(), bytes());
        assert_eq!(bytes().len(), SIZE);
    }
}
