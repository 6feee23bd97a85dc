//! [`Corruption`]: ways to corrupt a broker's response.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

/// A way to corrupt a response before it reaches the client.
#[derive(Debug, Clone, Copy)]
pub enum Corruption {
    /// Random bytes after the correlation id. The number is the seed.
    Garbage(u64),
    /// Random bytes in place of the response, without a length. The number is the seed.
    Noise(u64),
    /// Zeros after the correlation id.
    Zeros,
    /// Only the first half of the response, in a valid frame.
    CutShort,
    /// The connection closes in the middle of the response.
    HalfFrame,
    /// The frame has this length field.
    Length(i32),
    /// The correlation id is another request's.
    WrongId,
    /// No response.
    Silence,
    /// The connection closes without a response.
    Close,
    /// The response arrives one byte at a time.
    Drip,
    /// The response is replaced by this function's result.
    Rewritten(fn(&[u8]) -> Vec<u8>),
}

impl Corruption {
    /// Sends the response, given without its length, corrupted in this way.
    ///
    /// # Errors
    /// The connection must be closed.
    pub fn send(self, answer: &[u8], to: &mut TcpStream) -> io::Result<()> {
        let mut changed = answer.to_vec();
        match self {
            Self::Garbage(seed) => {
                fill(seed, &mut changed[4..]);
                to.write_all(&framed(&changed))
            }
            Self::Noise(seed) => {
                changed.resize(answer.len() + 4, 0);
                fill(seed, &mut changed);
                to.write_all(&changed)
            }
            Self::Zeros => {
                changed[4..].fill(0);
                to.write_all(&framed(&changed))
            }
            Self::CutShort => to.write_all(&framed(&answer[..4.max(answer.len() / 2)])),
            Self::HalfFrame => {
                to.write_all(&framed(answer)[..4 + answer.len() / 2])?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Self::Length(length) => to.write_all(&[&length.to_be_bytes(), answer].concat()),
            Self::WrongId => {
                changed[..4].copy_from_slice(&0x7abc_def0_i32.to_be_bytes());
                to.write_all(&framed(&changed))
            }
            Self::Silence => Ok(()),
            Self::Close => Err(io::ErrorKind::ConnectionAborted.into()),
            Self::Rewritten(rewrite) => to.write_all(&framed(&rewrite(answer))),
            Self::Drip => framed(answer).iter().try_for_each(|byte| to.write_all(std::slice::from_ref(byte))),
        }
    }
}

/// Reads the next frame of Kafka's protocol and returns it without its length: a request, or a response, which begins with its
/// correlation id.
pub fn read_frame(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    from.read_exact(&mut frame)?;
    Ok(frame)
}

/// Prefixes a frame with its length.
pub fn framed(frame: &[u8]) -> Vec<u8> {
    [&u32::try_from(frame.len()).unwrap().to_be_bytes(), frame].concat()
}

/// Fills with pseudorandom bytes determined by the seed (SplitMix64).
fn fill(seed: u64, bytes: &mut [u8]) {
    let mut state = seed;
    for chunk in bytes.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes()[..chunk.len()]);
    }
}
