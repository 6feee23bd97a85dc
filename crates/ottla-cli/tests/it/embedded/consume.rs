//! `ottla consume`.

use std::io::{BufRead as _, BufReader};

use futures::executor::block_on;
use ottla::{Producer, ProducerRecord, testing::BrokerError};
use serde_json::{Value, json};

use super::{Place, kill};
use crate::{
    arguments,
    command::{Start as _, command, end, run},
};

type Bytes<'a> = Option<&'a [u8]>;

/// Sends keys and values in order.
fn send(place: &Place, records: &[(Bytes<'_>, Bytes<'_>)]) {
    let producer: Producer<[u8], [u8]> = Producer::builder(ottla_test_support::embedded::config(&place.kafka)).build().unwrap();
    block_on(async {
        for (key, value) in records {
            let mut record = ProducerRecord::to("orders").header("source", "test").timestamp(17);
            if let Some(key) = key {
                record = record.key(*key);
            }
            if let Some(value) = value {
                record = record.value(*value);
            }
            producer.send(record).await.unwrap().await.unwrap();
        }
    });
}

fn consume(place: &Place, more: &[&str]) -> Vec<std::ffi::OsString> {
    let config = place.config("consumer.properties", "max.block.ms=5000\n");
    arguments!["consume", "-c", config, "--topic", "orders"].into_iter().chain(more.iter().map(Into::into)).collect()
}

#[test]
fn records_are_json_lines() {
    let place = Place::new(1);
    send(&place, &[(Some(b"k"), Some(b"one")), (None, Some(b"\xff")), (Some(b""), None)]);
    let ended = run(consume(&place, &["--from-beginning", "--max", "3"])).with(0);
    let records: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        records[0],
        json!({"topic": "orders", "partition": 0, "offset": 0, "timestamp": 17, "key": "k", "value": "one",
               "headers": [{"key": "source", "value": "test"}]})
    );
    assert_eq!(
        (&records[1]["key"], &records[1]["value"], &records[1]["value_encoding"]),
        (&Value::Null, &json!("/w=="), &json!("base64"))
    );
    assert_eq!((&records[2]["key"], &records[2]["value"]), (&json!(""), &Value::Null));
    assert_eq!(ended.stderr, "");
}

#[test]
fn lines_are_values_and_idle_ends() {
    let place = Place::new(3);
    send(&place, &[(Some(b"k"), Some(b"one")), (Some(b"k"), Some(b"two"))]);
    let ended = run(consume(&place, &["--from-beginning", "--idle", "1", "--format", "lines"])).with(0);
    assert_eq!(ended.stdout, "one\ntwo\n");
}

#[test]
fn producer_settings_without_effect_are_reported() {
    let place = Place::new(1);
    send(&place, &[(None, Some(b"one"))]);
    let arguments = consume(&place, &["--from-beginning", "--max", "1", "--set", "linger.ms=5", "--set", "client.id=me"]);
    let ended = run(arguments).with(0).saying(&["these settings have no effect on consuming: linger.ms"]);
    assert!(!ended.stderr.contains("client.id") && !ended.stderr.contains("bootstrap"), "{}", ended.stderr);
}

#[test]
fn consumer_settings_override_producer_settings() {
    let place = Place::new(1);
    send(&place, &[(None, Some(b"one"))]);
    let text = "[producer]\nbootstrap.servers = \"127.0.0.1:1\"\n[consumer]\nclient.id = \"reader\"\n";
    let arguments = arguments!["consume", "-c", place.folder.file("both.toml", text), "--topic", "orders", "--from-beginning"];
    let servers = format!("consumer.bootstrap.servers={}", place.kafka.bootstrap_servers());
    let more = ["--max", "1", "--set", &servers, "--set", "fetch.min.bytes=1"];
    let ended = run(arguments.into_iter().chain(more.iter().map(Into::into))).with(0);
    assert!(ended.stdout.contains("\"one\""), "{}", ended.stdout);
}

#[test]
fn a_closed_pipe_ends_it() {
    let place = Place::new(1);
    let value = vec![b'x'; 10_000];
    send(&place, &vec![(None, Some(value.as_slice())); 100]);
    let mut child = command(consume(&place, &["--from-beginning"])).start();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("\"offset\":0"), "{line}");
    end(child).with(0);
}

#[test]
fn ctrl_c_ends_it() {
    let place = Place::new(1);
    send(&place, &[(None, Some(b"one"))]);
    let mut child = command(consume(&place, &["--from-beginning"])).start();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    kill(&child, "INT");
    end(child).with(130);
}

#[test]
fn a_topic_that_does_not_exist() {
    let place = Place::new(1);
    place.kafka.set_topic_error("orders", BrokerError::UNKNOWN_TOPIC_OR_PARTITION).unwrap();
    run(consume(&place, &[])).with(2).saying(&["topic orders: does not exist"]);
}
