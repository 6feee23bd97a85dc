//! The natural calls of a service: `key` and `value` accept its types without a conversion, and the bytes arrive.
#![allow(clippy::needless_borrows_for_generic_args, reason = "borrowed values are among the calls that are tested")]

use std::{borrow::Cow, sync::Arc};

use ottla::{Producer, ProducerRecord, serialize::Json, testing::EmbeddedKafka};
use serde::Serialize;

use super::{config, kafka};
use crate::log;

#[derive(Clone, Serialize)]
struct Order {
    id: String,
    note: Option<String>,
}

fn order() -> Order {
    Order { id: "o-1".to_owned(), note: None }
}

const ORDER: &[u8] = br#"{"id":"o-1","note":null}"#;

/// The bytes of a key or a value; `None` for null.
type Bytes = Option<Vec<u8>>;

/// Key and value of each record, in the order of the only partition.
fn read(kafka: &EmbeddedKafka) -> Vec<(Bytes, Bytes)> {
    log::read(kafka.bootstrap_servers(), "orders").into_iter().map(|record| (record.key, record.value)).collect()
}

fn bytes(part: Option<&str>) -> Bytes {
    part.map(|text| text.as_bytes().to_vec())
}

#[tokio::test]
async fn strings_are_accepted() {
    let kafka = kafka(1);
    let producer: Producer<str, str> = Producer::builder(config(&kafka)).build().unwrap();
    // Like a spawned handler: it owns what it sends, or borrows it from its own data.
    let handler = {
        let producer = producer.clone();
        async move {
            let id = 7;
            let name = String::from("ann");
            let missing: Option<String> = None;
            let present = Some("nick".to_owned());
            let words = ["w1", "w2"];
            let mut sent = Vec::new();
            sent.push(producer.send(ProducerRecord::to("orders").key("k").value("literal")).await?);
            sent.push(
                producer.send(ProducerRecord::to("orders").key(format!("user-{id}")).value(format!("hello {name}"))).await?,
            );
            sent.push(producer.send(ProducerRecord::to("orders").key(&name).value(&name)).await?);
            sent.push(producer.send(ProducerRecord::to("orders").key(name.as_str()).value(&format!("hello {name}"))).await?);
            sent.push(producer.send(ProducerRecord::to("orders").key(missing.as_deref()).value(present.as_deref())).await?);
            sent.push(producer.send(ProducerRecord::to("orders").key(&missing).value(&present)).await?);
            sent.push(producer.send(ProducerRecord::to("orders").key(missing).value(present)).await?);
            sent.push(producer.send(ProducerRecord::to("orders").key(None::<&str>).value(Some("some"))).await?);
            sent.push(
                producer
                    .send(ProducerRecord::to("orders").key(Cow::Borrowed("cow")).value(Cow::<str>::Owned("ox".to_owned())))
                    .await?,
            );
            sent.push(
                producer.send(ProducerRecord::to("orders").key(Arc::<str>::from("arc")).value(&Arc::<str>::from("ref"))).await?,
            );
            for word in &words {
                sent.push(producer.send(ProducerRecord::to("orders").value(word)).await?);
            }
            for delivery in sent {
                delivery.await?;
            }
            Ok::<_, ottla::Error>(name)
        }
    };
    assert_eq!(tokio::spawn(handler).await.unwrap().unwrap(), "ann");
    let expected = [
        (Some("k"), Some("literal")),
        (Some("user-7"), Some("hello ann")),
        (Some("ann"), Some("ann")),
        (Some("ann"), Some("hello ann")),
        (None, Some("nick")),
        (None, Some("nick")),
        (None, Some("nick")),
        (None, Some("some")),
        (Some("cow"), Some("ox")),
        (Some("arc"), Some("ref")),
        (None, Some("w1")),
        (None, Some("w2")),
    ];
    assert_eq!(read(&kafka), expected.map(|(key, value)| (bytes(key), bytes(value))));
}

#[tokio::test]
async fn bytes_are_accepted() {
    let kafka = kafka(1);
    let producer: Producer<[u8], [u8]> = Producer::builder(config(&kafka)).build().unwrap();
    let image = vec![1_u8; 3];
    let id = [7_u8; 4];
    let text = "key".to_owned();
    let none: Option<Vec<u8>> = None;
    let mut sent = vec![
        producer.send(ProducerRecord::to("orders").key(&id).value(&image)).await.unwrap(),
        producer.send(ProducerRecord::to("orders").key(7_u32.to_be_bytes()).value(image.clone())).await.unwrap(),
        producer.send(ProducerRecord::to("orders").key(b"key").value(&image[1..])).await.unwrap(),
        producer.send(ProducerRecord::to("orders").key(&text).value(&none)).await.unwrap(),
        producer.send(ProducerRecord::to("orders").key("key").value(none)).await.unwrap(),
        producer.send(ProducerRecord::to("orders").key(text).value(Some(image))).await.unwrap(),
    ];
    #[cfg(feature = "bytes")]
    {
        let body = bytes::Bytes::from_static(b"body");
        sent.push(producer.send(ProducerRecord::to("orders").key(body.slice(..2)).value(&body)).await.unwrap());
        sent.push(producer.send(ProducerRecord::to("orders").value(Some(body))).await.unwrap());
    }
    for delivery in sent {
        delivery.await.unwrap();
    }
    let text = Some(b"key".to_vec());
    let mut expected = vec![
        (Some(vec![7; 4]), Some(vec![1; 3])),
        (Some(vec![0, 0, 0, 7]), Some(vec![1; 3])),
        (text.clone(), Some(vec![1; 2])),
        (text.clone(), None),
        (text.clone(), None),
        (text, Some(vec![1; 3])),
    ];
    if cfg!(feature = "bytes") {
        expected.push((bytes_of("bo"), bytes_of("body")));
        expected.push((None, bytes_of("body")));
    }
    assert_eq!(read(&kafka), expected);
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    bytes(Some(text))
}

#[tokio::test]
async fn structs_and_numbers_are_accepted_by_reference_and_by_value() {
    let kafka = kafka(1);
    let producer: Producer<i64, Order> = Producer::builder(config(&kafka)).value_serializer(Json::new()).build().unwrap();
    let (id, order) = (7_i64, order());
    let cached = Arc::new(order.clone());
    let gone: Option<Order> = None;
    let mut sent = vec![
        producer.send(ProducerRecord::to("orders").key(&id).value(&order)).await.unwrap(),
        producer.send(ProducerRecord::to("orders").key(id).value(order.clone())).await.unwrap(),
        producer.send(ProducerRecord::to("orders").key(7).value(&cached)).await.unwrap(),
        producer.send(ProducerRecord::to("orders").key(Some(7)).value(cached)).await.unwrap(),
        producer.send(ProducerRecord::to("orders").key(Some(id)).value(Box::new(order.clone()))).await.unwrap(),
        producer.send(ProducerRecord::to("orders").key(Some(&id)).value(&gone)).await.unwrap(),
        producer.send(ProducerRecord::to("orders").key(id).value(gone)).await.unwrap(),
    ];
    let last = order.clone();
    let orders = vec![order.clone(), order];
    let batch = orders.iter().map(|order| ProducerRecord::to("orders").key(7).value(order));
    assert_eq!(producer.send_all(batch).await.unwrap().await.unwrap().records(), 2);
    let owned = orders.into_iter().map(|order| ProducerRecord::to("orders").key(7).value(order));
    assert_eq!(producer.send_all(owned).await.unwrap().await.unwrap().records(), 2);
    for delivery in sent.drain(..) {
        delivery.await.unwrap();
    }
    let found = read(&kafka);
    assert_eq!(found.len(), 11);
    assert!(found.iter().all(|(key, _)| key.as_deref() == Some(&7_i64.to_be_bytes()[..])));
    let values: Vec<_> = found.iter().map(|(_, value)| value.as_deref()).collect();
    let mut expected = vec![Some(ORDER); 11];
    expected[5..7].fill(None);
    assert_eq!(values, expected);

    let keyless: Producer<(), Order> = Producer::builder(config(&kafka)).value_serializer(Json::new()).build().unwrap();
    let metadata = keyless.send_and_wait(ProducerRecord::to("orders").value(last)).await.unwrap();
    assert_eq!((metadata.serialized_key_size(), metadata.serialized_value_size()), (None, Some(ORDER.len())));
}
