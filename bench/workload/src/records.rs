//! [`Records`]: topic, key and value of each record.

use std::fs;

use anyhow::{Context, ensure};

use crate::Arguments;

/// Values start this far apart in their file, around its end: near the golden ratio of its length, so that values which are sent
/// one after the other have no bytes in common, and a compressor finds in them only what is in each.
const STRIDE: usize = 162_017;

/// The records of a run; made before anything is measured.
#[derive(Debug)]
pub struct Records {
    topics: Vec<String>,
    values: Vec<u8>,
    size: usize,
    keyed: bool,
}

impl Records {
    pub fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        let Arguments { topic, topics, size, values: path, .. } = arguments;
        let values = fs::read(path).with_context(|| format!("{}", path.display()))?;
        ensure!(values.len() > *size, "{}: {} bytes, a value has {size}", path.display(), values.len());
        ensure!(*topics > 0, "--topics 0");
        let topics = match topics {
            1 => vec![topic.clone()],
            _ => (0..*topics).map(|number| format!("{topic}-{number}")).collect(),
        };
        Ok(Self { topics, values, size: *size, keyed: !arguments.keyless })
    }

    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    pub fn topic(&self, index: usize) -> &str {
        // A division only where there is something to divide.
        if self.topics.len() == 1 { &self.topics[0] } else { &self.topics[index % self.topics.len()] }
    }

    pub fn is_keyed(&self) -> bool {
        self.keyed
    }

    pub fn key(index: usize) -> [u8; 8] {
        (index as u64).to_be_bytes()
    }

    pub fn value(&self, index: usize) -> &[u8] {
        let start = index.wrapping_mul(STRIDE) % (self.values.len() - self.size);
        &self.values[start..start + self.size]
    }
}
