//! [`Gzip`]: reads all members of a gzip file, and ignores zero padding as on tapes and block devices.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

/// Decompresses a gzip file. Like `gzip -d` it ignores zeros after a member.
pub(super) struct Gzip<R: Read> {
    /// `None` after the last member.
    member: Option<GzDecoder<BufReader<R>>>,
}

impl<R: Read> Gzip<R> {
    pub(super) fn new(source: R) -> Self {
        Self { member: Some(GzDecoder::new(BufReader::new(source))) }
    }
}

impl<R: Read> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut source) = self.member.take().map(GzDecoder::into_inner) else { break };
            match skip_zeros(&mut source)? {
                None => break,
                Some(0x1f) => self.member = Some(GzDecoder::new(source)),
                Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "trailing bytes are not gzip")),
            }
        }
        Ok(0)
    }
}

/// Skips zeros and returns the next byte without consuming it; `None` at the end.
fn skip_zeros(source: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let buffer = match source.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        if buffer.is_empty() {
            return Ok(None);
        }
        let zeros = buffer.iter().take_while(|&&byte| byte == 0).count();
        let next = buffer.get(zeros).copied();
        source.consume(zeros);
        if next.is_some() {
            return Ok(next);
        }
    }
}
