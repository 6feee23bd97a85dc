//! The result of each method of [`Produce`] in each state, as a table, which both implementations must match.

use std::time::Duration;

use futures::executor::block_on;
use ottla::{
    ConsumerGroupMetadata, Error, ErrorKind, Offsets, Produce, ProduceTransaction, Producer, ProducerRecord,
    testing::{ApiKey, BrokerError, EmbeddedKafka, MockProducer},
};

use super::super::{kafka, producer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Without a `transactional.id`.
    Plain,
    PlainClosed,
    New,
    NewClosed,
    Ready,
    ReadyClosed,
    Open,
    /// A record of the transaction was rejected.
    Failed,
    Committed,
    Aborted,
    /// Closed while a transaction was open.
    OpenClosed,
    /// Another producer uses the `transactional.id`, and a call of this transaction has failed because of it.
    Fenced,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Send,
    TrySend,
    SendWith,
    Flush,
    PartitionsFor,
    Init,
    Begin,
    Close,
    TransactionSend,
    SendOffsets,
    NoOffsets,
    BadOffsets,
    Commit,
    Abort,
}

use Call as C;
use ErrorKind as K;
use State as S;

const OUTSIDE: [Call; 8] = [C::Send, C::TrySend, C::SendWith, C::Flush, C::PartitionsFor, C::Init, C::Begin, C::Close];
const INSIDE: [Call; 6] = [C::TransactionSend, C::SendOffsets, C::NoOffsets, C::BadOffsets, C::Commit, C::Abort];

/// The result of the call: `None` is `Ok`.
fn answer(state: State, call: Call) -> Option<ErrorKind> {
    let is_closed = matches!(state, S::PlainClosed | S::NewClosed | S::ReadyClosed | S::OpenClosed);
    match call {
        C::Flush | C::Close => None,
        C::PartitionsFor => is_closed.then_some(K::Closed),
        C::Init | C::Begin if matches!(state, S::Plain | S::PlainClosed) => Some(K::TransactionState),
        _ if is_closed => Some(K::Closed),
        C::Send | C::TrySend | C::SendWith => match state {
            S::Plain | S::Open => None,
            S::Failed => Some(K::TransactionFailed),
            S::Fenced => Some(K::Fenced),
            _ => Some(K::TransactionState),
        },
        C::Init => match state {
            S::New => None,
            S::Fenced => Some(K::Fenced),
            _ => Some(K::TransactionState),
        },
        C::Begin => match state {
            S::Ready | S::Committed | S::Aborted => None,
            S::Fenced => Some(K::Fenced),
            _ => Some(K::TransactionState),
        },
        C::BadOffsets if state == S::Open => Some(K::InvalidArgument),
        C::TransactionSend | C::SendOffsets | C::NoOffsets | C::BadOffsets => match state {
            S::Open => None,
            S::Failed => Some(K::TransactionFailed),
            S::Fenced => Some(K::Fenced),
            _ => Some(K::TransactionState),
        },
        C::Commit => match state {
            S::Open | S::Committed => None,
            S::Failed => Some(K::TransactionFailed),
            S::Fenced => Some(K::Fenced),
            _ => Some(K::TransactionState),
        },
        C::Abort => match state {
            S::Open | S::Failed | S::Aborted => None,
            S::Fenced => Some(K::Fenced),
            _ => Some(K::TransactionState),
        },
    }
}

/// A producer of either kind, and how to fence it.
trait Subject {
    fn producer(&self) -> &dyn Produce<str, str>;
    fn fence(&self, transaction: &dyn ProduceTransaction<str, str>);
}

struct Real(Producer<str, str>, EmbeddedKafka);

impl Real {
    fn new(transactional: bool) -> Self {
        let kafka = kafka(1);
        let settings: &[_] = if transactional { &[("transactional.id", "conformance")] } else { &[] };
        let producer = producer(&kafka, settings);
        block_on(producer.partitions_for("orders")).unwrap();
        Self(producer, kafka)
    }
}

impl Subject for Real {
    fn producer(&self) -> &dyn Produce<str, str> {
        &self.0
    }

    fn fence(&self, transaction: &dyn ProduceTransaction<str, str>) {
        drop(block_on(transaction.send(record())).unwrap());
        self.1.fail_next(ApiKey::EndTxn, &[BrokerError::PRODUCER_FENCED]).unwrap();
        block_on(transaction.commit()).unwrap_err();
    }
}

impl Subject for MockProducer<str, str> {
    fn producer(&self) -> &dyn Produce<str, str> {
        self
    }

    fn fence(&self, _: &dyn ProduceTransaction<str, str>) {
        self.fence();
    }
}

fn mock(transactional: bool) -> MockProducer<str, str> {
    MockProducer::builder().topic("orders", 1).transactional(transactional).build().unwrap()
}

fn record() -> ProducerRecord<'static, str, str> {
    ProducerRecord::to("orders").value("v")
}

/// Brings a producer into the state. Returns its last transaction.
fn enter(subject: &dyn Subject, state: State) -> Option<Box<dyn ProduceTransaction<str, str>>> {
    let producer = subject.producer();
    let close = || drop(block_on(producer.close(Duration::from_secs(30))).unwrap());
    match state {
        S::Plain | S::New => return None,
        S::PlainClosed | S::NewClosed => {
            close();
            return None;
        }
        _ => block_on(producer.init_transactions()).unwrap(),
    }
    match state {
        S::Ready => return None,
        S::ReadyClosed => {
            close();
            return None;
        }
        _ => {}
    }
    let transaction = block_on(producer.begin_transaction()).unwrap();
    match state {
        S::Failed => {
            let refused = block_on(transaction.send(ProducerRecord::to("not a topic").value("v"))).unwrap_err();
            assert_eq!(refused.kind(), K::InvalidRecord);
        }
        S::Committed => block_on(transaction.commit()).unwrap(),
        S::Aborted => block_on(transaction.abort()).unwrap(),
        S::OpenClosed => close(),
        S::Fenced => subject.fence(&*transaction),
        _ => {}
    }
    Some(transaction)
}

fn call(
    producer: &dyn Produce<str, str>,
    transaction: Option<&dyn ProduceTransaction<str, str>>,
    call: Call,
) -> Result<(), Error> {
    let mut offsets = Offsets::new();
    offsets.set_next("orders", 0, if call == C::BadOffsets { -7 } else { 7 });
    let group = ConsumerGroupMetadata::new("conformance");
    let inside = || transaction.unwrap();
    block_on(async {
        match call {
            C::Send => producer.send(record()).await.map(drop),
            C::TrySend => producer.try_send(record()).map(drop).map_err(Error::from),
            C::SendWith => producer.send_with(record(), Box::new(|_| {})).map_err(Error::from),
            C::Flush => producer.flush().await,
            C::PartitionsFor => producer.partitions_for("orders").await.map(drop),
            C::Init => producer.init_transactions().await,
            C::Begin => producer.begin_transaction().await.map(drop),
            C::Close => producer.close(Duration::from_secs(30)).await.map(drop),
            C::TransactionSend => inside().send(record()).await.map(drop),
            C::SendOffsets | C::BadOffsets => inside().send_offsets(&offsets, &group).await,
            C::NoOffsets => inside().send_offsets(&Offsets::new(), &group).await,
            C::Commit => inside().commit().await,
            C::Abort => inside().abort().await,
        }
    })
}

/// Makes each call in each state, each with a new producer. Returns the differences to the table.
fn differences(make: impl Fn(bool) -> Box<dyn Subject>) -> Vec<String> {
    let mut differences = Vec::new();
    let states = [
        S::Plain,
        S::PlainClosed,
        S::New,
        S::NewClosed,
        S::Ready,
        S::ReadyClosed,
        S::Open,
        S::Failed,
        S::Committed,
        S::Aborted,
        S::OpenClosed,
        S::Fenced,
    ];
    for state in states {
        let has_transaction = !matches!(state, S::Plain | S::PlainClosed | S::New | S::NewClosed | S::Ready | S::ReadyClosed);
        let calls = OUTSIDE.into_iter().chain(INSIDE.into_iter().filter(|_| has_transaction));
        for one in calls {
            let subject = make(!matches!(state, S::Plain | S::PlainClosed));
            let transaction = enter(&*subject, state);
            let answered = call(subject.producer(), transaction.as_deref(), one);
            let expected = answer(state, one);
            let flags = |error: &Error| (error.is_retriable(), error.is_abortable(), error.is_fatal());
            let wanted = expected.map(|kind| match kind {
                K::TransactionFailed => (false, true, false),
                K::Fenced => (false, false, true),
                _ => (false, false, false),
            });
            let kind = answered.as_ref().err().map(Error::kind);
            if (kind, answered.as_ref().err().map(flags)) != (expected, wanted) {
                differences.push(format!("{state:?}, {one:?}: {answered:?}, expected {expected:?}"));
            }
        }
    }
    differences
}

#[test]
fn producer_matches_the_table_of_calls_and_states() {
    let differences = differences(|transactional| Box::new(Real::new(transactional)));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn mock_producer_matches_the_table_of_calls_and_states() {
    let differences = differences(|transactional| Box::new(mock(transactional)));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
