//! [`SendAndWait`]: sends a record without `linger.ms` and waits for its report.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use crate::{
    Delivery, Error, RecordMetadata,
    producer::{Sending, delivery::flush_helper::Hurry, untyped_producer::UntypedProducer},
};

/// The future of a record's report. Created by [`Producer::send_and_wait`](crate::Producer::send_and_wait).
///
/// Dropping it cancels the record unless it has been accepted, like [`Sending`].
#[must_use = "await this to know whether the record was delivered"]
pub struct SendAndWait {
    untyped: Arc<UntypedProducer>,
    state: State,
}

enum State {
    /// With a [`Hurry`] once it has to wait, because it may wait behind records that linger.
    Accepting(Sending, Option<Hurry>),
    /// Sent, with a [`Hurry`] until the report.
    Accepted {
        delivery: Delivery,
        _hurry: Hurry,
    },
    Done,
}

impl SendAndWait {
    pub(in crate::producer) fn new(untyped: &Arc<UntypedProducer>, sending: Sending) -> Self {
        Self { untyped: Arc::clone(untyped), state: State::Accepting(sending, None) }
    }
}

impl Future for SendAndWait {
    type Output = Result<RecordMetadata, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let result = match &mut this.state {
                State::Accepting(sending, hurry) => match Pin::new(sending).poll(context) {
                    Poll::Pending => {
                        hurry.get_or_insert_with(|| this.untyped.hurry());
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(delivery)) => {
                        let hurry = hurry.take().unwrap_or_else(|| this.untyped.hurry());
                        this.state = State::Accepted { delivery, _hurry: hurry };
                        continue;
                    }
                    Poll::Ready(Err(error)) => Err(error),
                },
                State::Accepted { delivery, .. } => ready!(Pin::new(delivery).poll(context)),
                State::Done => return Poll::Pending,
            };
            this.state = State::Done;
            return Poll::Ready(result);
        }
    }
}

impl fmt::Debug for SendAndWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Accepting(..) => "SendAndWait(waiting to be accepted)",
            State::Accepted { .. } => "SendAndWait(accepted)",
            State::Done => "SendAndWait(done)",
        })
    }
}
