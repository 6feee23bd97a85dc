//! [`Listeners`]: interceptors, delivery callbacks and the throttling callback.

use std::sync::Arc;

use super::{hooks::Hooks, throttle::OnThrottle};
use crate::{
    Error,
    delivery::report,
    intercept::{Acknowledge, Acknowledgement},
    native::{Audience, Callback, Contained, Outcome, PreparedRecord, RecordView},
    panic::{contain, emit},
};

/// A producer's interceptors and its throttling callback.
pub(crate) struct Listeners {
    interceptors: Option<Arc<dyn Acknowledge>>,
    pub(in crate::producer) on_throttle: OnThrottle,
    pub(in crate::producer) hooks: Hooks,
    pub(in crate::producer) returns_records: bool,
}

impl Listeners {
    pub(crate) fn new(interceptors: Option<Arc<dyn Acknowledge>>) -> Self {
        Self { interceptors, on_throttle: OnThrottle::default(), hooks: Hooks::default(), returns_records: false }
    }

    /// Reports a record that failed before it was accepted to the interceptors.
    ///
    /// The topic is an argument, because the prepared record may still contain that of an earlier record.
    pub(crate) fn tell_refused(&self, topic: &str, record: &PreparedRecord, error: &Error) {
        if let Some(chain) = &self.interceptors {
            chain.acknowledge(&Acknowledgement {
                topic,
                partition: record.partition.filter(|&partition| partition >= 0),
                headers: &record.headers,
                result: Err(error),
            });
        }
    }
}

impl Audience for Listeners {
    fn observes_reports(&self) -> bool {
        self.interceptors.is_some()
    }

    fn returns_records(&self) -> bool {
        self.returns_records
    }

    fn on_report(&self, view: &RecordView<'_>, outcome: &Outcome) {
        let (Some(chain), Some(topic)) = (&self.interceptors, view.topic) else { return };
        let report = report(view, outcome);
        chain.acknowledge(&Acknowledgement {
            topic: topic.name(),
            partition: (outcome.partition >= 0).then_some(outcome.partition),
            headers: view.headers,
            result: report.as_ref(),
        });
    }

    fn call_back(&self, callback: Contained<Callback>, view: &RecordView<'_>, outcome: &Outcome) {
        if let Err(panic) = contain(|| callback.into_inner().call(view, outcome)) {
            let topic = view.topic.map(|topic| &**topic.name());
            emit!(error, topic, %panic, "a delivery callback panicked");
        }
    }
}
