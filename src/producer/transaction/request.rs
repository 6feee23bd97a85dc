//! [`Request`]: what the transaction thread is asked to do.

use std::{mem, time::Instant};

use futures::channel::oneshot;

use super::{offsets::NativeOffsets, transactions::Open};
use crate::{Error, native::GroupMember};

/// A call of librdkafka's, for the transaction of this number.
pub(super) enum Call {
    Init,
    Begin,
    SendOffsets(u64, NativeOffsets, GroupMember),
    Commit(u64),
    Abort(u64),
}

/// A call and those who wait for it.
pub(super) struct Request {
    pub(super) call: Call,
    pub(super) waiters: Vec<Waiter>,
}

/// Who waits for a call to end, and until when. A transaction that begins is the answer to `Call::Begin`.
pub(super) struct Waiter {
    pub(super) reply: oneshot::Sender<Result<Option<Open>, Error>>,
    pub(super) deadline: Option<Instant>,
}

impl Call {
    /// As it stands in errors.
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
        matches!(self, Self::Commit(_) | Self::Abort(_))
    }

    /// Whether who asks for the other may as well wait for this.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Init, Self::Init) => true,
            (Self::Commit(one), Self::Commit(other)) | (Self::Abort(one), Self::Abort(other)) => one == other,
            _ => false,
        }
    }
}

impl Request {
    /// Tells all who wait that it failed; whether anybody heard.
    pub(super) fn fail(&mut self, error: impl Fn(&Call) -> Error) -> bool {
        let Self { call, waiters } = self;
        let heard = waiters.drain(..).map(|waiter| waiter.reply.send(Err(error(call))).is_ok());
        heard.filter(|&heard| heard).count() > 0
    }

    /// Tells all who wait that it is done; whether anybody heard.
    pub(super) fn done(&mut self) -> bool {
        let heard = self.waiters.drain(..).map(|waiter| waiter.reply.send(Ok(None)).is_ok());
        heard.filter(|&heard| heard).count() > 0
    }

    /// Takes out those whose time is over, each with what it is to be told.
    pub(super) fn expired(&mut self, now: Instant, error: impl Fn(&Call) -> Error) -> Vec<(Waiter, Error)> {
        let is_over = |waiter: &Waiter| waiter.deadline.is_some_and(|deadline| deadline <= now);
        let (over, left) = mem::take(&mut self.waiters).into_iter().partition(is_over);
        self.waiters = left;
        let over: Vec<Waiter> = over;
        over.into_iter().map(|waiter| (waiter, error(&self.call))).collect()
    }
}
