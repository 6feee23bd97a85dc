//! How do I send Avro with a schema registry?
//!
//! The first record registers the type's schema; each record carries only the schema id. The registry runs inside this process,
//! unless `SCHEMA_REGISTRY_URL` names another one.

use std::{env, time::Duration};

use futures::executor::block_on;
use ottla::{
    Headers, Producer, ProducerConfig, ProducerRecord,
    serialize::{BoxError, DeserializeContext, Deserializer, SerializeContext, Serializer},
};
use ottla_schema_registry::{Avro, SchemaRegistry, SchemaRegistryConfig, apache_avro, testing::EmbeddedRegistry};

#[path = "../../../examples/broker/mod.rs"]
mod broker;

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, apache_avro::AvroSchema)]
#[avro(namespace = "shop")]
struct Order {
    id: String,
    quantity: i32,
    note: Option<String>,
}

fn main() -> Result<(), BoxError> {
    let embedded = EmbeddedRegistry::start()?;
    let url = env::var("SCHEMA_REGISTRY_URL").unwrap_or_else(|_| embedded.url().to_owned());
    let registry = SchemaRegistry::new(&SchemaRegistryConfig::new().set("schema.registry.url", url)?)?;

    let broker = broker::Broker::connect("orders-in-avro")?;
    let producer: Producer<str, Order> =
        Producer::builder(broker.configure(ProducerConfig::new())?).value_serializer(Avro::<Order>::new(&registry)).build()?;

    block_on(async {
        for quantity in 1..=3 {
            let order = Order { id: format!("o-{quantity}"), quantity, note: (quantity == 2).then(|| "a gift".to_owned()) };
            let delivery = producer.send(ProducerRecord::to("orders-in-avro").key("k").value(&order)).await?;
            println!("{}: {} bytes", order.id, delivery.await?.serialized_value_size().unwrap_or_default());
        }
        producer.close(Duration::from_secs(10)).await
    })?;

    let latest = registry.latest("orders-in-avro-value").wait()?;
    println!("version {}: {}", latest.version().unwrap_or_default(), latest.schema().text());

    // A consumer finds the writer's schema by the id in the record.
    let (avro, mut headers, mut bytes) = (Avro::<Order>::new(&registry), Headers::new(), Vec::new());
    let order = Order { id: "o-4".to_owned(), quantity: 4, note: None };
    avro.serialize(&order, &mut SerializeContext::new("orders-in-avro", &mut headers, false), &mut bytes)?;
    let read: Order = avro.deserialize(Some(&bytes), &DeserializeContext::new("orders-in-avro", &headers, false))?;
    println!("read back: {}", read == order);
    Ok(())
}
