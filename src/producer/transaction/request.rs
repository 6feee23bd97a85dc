//! [`Call`]: what the transaction thread is asked to do; [`Waiter`]: who waits for it.

use std::{mem, sync::Arc, time::Instant};

use futures::channel::oneshot;

use super::{offsets::NativeOffsets, open::Open};
use crate::{Error, deadline::Deadline, native::GroupMember, panic::answer};

/// A call into librdkafka, for the transaction of this number.
#[derive(PartialEq)]
pub(super) enum Call {
    Init,
    Begin,
    SendOffsets(u64, NativeOffsets, GroupMember),
    Commit(u64),
    Abort(u64),
}

/// A call and those who wait for it.
pub(super) struct Request {
    pub(super) call: Arc<Call>,
    pub(super) waiters: Vec<Waiter>,
    /// What the last attempt met with.
    pub(super) last: Option<Last>,
}

/// Why an attempt is made again; `what` is `None` if nothing is known of the reason.
#[derive(Debug, Clone)]
pub(super) struct Last {
    pub(super) what: Option<String>,
    /// The code, if another attempt is not expected to bring anything else.
    pub(super) permanent: Option<i32>,
}

/// Who waits for a call to end, and until when. A transaction that begins is the answer to `Call::Begin`.
pub(super) struct Waiter {
    pub(super) reply: oneshot::Sender<Reply>,
    pub(super) deadline: Deadline,
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

    /// Whether it goes on when nobody waits for it any more.
    pub(super) fn goes_on(&self) -> bool {
        matches!(self, Self::SendOffsets(..) | Self::Commit(_) | Self::Abort(_))
    }

    /// Whether it ends its transaction, which takes no more records from then on.
    pub(super) fn ends(&self) -> bool {
        matches!(self, Self::Commit(_) | Self::Abort(_))
    }

    /// The end of the same transaction that excludes this one, once it has been asked for.
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

    /// Takes out those whose time is over.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Waiter> {
        let (over, left) = mem::take(&mut self.waiters).into_iter().partition(|waiter| waiter.deadline.is_over(now));
        self.waiters = left;
        over
    }
}

impl Waiter {
    /// Answers it, and wakes its task: not under a lock. Whether it still waited.
    pub(super) fn answer(self, reply: Reply) -> bool {
        answer(self.reply, reply).is_ok()
    }
}
