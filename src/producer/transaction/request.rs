//! [`Call`]: a call for the transaction thread, and [`Waiter`]: a caller that waits for it.

use std::{
    fmt, mem,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::channel::oneshot;

use super::{offsets::NativeOffsets, open::Open};
use crate::{Error, deadline::Deadline, native::GroupMember, panic::answer};

/// A call into librdkafka. The number is that of the transaction.
#[derive(PartialEq)]
pub(super) enum Call {
    Init,
    Begin,
    SendOffsets(u64, NativeOffsets, GroupMember),
    Commit(u64),
    Abort(u64),
}

/// A call and its waiters.
pub(super) struct Request {
    pub(super) call: Arc<Call>,
    pub(super) waiters: Vec<Waiter>,
    /// The result of the last attempt.
    pub(super) last: Option<Last>,
}

/// Why an attempt is repeated. `what` is the reason, if it is known.
#[derive(Debug, Clone)]
pub(super) struct Last {
    pub(super) what: Option<String>,
    /// The code, if another attempt is expected to fail the same.
    pub(super) permanent: Option<i32>,
}

/// A caller that waits for the end of a call. The reply to `Call::Begin` contains the new transaction.
pub(super) struct Waiter {
    pub(super) reply: oneshot::Sender<Reply>,
    pub(super) timeout: CallTimeout,
    pub(super) deadline: Deadline,
}

/// How long a caller waits.
#[derive(Debug, Clone, Copy)]
pub(super) enum CallTimeout {
    MaxBlock(Duration),
    /// The argument of the call.
    Argument(Duration),
}

pub(super) type Reply = Result<Option<Open>, Error>;

impl Call {
    /// Its name in errors.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Init => "init_transactions",
            Self::Begin => "begin_transaction",
            Self::SendOffsets(..) => "send_offsets",
            Self::Commit(_) => "commit",
            Self::Abort(_) => "abort",
        }
    }

    /// Whether it continues without waiters.
    pub(super) fn continues_without_waiters(&self) -> bool {
        matches!(self, Self::SendOffsets(..) | Self::Commit(_) | Self::Abort(_))
    }

    /// Whether it ends its transaction, which then accepts no more records.
    pub(super) fn ends(&self) -> bool {
        matches!(self, Self::Commit(_) | Self::Abort(_))
    }

    /// The other call that ends the transaction. Whichever is queued first excludes the other.
    pub(super) fn opposite(&self) -> Option<Self> {
        match self {
            Self::Commit(number) => Some(Self::Abort(*number)),
            Self::Abort(number) => Some(Self::Commit(*number)),
            _ => None,
        }
    }
}

impl Request {
    pub(super) fn new(call: Call, waiters: Vec<Waiter>) -> Self {
        Self { call: Arc::new(call), waiters, last: None }
    }

    /// Removes the waiters whose deadline has passed.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Waiter> {
        let (over, left) = mem::take(&mut self.waiters).into_iter().partition(|waiter| waiter.deadline.is_over(now));
        self.waiters = left;
        over
    }
}

impl CallTimeout {
    pub(super) fn duration(self) -> Duration {
        match self {
            Self::MaxBlock(duration) | Self::Argument(duration) => duration,
        }
    }
}

/// Its name and value, for errors.
impl fmt::Display for CallTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxBlock(duration) => write!(f, "max.block.ms ({} ms)", duration.as_millis()),
            Self::Argument(duration) => write!(f, "the timeout of the call ({duration:?})"),
        }
    }
}

impl Waiter {
    /// Sends the reply and wakes the task; not to be called under a lock. Returns whether the caller still waited.
    pub(super) fn answer(self, reply: Reply) -> bool {
        answer(self.reply, reply).is_ok()
    }
}
