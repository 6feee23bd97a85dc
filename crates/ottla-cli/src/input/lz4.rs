//! [`Lz4`]: reads all frames of an lz4 file, and skips skippable frames.

use std::io::{self, BufReader, Read};

use lz4_flex::frame::FrameDecoder;

/// Decompresses lz4 frames. Between them it skips skippable frames, like `lz4 -d`.
pub(super) struct Lz4<R: Read> {
    decoder: FrameDecoder<Frames<R>>,
}

impl<R: Read> Lz4<R> {
    pub(super) fn new(source: R) -> Self {
        let frames = Frames { source: BufReader::new(source), magic: Vec::new(), is_inside: false, is_at_end: false };
        Self { decoder: FrameDecoder::new(frames) }
    }
}

impl<R: Read> Read for Lz4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            // The decoder returns 0 at the end of each frame, and also where the source ends within a frame.
            let frames = self.decoder.get_mut();
            match (frames.is_inside, frames.is_at_end) {
                (true, true) => return Err(io::ErrorKind::UnexpectedEof.into()),
                (true, false) => frames.is_inside = false,
                (false, _) => return Ok(0),
            }
        }
    }
}

/// The source of a decoder. Before each frame it skips skippable frames.
struct Frames<R: Read> {
    source: BufReader<R>,
    /// The bytes of the frame's magic number that the decoder has not read yet.
    magic: Vec<u8>,
    is_inside: bool,
    is_at_end: bool,
}

impl<R: Read> Frames<R> {
    /// Moves to the next frame. Its magic number is read first.
    fn enter(&mut self) -> io::Result<()> {
        loop {
            let mut magic = [0; 4];
            let mut length = 0;
            while length < magic.len() {
                match self.source.read(&mut magic[length..]) {
                    Ok(0) if length == 0 => return Ok(()),
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(read) => length += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            match magic {
                [0x04, 0x22, 0x4d, 0x18] => {
                    self.magic = magic.to_vec();
                    self.is_inside = true;
                    return Ok(());
                }
                [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                    let mut size = [0; 4];
                    self.source.read_exact(&mut size)?;
                    let size = u64::from(u32::from_le_bytes(size));
                    if io::copy(&mut (&mut self.source).take(size), &mut io::sink())? < size {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "trailing bytes are not lz4")),
            }
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_inside {
            self.enter()?;
        }
        if !self.magic.is_empty() {
            let length = self.magic.len().min(buffer.len());
            buffer[..length].copy_from_slice(&self.magic[..length]);
            self.magic.drain(..length);
            return Ok(length);
        }
        let read = self.source.read(buffer)?;
        self.is_at_end = read == 0 && !buffer.is_empty();
        Ok(read)
    }
}
