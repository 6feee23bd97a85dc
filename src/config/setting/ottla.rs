//! ottla's own settings, named `ottla.NAME`, which neither Java nor librdkafka has.

use super::super::value::{Range, Type};
use super::Setting;

/// Settings of a producer.
#[rustfmt::skip] // one setting per row
pub(super) static PRODUCER: &[Setting] = &[
    Setting::new("ottla.authentication.timeout.ms", Type::Long, "How long all brokers may reject a producer that has never been authenticated before its records fail.").milliseconds()
        .range_of(Range::AtLeast(0)).our_default("3000")
        .note_of("Measured from the first waiting record or call; later records have the same time again. With 0 they fail once every known broker has rejected the producer. Records never wait longer than delivery.timeout.ms, and other calls never longer than max.block.ms. These are the only limits for a producer that has been authenticated before, because its credentials may be about to be renewed."),
];
