//! [`Deferral`]: a record that waits for its serializer, or behind such a record.

use std::sync::{Arc, Mutex, OnceLock};

use super::{deferrals::Deferred, place::Place};
use crate::{Error, lock::lock, native::Draft, producer::prepare::pending_serialization::PendingSerialization};

/// A record that waits for its serializer. Its draft's charge is the `buffer.memory` that it uses meanwhile.
pub(in crate::producer) struct Deferral {
    pub(in crate::producer) draft: Draft,
    pub(in crate::producer) pending_serialization: PendingSerialization,
    pub(in crate::producer) ticket: Arc<Ticket>,
}

/// The state that a waiting record and its [`Sending`](crate::producer::Sending) share.
pub(in crate::producer) struct Ticket {
    pub(in crate::producer) place: Place,
    /// The place while it waits for its topic or partition.
    aside: OnceLock<Place>,
    /// Why it was rejected.
    error: Mutex<Option<Error>>,
}

impl Ticket {
    pub(in crate::producer) fn new(topic: Arc<str>) -> Self {
        Self { place: Place::new(topic), aside: OnceLock::new(), error: Mutex::default() }
    }

    /// Sets the place while it waits for its topic or partition.
    pub(in crate::producer) fn set_aside(&self, key: Arc<str>) -> &Place {
        self.aside.get_or_init(|| Place::new(key))
    }

    pub(in crate::producer) fn place_aside(&self) -> Option<&Place> {
        self.aside.get()
    }

    /// The place while it waits for its topic or partition; the place in the deferrals without one.
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
