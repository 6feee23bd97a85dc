//! The service on a real Kafka in a container, which the test starts and removes. Needs a Docker daemon.

use std::error::Error;

use futures::StreamExt;
use orders::{Orders, TOPIC};
use ottla::{Consumer, ConsumerConfig};
use testcontainers_modules::{
    kafka::apache::{KAFKA_PORT, Kafka},
    testcontainers::{ImageExt, runners::AsyncRunner},
};

#[tokio::test]
async fn confirmed_orders_are_in_the_topic_in_order() -> Result<(), Box<dyn Error>> {
    let kafka = Kafka::default().with_jvm_image().with_tag("4.1.0").start().await?;
    let servers = format!("127.0.0.1:{}", kafka.get_host_port_ipv4(KAFKA_PORT).await?);

    let service = Orders::new(&servers)?;
    for article in ["apples", "pears", "plums"] {
        service.place("ada", article).await?;
    }
    service.close().await?;

    let config =
        ConsumerConfig::from_pairs([("bootstrap.servers", &*servers), ("group.id", "test"), ("auto.offset.reset", "earliest")])?;
    let mut consumer: Consumer<String, String> = Consumer::builder(config).build()?;
    consumer.subscribe([TOPIC]).await?;
    for article in ["apples", "pears", "plums"] {
        let record = consumer.next().await.ok_or("the consumer has ended")??;
        assert_eq!((record.key().as_str(), record.value().as_str()), ("ada", article));
    }
    Ok(())
}
