//! A service that confirms orders: a customer's order is confirmed only after the brokers have acknowledged its event.

use std::time::Duration;

use ottla::{Producer, ProducerConfig, ProducerRecord};

/// The topic of the events. The customer is the key, so that the events of a customer stay in order.
pub const TOPIC: &str = "orders";

/// The service.
pub struct Orders {
    producer: Producer<str, str>,
}

impl Orders {
    /// Connects to the brokers at `bootstrap_servers` when the first order is placed.
    pub fn new(bootstrap_servers: &str) -> ottla::Result<Self> {
        let config = ProducerConfig::new().set("bootstrap.servers", bootstrap_servers)?;
        Ok(Self { producer: Producer::builder(config).build()? })
    }

    /// Places an order, and returns when it can be confirmed to the customer.
    pub async fn place(&self, customer: &str, article: &str) -> ottla::Result<()> {
        let record = ProducerRecord::to(TOPIC).key(customer).value(article).header("source", "web");
        self.producer.send_and_wait(record).await?;
        Ok(())
    }

    /// Waits for the orders in flight.
    pub async fn close(self) -> ottla::Result<()> {
        self.producer.close(Duration::from_secs(10)).await?;
        Ok(())
    }
}
