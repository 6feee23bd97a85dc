//! ottla's own settings, named `ottla.NAME`, which neither Java nor librdkafka has.

use super::super::value::{Range, Type};
use super::Setting;

/// Settings of a producer.
#[rustfmt::skip] // one setting per row
pub(super) static PRODUCER: &[Setting] = &[
    Setting::new("ottla.authentication.timeout.ms", Type::Long, "How long all brokers may reject a producer that has never been authenticated before its records fail.").milliseconds()
        .range_of(Range::AtLeast(0)).our_default("3000")
        .note_of("Measured from the first waiting record or call; later records have the same time again. With 0 they fail once every known broker has rejected the producer. With a time above delivery.timeout.ms, records fail after that, and other calls after max.block.ms. A producer that has been authenticated before always waits for those, because its credentials may be about to be renewed."),
];
