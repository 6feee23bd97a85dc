//! [`SlotHeader`]: what is needed of a record at each step, in the seven free bytes of a [`Handoff`](super::Handoff).

/// What the delivery thread needs of a record.
#[derive(Clone, Copy, Default)]
pub(super) struct SlotHeader {
    /// As bytes, so that it needs no alignment.
    charge: [u8; 4],
    /// The generation of outstanding records that it belongs to.
    pub(super) generation: u8,
    pub(super) keeps: Keeps,
    /// Whether the topic's partitioner has counted it in its partition's queue, and must be called at the report.
    pub(super) counted: bool,
}

const _: () = assert!(size_of::<SlotHeader>() == 7 && align_of::<SlotHeader>() == 1);

/// The content of a slot's payload.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Keeps {
    /// The sizes of key and value, which are all that its future needs. The bytes are in librdkafka's message.
    #[default]
    Sizes,
    /// The prepared record, without the record's bytes.
    Record,
    /// The prepared record, with the bytes.
    Bytes,
    /// The same after the report: the bytes count as unread.
    Unread,
}

impl SlotHeader {
    /// What it counts against `buffer.memory`, in bytes.
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
