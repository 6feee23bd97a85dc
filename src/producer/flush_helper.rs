//! [`FlushHelper`]: what keeps librdkafka from lingering.
//!
//! `flush` calls `rd_kafka_flush` for its side effect: while it runs, librdkafka does not linger. It runs on a helper thread, in
//! slices of 100 ms; what ends the flush is the counts, not its return.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use super::shared::{Shared, lock};
use crate::{
    native::{Client, flush_now},
    panic::emit,
};

/// How long a call of [`flush_now`] lasts before who makes it looks whether it is still needed.
pub(super) const FLUSH_SLICE: Duration = Duration::from_millis(100);

/// The thread that calls `rd_kafka_flush`, while it is needed.
#[derive(Default)]
pub(super) struct FlushHelper {
    runs: bool,
    pub(super) thread: Option<JoinHandle<()>>,
}

impl Shared {
    /// Keeps librdkafka from lingering as long as a flush waits, or closing does.
    pub(super) fn hurry(self: &Arc<Self>, client: &Arc<Client>) {
        let mut helper = lock(&self.flush_helper);
        // It looks once more under this lock before it ends, and then sees what this call is for. One that nobody needs could outlive the
        // delivery thread, and librdkafka with it.
        if helper.runs || !self.is_in_a_hurry() {
            return;
        }
        let (shared, client) = (Arc::clone(self), Arc::clone(client));
        let spawned = thread::Builder::new().name("ottla-flush".to_owned()).spawn(move || {
            loop {
                flush_now(&client, FLUSH_SLICE);
                let mut helper = lock(&shared.flush_helper);
                if !shared.is_in_a_hurry() {
                    helper.runs = false;
                    return;
                }
            }
        });
        match spawned {
            Ok(thread) => *helper = FlushHelper { runs: true, thread: Some(thread) },
            // Without the helper records still go out, after linger.ms.
            Err(error) => {
                drop(helper);
                emit!(warn, %error, "no thread for a flush: it waits for linger.ms");
            }
        }
    }

    fn is_in_a_hurry(&self) -> bool {
        let waits = self.outstanding.is_flushing() || (self.outstanding.is_closed() && !self.outstanding.is_empty());
        // Without the delivery thread nothing that is outstanding is ever reported.
        waits && !self.ending.has_ended()
    }
}
