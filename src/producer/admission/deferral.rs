//! [`Deferral`]: a record whose serializer waits, or that is behind such a record.

use std::sync::{Arc, Mutex, OnceLock};

use super::deferrals::{Deferred, Place};
use crate::{Error, lock::lock, native::Draft, producer::prepare::pending_serialization::PendingSerialization};

/// A record that waits for its serializer. Its draft's charge is what it takes of the room meanwhile.
pub(in crate::producer) struct Deferral {
    pub(in crate::producer) draft: Draft,
    pub(in crate::producer) pending_serialization: PendingSerialization,
    pub(in crate::producer) ticket: Arc<Ticket>,
}

/// What a waiting record and its [`Sending`](crate::producer::Sending) share.
pub(in crate::producer) struct Ticket {
    pub(in crate::producer) place: Place,
    /// Where it waits for its topic or partition, if it does.
    aside: OnceLock<Place>,
    /// Why it was refused.
    error: Mutex<Option<Error>>,
}

impl Ticket {
    pub(in crate::producer) fn new(topic: Arc<str>) -> Self {
        Self { place: Place::new(topic), aside: OnceLock::new(), error: Mutex::default() }
    }

    /// Gives it a place where it waits for its topic or partition.
    pub(in crate::producer) fn set_aside(&self, key: Arc<str>) -> &Place {
        self.aside.get_or_init(|| Place::new(key))
    }

    pub(in crate::producer) fn place_aside(&self) -> Option<&Place> {
        self.aside.get()
    }

    /// Where it waits for its topic or partition.
    pub(in crate::producer) fn aside(&self) -> &Place {
        self.aside.get().unwrap_or(&self.place)
    }

    pub(in crate::producer) fn refuse(&self, error: Error) {
        *lock(&self.error) = Some(error);
    }

    pub(in crate::producer) fn take_error(&self) -> Option<Error> {
        lock(&self.error).take()
    }
}

impl Deferred for Box<Deferral> {
    fn place(&self) -> &Place {
        &self.ticket.place
    }
}
