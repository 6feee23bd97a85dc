//! [`Deferral`]: a record whose serializer waits, or that is behind such a record.

use std::sync::{Arc, Mutex};

use super::{
    deferrals::{Deferred, Place},
    shared::lock,
    unfinished::Unfinished,
};
use crate::{Error, native::Draft};

/// A record that waits for its serializer. Its draft's charge is what it takes of the room meanwhile.
pub(super) struct Deferral {
    pub(super) draft: Draft,
    pub(super) unfinished: Unfinished,
    pub(super) ticket: Arc<Ticket>,
}

/// What a waiting record and its [`Sending`](super::Sending) share.
pub(super) struct Ticket {
    pub(super) place: Place,
    /// Why it was refused.
    error: Mutex<Option<Error>>,
}

impl Ticket {
    pub(super) fn new(topic: Arc<str>) -> Self {
        Self { place: Place::new(topic), error: Mutex::default() }
    }

    pub(super) fn refuse(&self, error: Error) {
        *lock(&self.error) = Some(error);
    }

    pub(super) fn take_error(&self) -> Option<Error> {
        lock(&self.error).take()
    }
}

impl Deferred for Box<Deferral> {
    fn place(&self) -> &Place {
        &self.ticket.place
    }
}
