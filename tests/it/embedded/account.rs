//! Tests of the account that the fault tests use: it detects what goes wrong.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use futures::executor::block_on;
use ottla::{Error, ErrorKind, Producer, ProducerRecord, RecordMetadata, testing::EmbeddedKafka};

use super::{config, kafka};
use crate::{
    account::{Account, Id, Row},
    log::Isolation,
};

struct Book {
    kafka: EmbeddedKafka,
    account: Arc<Account>,
    producer: Producer<[u8], [u8]>,
}

impl Book {
    fn new() -> Self {
        let kafka = kafka(1);
        let producer = Producer::builder(config(&kafka)).build().unwrap();
        Self { kafka, account: Account::new("orders", 1, 20), producer }
    }

    /// Writes a record to the log, recorded in the account or not.
    fn write(&self, id: Id) -> RecordMetadata {
        self.producer.blocking().send(self.account.record(id)).unwrap().wait().unwrap()
    }

    /// Writes a record, acknowledges it and records both in the account.
    fn note(&self) -> Id {
        let id = self.account.next(0);
        self.account.accepted(id);
        self.account.reported(id, Ok(&self.write(id)));
        id
    }

    fn not_persisted(&self) -> Error {
        self.producer.blocking().send(ProducerRecord::to("")).unwrap_err()
    }

    fn row(&self) -> Row {
        self.account.settle("none", self.kafka.bootstrap_servers(), Isolation::Uncommitted)
    }

    fn unsound_row(self) -> Row {
        let row = self.row();
        assert!(catch_unwind(AssertUnwindSafe(|| row.assert_sound())).is_err(), "{row}");
        row
    }
}

#[test]
fn sent_and_reported_records_are_found() {
    let book = Book::new();
    book.account.fault_ended();
    for _ in 0..1000 {
        book.account.send(&book.producer, 0).unwrap();
    }
    book.producer.blocking().flush().unwrap();
    let row = book.row();
    row.assert_sound();
    assert_eq!((row.accepted, row.acknowledged, row.failed, row.found), (1000, 1000, 0, 1000));
    assert!(row.recovered.is_some());
}

#[test]
fn interceptor_records_reports_of_dropped_deliveries() {
    let kafka = kafka(1);
    let account = Account::new("orders", 1, 20);
    let producer: Producer<[u8], [u8]> = Producer::builder(config(&kafka)).interceptor(Arc::clone(&account)).build().unwrap();
    for _ in 0..100 {
        let id = account.next(0);
        drop(block_on(producer.send(account.record(id))).unwrap());
        account.accepted(id);
    }
    block_on(producer.close(Duration::from_secs(30))).unwrap();
    let row = account.settle("none", kafka.bootstrap_servers(), Isolation::Uncommitted);
    row.assert_sound();
    assert_eq!((row.accepted, row.acknowledged, row.found), (100, 100, 100));
}

#[test]
fn acknowledged_record_missing_in_the_log_is_lost() {
    let book = Book::new();
    let other = book.write(book.account.next(0));
    let id = book.account.next(0);
    book.account.accepted(id);
    book.account.reported(id, Ok(&other));
    assert_eq!(book.unsound_row().lost, 1);
}

#[test]
fn record_of_a_deleted_topic_is_not_lost() {
    let book = Book::new();
    let other = book.write(Account::new("orders", 1, 20).next(0));
    let id = book.account.next(0);
    book.account.accepted(id);
    book.account.reported(id, Ok(&other));
    book.account.write_off();
    assert_eq!(book.row().lost, 0);
}

#[test]
fn record_written_twice_is_a_duplicate() {
    let book = Book::new();
    let id = book.note();
    book.write(id);
    assert_eq!(book.unsound_row().duplicated, 1);
}

#[test]
fn record_after_a_later_one_is_out_of_order() {
    let book = Book::new();
    let [first, second] = [(); 2].map(|()| book.account.next(0));
    for id in [second, first] {
        book.account.accepted(id);
        book.account.reported(id, Ok(&book.write(id)));
    }
    assert_eq!(book.unsound_row().reordered, 1);
}

#[test]
fn record_at_another_offset_is_misplaced() {
    let book = Book::new();
    let [first, second] = [(); 2].map(|()| book.account.next(0));
    let places = [book.write(first), book.write(second)];
    for (id, place) in [(first, &places[1]), (second, &places[0])] {
        book.account.accepted(id);
        book.account.reported(id, Ok(place));
    }
    assert_eq!(book.unsound_row().misplaced, 2);
}

#[test]
fn written_record_contradicts_a_report_of_not_persisted() {
    let book = Book::new();
    let error = book.not_persisted();
    let id = book.account.next(0);
    book.account.accepted(id);
    book.account.reported(id, Err(&error));
    book.write(id);
    let never_accepted = book.account.next(0);
    book.write(never_accepted);
    book.note();
    let aborted = book.note();
    book.account.aborted(aborted);
    let row = book.unsound_row();
    assert_eq!((row.present_despite_report, row.failed, row.found), (3, 2, 4));
    assert_eq!(row.failures[&ErrorKind::InvalidRecord].count, 1);
}

#[test]
fn second_report_of_a_record_is_detected() {
    let book = Book::new();
    let id = book.account.next(0);
    book.account.accepted(id);
    let metadata = book.write(id);
    assert_eq!(book.row().unreported, 1);
    book.account.reported(id, Ok(&metadata));
    book.row();
    book.account.reported(id, Ok(&metadata));
    assert_eq!(book.unsound_row().reported_again, 1);
}
