//! `batch.size` within the topic's `max.message.bytes`: a batch above it is refused whole, and librdkafka does not know it.

use ottla::{Producer, ProducerConfig, config::settings};

const BATCH_SIZE: &str = "batch.size";

/// The greatest batch that the topic takes, if that is less than the default of `batch.size` and the user has not set that. `None` also where the
/// brokers do not tell it: without the right to describe the topic, and from an old or an embedded broker.
pub(crate) async fn lowered(config: &ProducerConfig, producer: &Producer<[u8], [u8]>, topic: &str) -> Option<usize> {
    if config.get(BATCH_SIZE).is_some() || config.get("librdkafka.batch.size").is_some() {
        return None;
    }
    let default: usize = settings().find(|setting| setting.name() == BATCH_SIZE)?.default()?.parse().ok()?;
    producer.max_message_bytes(topic).await.ok().filter(|limit| *limit < default)
}
