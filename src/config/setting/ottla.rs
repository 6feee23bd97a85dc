//! The rows of ottla's own settings, for what neither Java nor librdkafka has a name: `ottla.NAME`.

use super::super::value::{Range, Type};
use super::Setting;

/// Those of a producer.
#[rustfmt::skip] // a row is read as a row
pub(super) static PRODUCER: &[Setting] = &[
    Setting::new("ottla.authentication.timeout.ms", Type::Long, "How long all brokers may refuse the login of a producer that was never logged in before its records fail.").milliseconds()
        .range_of(Range::AtLeast(0)).our_default("3000")
        .note_of("Counted from the first record or call that waits. What is sent later has as long again. With 0 they fail once every known broker has refused; a time above delivery.timeout.ms leaves records to that, and other calls to max.block.ms. A producer that was logged in before waits for these in any case, since its credentials may be about to change."),
];
