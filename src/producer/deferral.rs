//! [`Deferral`]: a record whose serializer waits, or that is behind such a record.

use std::sync::{Arc, Mutex, OnceLock};

use super::{
    deferrals::{Deferred, Place},
    pending_serialization::PendingSerialization,
    shared::lock,
};
use crate::{Error, native::Draft};

/// A record that waits for its serializer. Its draft's charge is what it takes of the room meanwhile.
pub(super) struct Deferral {
    pub(super) draft: Draft,
    pub(super) pending_serialization: PendingSerialization,
    pub(super) ticket: Arc<Ticket>,
}

/// What a waiting record and its [`Sending`](super::Sending) share.
pub(super) struct Ticket {
    pub(super) place: Place,
    /// Where it waits for its topic or partition, if it does.
    aside: OnceLock<Place>,
    /// Why it was refused.
    error: Mutex<Option<Error>>,
}

impl Ticket {
    pub(super) fn new(topic: Arc<str>) -> Self {
        Self { place: Place::new(topic), aside: OnceLock::new(), error: Mutex::default() }
    }

    /// Gives it a place where it waits for its topic or partition.
    pub(super) fn set_aside(&self, key: Arc<str>) -> &Place {
        self.aside.get_or_init(|| Place::new(key))
    }

    pub(super) fn place_aside(&self) -> Option<&Place> {
        self.aside.get()
    }

    /// Where it waits for its topic or partition.
    pub(super) fn aside(&self) -> &Place {
        self.aside.get().unwrap_or(&self.place)
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
