//! With `transactional.id` the input is one transaction, or a sequence of transactions.

use std::ffi::OsString;

use ottla::testing::{ApiKey, BrokerError};
use serde_json::json;

use super::{Place, kill, start_with_stdin};
use crate::{
    arguments,
    command::{end, run},
};

fn transactional(arguments: Vec<OsString>, more: &[&str]) -> Vec<OsString> {
    let transactional = arguments!["--set", "transactional.id=tx"];
    arguments.into_iter().chain(transactional).chain(more.iter().map(OsString::from)).collect()
}

fn ends_of_transactions(place: &Place) -> usize {
    place.kafka.requests().iter().filter(|request| request.api_key() == ApiKey::EndTxn).count()
}

#[test]
fn the_input_is_one_transaction_unless_it_is_split() {
    let place = Place::new(1);
    for (parts, more) in
        [(1, &[][..]), (3, &["--transaction-records", "2"]), (3, &["--transaction-records", "2", "--limit", "5"])]
    {
        place.kafka.track_requests();
        let before = place.records().len();
        let report = run(transactional(place.produce("orders.txt", "1\n2\n3\n4\n5\n"), more)).with(0).report();
        assert_eq!((&report["records"], &report["acknowledged"]), (&json!(5), &json!(5)));
        assert_eq!(report["partitions"]["0"], json!({"records": 5, "first_offset": before, "last_offset": before + 4}));
        assert_eq!(ends_of_transactions(&place), parts);
    }
    assert_eq!(place.records().len(), 15);
}

#[test]
fn a_failed_record_aborts_its_transaction() {
    let place = Place::new(1);
    let dead = place.folder.path("dead.jsonl");
    let more = ["--dead-letter", dead.to_str().unwrap()];
    place.kafka.fail_next(ApiKey::Produce, &[BrokerError::INVALID_RECORD]).unwrap();
    let ended = run(transactional(place.produce("orders.txt", "one\n"), &more)).with(1);
    let ended = ended.saying(&["the transaction is aborted; 0 records committed before it", "line 1: InvalidRecord"]);
    let report = ended.report();
    assert_eq!((&report["acknowledged"], &report["failed"]), (&json!(0), &json!(1)));
    assert_eq!((&report["errors"], &report["partitions"]), (&json!({"InvalidRecord": 1}), &json!({})));
    let letter: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&dead).unwrap()).unwrap();
    assert_eq!(letter["record"], json!("one"));
}

#[test]
fn a_malformed_row_aborts_only_the_open_transaction() {
    let place = Place::new(1);
    let input = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\nnot json\n{\"n\":5}\n";
    let ended = run(transactional(place.produce("orders.jsonl", input), &["--transaction-records", "2"])).with(1);
    let report = ended.saying(&["2 records committed before it", "line 4: "]).report();
    assert_eq!((&report["records"], &report["acknowledged"]), (&json!(4), &json!(2)));
    assert_eq!(report["errors"]["TransactionAborted"], json!(1));
}

#[test]
fn ctrl_c_aborts() {
    let place = Place::new(1);
    place.kafka.track_requests();
    let mut child = start_with_stdin(&transactional(place.produce_with(&arguments!["--input", "-"]), &[]), "one\ntwo\n");
    place.wait_for(2);
    let open = child.stdin.take();
    kill(&child, "INT");
    let ended = end(child).with(130).saying(&["interrupted: aborting the transaction"]);
    let report = ended.report();
    assert_eq!((&report["acknowledged"], &report["errors"]), (&json!(0), &json!({"TransactionAborted": 2})));
    assert_eq!(ends_of_transactions(&place), 1);
    drop(open);
}

#[test]
fn a_fenced_producer_ends_the_run() {
    let place = Place::new(1);
    place.kafka.fail_next(ApiKey::EndTxn, &[BrokerError::PRODUCER_FENCED]).unwrap();
    let ended = run(transactional(place.produce("orders.txt", "one\ntwo\n"), &[])).with(1);
    let report = ended.saying(&["not committed: ", "fenced"]).report();
    assert_eq!((&report["acknowledged"], &report["errors"]), (&json!(0), &json!({"Fenced": 2})));
}

#[test]
fn an_unauthorized_transactional_id() {
    let place = Place::new(1);
    place.kafka.fail_next(ApiKey::InitProducerId, &[BrokerError::TRANSACTIONAL_ID_AUTHORIZATION_FAILED]).unwrap();
    let ended = run(transactional(place.produce("orders.txt", "one\n"), &[])).with(3);
    assert!(ended.report()["error"].is_string(), "{ended:?}");
}

#[test]
fn transactions_on_the_embedded_broker() {
    let place = Place::new(1);
    let arguments = transactional(place.produce("orders.txt", "1\n2\n3\n"), &["--embedded", "--transaction-records", "1"]);
    let report = run(arguments).with(0).saying(&["3 records read back and compared: equal"]).report();
    assert_eq!(report["acknowledged"], json!(3));
}

#[test]
fn transaction_records_without_a_transactional_id() {
    let place = Place::new(1);
    let arguments = place.produce_with(&arguments!["--input", "-", "--transaction-records", "10"]);
    run(arguments).with(2).saying(&["--transaction-records: requires transactional.id"]);
}
