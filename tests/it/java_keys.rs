//! The keys of tests/data/java-partitions.json. tests/java/Partitions.java generates the same keys.
//!
//! This file has no dependencies, so that the library's unit tests can include it.

/// The seed of the generator.
pub(crate) const SEED: u64 = 20_260_401;

/// The number of keys.
pub(crate) const COUNT: usize = 100_000;

/// The keys: empty ones, single bytes, 10 KB, ASCII and other text, and up to 64 random bytes.
pub(crate) struct JavaKeys {
    /// The state of SplitMix64.
    state: u64,
    index: usize,
}

impl JavaKeys {
    pub(crate) fn new() -> Self {
        Self { state: SEED, index: 0 }
    }

    fn next_number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.next_number() % u64::from(limit)).unwrap()
    }

    fn bytes(&mut self, length: u32) -> Vec<u8> {
        (0..length).map(|_| self.next_number().to_le_bytes()[0]).collect()
    }

    /// A character of Latin-1, Greek or Chinese, or an emoji: two to four bytes of UTF-8.
    fn letter(&mut self) -> char {
        let (first, count) = [(0xc0, 64), (0x3b1, 25), (0x4e00, 20_000), (0x1f300, 256)][self.below(4) as usize];
        char::from_u32(first + self.below(count)).unwrap()
    }
}

impl Iterator for JavaKeys {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let index = self.index;
        self.index += 1;
        (index < COUNT).then(|| match (index % 1000, index % 10) {
            (0, _) => Vec::new(),
            (1, _) => self.bytes(10_240),
            (_, 2) => self.bytes(1),
            (_, 3) => (0..=self.below(16)).map(|_| self.letter()).collect::<String>().into_bytes(),
            (_, 4) => format!("key-{}", self.below(1_000_000_000)).into_bytes(),
            _ => {
                let length = 1 + self.below(64);
                self.bytes(length)
            }
        })
    }
}
