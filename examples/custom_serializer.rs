//! How do I send my own type?
//!
//! A closure is enough to write bytes. The trait also sees the topic and the headers, and can write null.

use std::{error::Error, fmt, time::Duration};

use futures::executor::block_on;
use ottla::{
    ErrorKind, Producer, ProducerConfig, ProducerRecord, Serializer,
    serialize::{BoxError, SerializeContext, Serialized},
};

mod broker;

/// A measurement, or the removal of a sensor.
enum Reading {
    Celsius(f32),
    Removed,
}

/// Text with one decimal; null (a tombstone on a compacted topic) for a removed sensor.
struct ReadingSerializer;

impl Serializer<Reading> for ReadingSerializer {
    fn serialize(
        &self,
        reading: &Reading,
        context: &mut SerializeContext<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError> {
        match reading {
            Reading::Celsius(degrees) if degrees.is_finite() => {
                context.headers.push("unit", Some(b"celsius"));
                buffer.extend_from_slice(format!("{degrees:.1}").as_bytes());
                Ok(Serialized::Bytes)
            }
            Reading::Celsius(_) => Err("a temperature must be a finite number".into()),
            Reading::Removed => Ok(Serialized::Null),
        }
    }
}

fn main() -> ottla::Result<()> {
    let broker = broker::Broker::connect("temperatures")?;
    let producer: Producer<(u8, u8), Reading> = Producer::builder(broker.configure(ProducerConfig::new())?)
        .key_serializer(|(floor, room): &(u8, u8), buffer: &mut Vec<u8>| -> fmt::Result {
            buffer.extend_from_slice(&[*floor, *room]);
            Ok(())
        })
        .value_serializer(ReadingSerializer)
        .build()?;

    block_on(async {
        for reading in [Reading::Celsius(21.46), Reading::Removed, Reading::Celsius(f32::NAN)] {
            match producer.send(ProducerRecord::to("temperatures").key((2, 14)).value(&reading)).await {
                Ok(delivery) => println!("value of {:?} bytes", delivery.await?.serialized_value_size()),
                Err(error) if error.kind() == ErrorKind::Serialization => {
                    let cause = error.source().map(ToString::to_string).unwrap_or_default();
                    println!("refused: {error}: {cause}");
                }
                Err(error) => return Err(error),
            }
        }
        producer.close(Duration::from_secs(10)).await.map(drop)
    })
}
