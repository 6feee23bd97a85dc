//! [`Throttle`]: throttling by a broker.

use std::{fmt, time::Duration};

use crate::{
    native::{Contained, Throttled},
    panic::{contain, emit},
};

/// A broker throttles this producer because of a quota (KIP-219): the argument of
/// [`ProducerBuilder::on_throttle`](crate::ProducerBuilder::on_throttle).
///
/// librdkafka reports the throttling of produce requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttle(Throttled);

impl Throttle {
    /// The broker's id.
    pub fn node_id(&self) -> i32 {
        self.0.node_id
    }

    /// The broker's host and port.
    pub fn broker(&self) -> &str {
        &self.0.broker
    }

    /// How long the broker accepts nothing more from this producer; zero when the throttling has ended.
    pub fn time(&self) -> Duration {
        self.0.time
    }
}

type Listener = dyn Fn(&Throttle) + Send + Sync;

/// The throttling callback, if there is one.
#[derive(Default)]
pub(in crate::producer) struct OnThrottle(Option<Contained<Box<Listener>>>);

impl OnThrottle {
    pub(in crate::producer) fn new(listener: impl Fn(&Throttle) + Send + Sync + 'static) -> Self {
        Self(Some(Contained::new(Box::new(listener))))
    }

    /// Logs the throttling and calls the callback.
    pub(in crate::producer) fn tell(&self, throttled: Throttled) {
        let Throttled { broker, node_id, time } = &throttled;
        emit!(debug, %broker, node_id, ?time, "the broker throttles this producer");
        let Some(listener) = &self.0 else { return };
        if let Err(panic) = contain(|| listener(&Throttle(throttled))) {
            emit!(error, %panic, "the callback of on_throttle panicked");
        }
    }
}

impl fmt::Debug for OnThrottle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "OnThrottle(..)" } else { "OnThrottle" })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn the_callback_is_called_and_may_panic() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        let on_throttle = OnThrottle::new(move |throttle| {
            hears.lock().unwrap().push((throttle.node_id(), throttle.broker().to_owned(), throttle.time()));
            assert!(throttle.time().is_zero(), "no");
        });
        let told = |time| Throttled { broker: "b:1".to_owned(), node_id: 2, time: Duration::from_millis(time) };
        on_throttle.tell(told(7));
        on_throttle.tell(told(0));
        OnThrottle::default().tell(told(7));
        let expected = |time| (2, "b:1".to_owned(), Duration::from_millis(time));
        assert_eq!(*heard.lock().unwrap(), [expected(7), expected(0)]);
    }
}
