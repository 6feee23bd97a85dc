//! [`UntypedConsumer`]: the part of a consumer without type parameters, dropped with it.

use std::{sync::Arc, time::Duration};

use super::consumer_state::ConsumerState;
use crate::{block_on::block_on_until, deadline::Deadline};

/// The part that does not depend on the types of key and value.
pub(super) struct UntypedConsumer {
    pub(super) state: Arc<ConsumerState>,
    pub(super) drop_timeout: Duration,
}

impl Drop for UntypedConsumer {
    fn drop(&mut self) {
        let ended = self.state.close();
        // On the polling thread the listener is dropping the consumer: do not wait for this thread.
        if self.drop_timeout.is_zero() || self.state.wakeup.is_polling_thread() {
            return;
        }
        let _ = block_on_until(ended, Deadline::after(self.drop_timeout));
    }
}
