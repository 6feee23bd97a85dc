//! [`Lz4`]: reads all frames of an lz4 file, and skips skippable frames.

use std::io::{self, BufReader, Read};

use lz4_flex::frame::FrameDecoder;

/// Decompresses lz4 frames. Between them it skips skippable frames, like `lz4 -d`.
pub(super) struct Lz4<R: Read> {
    decoder: FrameDecoder<Frames<R>>,
}

impl<R: Read> Lz4<R> {
    pub(super) fn new(source: R) -> Self {
        let frames = Frames { source: BufReader::new(source), magic: Vec::new(), frame: None, is_at_end: false };
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
            // The decoder returns 0 at the end of each frame, after an empty block, and where the source ends within a frame.
            let frames = self.decoder.get_mut();
            match (frames.frame.is_some(), frames.is_at_end) {
                (true, true) => return Err(io::ErrorKind::UnexpectedEof.into()),
                (false, true) => return Ok(0),
                (_, false) => {}
            }
        }
    }
}

/// The source of a decoder. Before each frame it skips skippable frames.
struct Frames<R: Read> {
    source: BufReader<R>,
    /// The bytes of the frame's magic number that the decoder has not read yet.
    magic: Vec<u8>,
    /// The position in the current frame.
    frame: Option<FramePosition>,
    is_at_end: bool,
}

/// The position in a frame after its magic number. The decoder does not say whether a frame has ended.
struct FramePosition {
    part: Part,
    /// How many bytes of the part are not read.
    left: usize,
    flags: u8,
    block_size: u32,
}

/// The parts of a frame, in their order; a block has its checksum.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Flags,
    Descriptor,
    BlockSize,
    Block,
    ContentChecksum,
    End,
}

impl FramePosition {
    const START: Self = Self { part: Part::Flags, left: 1, flags: 0, block_size: 0 };

    const CONTENT_SIZE: u8 = 0x08;
    const DICTIONARY: u8 = 0x01;
    const CONTENT_CHECKSUM: u8 = 0x04;
    const BLOCK_CHECKSUM: u8 = 0x10;

    /// Moves over bytes that the decoder reads.
    fn pass(&mut self, mut bytes: &[u8]) {
        while self.part != Part::End && !bytes.is_empty() {
            let (part, rest) = bytes.split_at(self.left.min(bytes.len()));
            match self.part {
                Part::Flags => self.flags = part[0],
                Part::BlockSize => {
                    for byte in part {
                        self.block_size = self.block_size >> 8 | u32::from(*byte) << 24;
                    }
                }
                _ => {}
            }
            (self.left, bytes) = (self.left - part.len(), rest);
            while self.left == 0 && self.part != Part::End {
                self.enter_next();
            }
        }
    }

    fn enter_next(&mut self) {
        /// The bit of an uncompressed block.
        const UNCOMPRESSED: u32 = 1 << 31;
        let optional = |flag: u8, bytes: usize| if self.flags & flag == 0 { 0 } else { bytes };
        (self.part, self.left) = match self.part {
            // The block size and the checksum of the descriptor are a byte each.
            Part::Flags => (Part::Descriptor, 2 + optional(Self::CONTENT_SIZE, 8) + optional(Self::DICTIONARY, 4)),
            Part::BlockSize if self.block_size == 0 => (Part::ContentChecksum, optional(Self::CONTENT_CHECKSUM, 4)),
            Part::BlockSize => {
                let size = usize::try_from(self.block_size & !UNCOMPRESSED).unwrap_or(usize::MAX);
                (Part::Block, size.saturating_add(optional(Self::BLOCK_CHECKSUM, 4)))
            }
            Part::Descriptor | Part::Block => (Part::BlockSize, 4),
            Part::ContentChecksum | Part::End => (Part::End, 0),
        };
    }
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
                    self.frame = Some(FramePosition::START);
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
        if self.frame.is_none() {
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
        if let Some(frame) = &mut self.frame {
            frame.pass(&buffer[..read]);
            if frame.part == Part::End {
                self.frame = None;
            }
        }
        Ok(read)
    }
}
