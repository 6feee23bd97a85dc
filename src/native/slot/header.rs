//! [`SlotHeader`]: what is to be known of a record at every step, in the seven bytes that a [`Handoff`](super::Handoff) leaves free.

/// What the delivery thread has to know of a record.
#[derive(Clone, Copy, Default)]
pub(super) struct SlotHeader {
    /// In bytes, so that it needs no alignment.
    charge: [u8; 4],
    /// Which of the two counts of outstanding records it is in.
    pub(super) generation: u8,
    pub(super) keeps: Keeps,
    /// The topic's partitioner has counted it in its partition's queue, and hears of its report.
    pub(super) counted: bool,
}

const _: () = assert!(size_of::<SlotHeader>() == 7 && align_of::<SlotHeader>() == 1);

/// What a slot keeps of its record.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Keeps {
    /// The sizes of key and value: all that its future will want to know. The bytes are in librdkafka's message.
    #[default]
    Sizes,
    /// The body, without the record's bytes.
    Record,
    /// The body, with the bytes.
    Bytes,
    /// The same, though the report is in: they count as unread.
    Unread,
}

impl SlotHeader {
    /// What it takes of `buffer.memory`.
    pub(super) fn charge(self) -> usize {
        u32::from_ne_bytes(self.charge) as usize
    }

    /// 4 GiB at most.
    pub(super) fn set_charge(&mut self, bytes: usize) {
        self.charge = u32::try_from(bytes).unwrap_or(u32::MAX).to_ne_bytes();
    }
}

impl Keeps {
    pub(super) fn has_record(self) -> bool {
        self != Self::Sizes
    }

    pub(super) fn has_bytes(self) -> bool {
        matches!(self, Self::Bytes | Self::Unread)
    }
}
