//! The steps of a case as data, which can be generated, shrunk and printed.

/// A case: the settings of the producers, and the steps. Steps select objects by number, so that a case is still valid without some of its
/// steps.
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
    /// Whether an interceptor records what is sent and reported.
    pub(super) observed: bool,
    /// Whether the value's serializer may defer.
    pub(super) may_defer: bool,
    /// Whether there is a custom partitioner.
    pub(super) partitioner: bool,
    /// `drop_timeout`; `u64::MAX` is `Duration::MAX`.
    pub(super) drop_timeout_ms: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Sends a record. If this returns a future, it is polled once and stored.
    Send(Way, Spec),
    /// Sends a record and awaits its report on an executor that runs its task inside `wake`.
    Run(Spec, Then),
    SendAll(Vec<Spec>),
    SinkSend(Spec),
    SinkFlush,
    SinkClose,
    /// Polls a stored future once.
    Poll(usize),
    /// Blocks until a stored future ends.
    Await(usize),
    /// Drops a stored future.
    Cancel(usize),
    Flush(How),
    /// Releases a deferred serializer.
    Release(usize, Release),
    ReleaseAll(Release),
    /// Releases blocked callbacks.
    Unblock,
    Clone,
    DropHandle,
    /// Drops all handles.
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
    /// Commits, and follows the flags of errors until the transaction has ended.
    CommitByFlags,
    /// The same after `send_offsets`.
    SendOffsetsByFlags,
}

/// A way to send one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// `send`, and await the report.
    Future,
    /// `send`, and drop the delivery.
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

/// The action of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callback {
    Nothing,
    Panics,
    /// Blocks until the test releases it.
    Blocks,
    TrySends,
    /// Sends, and drops the future.
    Sends,
    /// Holds a value that panics in its drop.
    Bomb,
    /// Holds a handle of the producer.
    Handle,
}

/// The action of a task when its record is reported, inside `wake`.
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
    /// The future is polled once and stored.
    Start,
    /// An executor that runs its task inside `wake` awaits it.
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
    /// Whether the topic has the record's partition, if it names one.
    pub(super) fn has_place(self) -> bool {
        let partitions = if self.topic == Topic::Payments { 1 } else { 3 };
        !matches!(self.place, Place::Partition(partition) if partition >= partitions)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// Three partitions, known before the first step.
    Orders,
    /// One partition, unknown at first.
    Payments,
    /// The name is invalid.
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

/// The action of the serializer, an interceptor or the partitioner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Plain,
    Defers,
    /// Defers with a future that panics in its drop.
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
    /// All responses are delayed by an hour.
    Silent,
    /// All responses are delayed by this many milliseconds.
    Late(u64),
    /// The next requests of a kind fail: indexes of [`APIS`](super::profile::APIS) and [`ERRORS`](super::profile::ERRORS).
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
