//! How do I test code that sends? `cargo test --features testing --example testing` runs the tests below.

use futures::executor::block_on;
use ottla::{
    Produce, Producer, ProducerConfig, ProducerRecord,
    testing::{EmbeddedKafka, MockProducer},
};

/// The code under test. It takes any producer: a real one, or a mock.
async fn place(orders: &impl Produce<str, str>, ids: &[&str]) -> ottla::Result<Vec<String>> {
    let mut deliveries = Vec::new();
    for &id in ids {
        let record = ProducerRecord::to("orders").key(id).value("placed").header("source", "checkout");
        deliveries.push((id, orders.send(record).await?));
    }
    let mut again = Vec::new();
    for (id, delivery) in deliveries {
        match delivery.await {
            Ok(_) => {}
            Err(error) if error.is_retriable() => again.push(id.to_owned()),
            Err(error) => return Err(error),
        }
    }
    Ok(again)
}

fn main() -> ottla::Result<()> {
    let mock: MockProducer<str, str> = MockProducer::builder().topic("orders", 6).build()?;
    block_on(place(&mock, &["o-1", "o-2"]))?;
    for record in mock.history() {
        println!(
            "without brokers: {} to partition {}",
            String::from_utf8_lossy(record.key().unwrap_or_default()),
            record.partition()
        );
    }

    let kafka = EmbeddedKafka::builder().topic("orders", 6).start()?;
    let config = ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers())?;
    let producer: Producer<str, str> = Producer::builder(config).build()?;
    let again = block_on(place(&producer, &["o-1", "o-2"]))?;
    println!("with a broker: {} to be placed again", again.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, join};
    use ottla::{
        ErrorKind, Persistence,
        testing::{ApiKey, BrokerError, ErrorBuilder, MockCall},
    };

    #[test]
    fn every_order_is_sent_with_its_source() {
        let orders: MockProducer<str, str> = MockProducer::builder().build().unwrap();
        assert!(block_on(place(&orders, &["o-1", "o-2"])).unwrap().is_empty());
        let sent = orders.history();
        assert_eq!(sent.iter().map(|order| order.key().unwrap()).collect::<Vec<_>>(), [b"o-1", b"o-2"]);
        assert!(sent.iter().all(|order| order.headers().last("source").unwrap().value() == Some(b"checkout")));
    }

    #[test]
    fn retriable_failures_are_placed_again() {
        let orders: MockProducer<str, str> = MockProducer::builder().auto_complete(false).build().unwrap();
        // The first poll of the function has sent all records; then the test decides their results.
        let answer = async {
            assert!(orders.complete_next());
            assert!(orders.error_next(BrokerError::NOT_ENOUGH_REPLICAS, Persistence::NotPersisted));
        };
        let (again, ()) = block_on(async { join!(place(&orders, &["o-1", "o-2"]), answer) });
        assert_eq!(again.unwrap(), ["o-2"]);
    }

    #[test]
    fn a_full_buffer_is_returned_to_the_caller() {
        let orders: MockProducer<str, str> = MockProducer::builder().build().unwrap();
        orders.set_error(MockCall::Send, ErrorBuilder::new(ErrorKind::BufferTimeout).build());
        let refused = place(&orders, &["o-1"]).now_or_never().unwrap().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::BufferTimeout);
    }

    #[test]
    fn a_moving_leader_loses_no_order() {
        let kafka = EmbeddedKafka::builder().brokers(3).topic("orders", 6).start().unwrap();
        let config = ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers()).unwrap();
        let producer: Producer<str, str> = Producer::builder(config).build().unwrap();
        kafka.fail_next(ApiKey::Produce, &[BrokerError::NOT_LEADER_OR_FOLLOWER]).unwrap();
        assert!(block_on(place(&producer, &["o-1", "o-2", "o-3"])).unwrap().is_empty());
    }
}
