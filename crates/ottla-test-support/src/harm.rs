//! [`Harm`]: what is done to a broker's answer.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

/// What is done to an answer before it goes to the client.
#[derive(Debug, Clone, Copy)]
pub enum Harm {
    /// Behind its correlation id it is nonsense. The number says which.
    Garbage(u64),
    /// Instead of it comes nonsense, which has not even a length.
    Noise(u64),
    /// Behind its correlation id there are zeros.
    Zeros,
    /// Its second half is left out, in a frame that says so.
    CutShort,
    /// The connection ends in its middle.
    HalfFrame,
    /// Its frame says this length.
    Length(i32),
    /// It has another request's correlation id.
    WrongId,
    /// It does not come.
    Silence,
    /// The connection ends in place of it.
    Close,
    /// It comes a byte at a time.
    Drip,
    /// Another answer comes in its place, made from it.
    Rewritten(fn(&[u8]) -> Vec<u8>),
}

impl Harm {
    /// Sends the answer, without its length, so.
    ///
    /// # Errors
    /// The connection is to be closed.
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

/// The next frame of Kafka's protocol, without its length: a request, or an answer, which begins with its correlation id.
pub fn read_frame(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    from.read_exact(&mut frame)?;
    Ok(frame)
}

/// The frame with its length.
pub fn framed(frame: &[u8]) -> Vec<u8> {
    [&u32::try_from(frame.len()).unwrap().to_be_bytes(), frame].concat()
}

/// Bytes that mean nothing, and the same ones for the same seed (SplitMix64).
fn fill(seed: u64, bytes: &mut [u8]) {
    let mut state = seed;
    for chunk in bytes.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes()[..chunk.len()]);
    }
}
