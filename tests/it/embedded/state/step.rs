//! The steps of a case, as data: what is generated, shrunk, and printed when a case fails.

/// A case: how the producers are made, and what is done with them. Everything that a step picks, it picks by number, so that a case
/// without some of its steps is still a case.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) settings: Settings,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) buffer_memory: usize,
    pub(super) max_block_ms: u64,
    pub(super) delivery_timeout_ms: u64,
    pub(super) linger_ms: u64,
    pub(super) transactional: bool,
    /// Whether an interceptor notes what is sent and reported.
    pub(super) observed: bool,
    /// Whether the value's serializer may defer.
    pub(super) may_defer: bool,
    /// Whether the partitioner is the test's.
    pub(super) partitioner: bool,
    /// `drop_timeout`; `u64::MAX` is `Duration::MAX`.
    pub(super) drop_timeout_ms: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Sends a record; a future that this leaves is polled once and kept.
    Send(Way, Spec),
    /// Sends a record and has an executor that runs its task inside `wake` wait for its report.
    Run(Spec, Then),
    SendAll(Vec<Spec>),
    SinkSend(Spec),
    SinkFlush,
    SinkClose,
    /// Polls a kept future once.
    Poll(usize),
    /// Blocks until a kept future ends.
    Await(usize),
    /// Drops a kept future.
    Cancel(usize),
    Flush(How),
    /// Ends the wait of a deferred serializer.
    Release(usize, Release),
    ReleaseAll(Release),
    /// Lets the callbacks go on that block.
    Unblock,
    Clone,
    DropHandle,
    /// Drops every handle.
    DropAll,
    Close(How, CloseTime),
    Fault(Fault),
    Heal,
    Pause(u64),
    Begin,
    SendOffsets,
    Commit(How),
    Abort(How),
    DropTransaction,
    /// Commits, and does what the errors' flags say until the transaction has ended.
    CommitByFlags,
    /// The same with `send_offsets` before it.
    SendOffsetsByFlags,
}

/// A way to send one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// `send`, and the report is waited for.
    Future,
    /// `send`, and the delivery is dropped when there is one.
    Forget,
    Try,
    TryForget,
    Callback(Callback),
    Blocking,
    BlockingCallback(Callback),
    /// `Transaction::send`, or `send` without a transaction.
    Transaction,
    TransactionForget,
}

/// What a callback does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callback {
    Nothing,
    Panics,
    /// Blocks until the test lets it go on.
    Blocks,
    TrySends,
    /// Sends, and drops the future.
    Sends,
    /// It holds a value whose drop panics.
    Bomb,
    /// It holds a handle of the producer.
    Handle,
}

/// What a task does when its record is reported, inside `wake`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    TrySends,
    Sends,
    Flushes,
    Closes,
    Panics,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Await,
    /// The future is polled once and kept.
    Start,
    /// An executor that runs its task inside `wake` waits for it.
    Inline(Then),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Spec {
    pub(super) topic: Topic,
    pub(super) place: Place,
    pub(super) size: usize,
    pub(super) value: Value,
    pub(super) bad_timestamp: bool,
}

impl Spec {
    /// Whether its topic has its partition, if it names one.
    pub(super) fn has_place(self) -> bool {
        let partitions = if self.topic == Topic::Payments { 1 } else { 3 };
        !matches!(self.place, Place::Partition(partition) if partition >= partitions)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// Three partitions, known when the first step begins.
    Orders,
    /// One partition, unknown at first.
    Payments,
    /// Its name is not one.
    Invalid,
}

/// A partition that no topic has.
pub(super) const ABSENT: i32 = 99;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Key(u8),
    Partition(i32),
    Keyless,
}

/// What the serializer, an interceptor or the partitioner does with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Plain,
    Defers,
    /// It defers with a future whose drop panics.
    DefersBomb,
    SerializerFails,
    SerializerPanics,
    OnSendPanics,
    OnAcknowledgementPanics,
    PartitionerPanics,
    PartitionerErrs,
}

/// How the wait of a deferred serializer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    Finishes,
    Rejects,
    Panics,
    FinishPanics,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CloseTime {
    Zero,
    Short,
    Long,
    Max,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    Down,
    /// Every answer comes after an hour.
    Silent,
    /// Every answer comes so many milliseconds late.
    Late(u64),
    /// The next requests of a kind fail: the numbers of [`APIS`](super::profile::APIS) and [`ERRORS`](super::profile::ERRORS).
    Errors(usize, usize, usize),
}

impl Value {
    pub(super) fn letter(self) -> char {
        match self {
            Self::Plain => '.',
            Self::Defers => 'd',
            Self::DefersBomb => 'b',
            Self::SerializerFails => 'f',
            Self::SerializerPanics => 'p',
            Self::OnSendPanics => 's',
            Self::OnAcknowledgementPanics => 'a',
            Self::PartitionerPanics => 'q',
            Self::PartitionerErrs => 'e',
        }
    }
}
