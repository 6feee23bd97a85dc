//! A program that follows the flags of errors terminates, whatever a broker answers at which step, and its committed records are in the log.

use std::{collections::BTreeSet, thread, time::Duration};

use futures::executor::block_on;
use ottla::{
    ConsumerGroupMetadata, Error, ErrorKind, Offsets, Producer, ProducerRecord, Transaction,
    testing::{ApiKey, BrokerError, EmbeddedKafka},
};
use serde::Deserialize;

use super::{assert_abortable, assert_fatal};
use crate::{
    embedded::{config, ends, kafka},
    log,
};

/// The request that a broker answers with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    FindCoordinator,
    InitProducerId,
    AddPartitions,
    Produce,
    AddOffsets,
    CommitOffsets,
    Commit,
    Abort,
}

impl Stage {
    fn api_key(self) -> ApiKey {
        match self {
            Self::FindCoordinator => ApiKey::FindCoordinator,
            Self::InitProducerId => ApiKey::InitProducerId,
            Self::AddPartitions => ApiKey::AddPartitionsToTxn,
            Self::Produce => ApiKey::Produce,
            Self::AddOffsets => ApiKey::AddOffsetsToTxn,
            Self::CommitOffsets => ApiKey::TxnOffsetCommit,
            Self::Commit | Self::Abort => ApiKey::EndTxn,
        }
    }

    /// Whether a producer does this only once, when it starts.
    fn is_start(self) -> bool {
        matches!(self, Self::FindCoordinator | Self::InitProducerId)
    }
}

#[derive(Deserialize)]
struct JavaError {
    code: i16,
}

#[derive(Deserialize)]
struct JavaErrors {
    errors: Vec<JavaError>,
}

/// All error codes of brokers, and a closed connection.
fn answers() -> Vec<BrokerError> {
    let errors: JavaErrors = serde_json::from_str(include_str!("../../../data/java-errors.json")).unwrap();
    let codes = errors.errors.into_iter().map(|error| BrokerError::from(error.code)).filter(|code| *code != BrokerError::NONE);
    codes.chain([BrokerError::DISCONNECT]).collect()
}

/// What to do after an error, according to its flags.
enum Way {
    SameCall,
    Abort,
    NewProducer,
}

/// A program that follows the flags.
struct Program<'a> {
    kafka: &'a EmbeddedKafka,
    max_block: &'static str,
    producer: Option<Producer<str, str>>,
    /// The current state, for failure messages.
    what: String,
    calls: usize,
    attempts: usize,
    committed: Vec<String>,
}

impl<'a> Program<'a> {
    fn new(kafka: &'a EmbeddedKafka, max_block: &'static str) -> Self {
        Self { kafka, max_block, producer: None, what: String::new(), calls: 0, attempts: 0, committed: Vec::new() }
    }

    /// Starts a new state with its own limit of calls.
    fn about(&mut self, what: String) {
        (self.what, self.calls) = (what, 0);
    }

    #[track_caller]
    fn way(&mut self, call: &str, error: &Error) -> Way {
        self.calls += 1;
        let flags = (error.is_fatal(), error.is_abortable(), error.is_retriable());
        assert!(self.calls < 200, "{}: no end after {} calls, the last one is {call}: {error:?}", self.what, self.calls);
        // A short sleep, as in a real program.
        thread::sleep(Duration::from_millis(u64::try_from(self.calls).unwrap().min(50)));
        match flags {
            (true, false, false) => Way::NewProducer,
            (false, true, _) => Way::Abort,
            (false, false, true) => Way::SameCall,
            _ => panic!("{}: {call} has no flag to follow, {flags:?}: {error:?}", self.what),
        }
    }

    /// Builds producers until one is ready.
    fn producer(&mut self) -> Producer<str, str> {
        loop {
            let producer = self.producer.take().unwrap_or_else(|| {
                let settings = [("max.block.ms", self.max_block), ("retry.backoff.ms", "10"), ("reconnect.backoff.ms", "10")];
                let config = config(self.kafka).transactional_id("flags");
                let config = settings.iter().fold(config, |config, (name, value)| config.set(name, value).unwrap());
                Producer::builder(config).drop_timeout(Duration::from_secs(10)).build().unwrap()
            });
            match block_on(producer.init_transactions()) {
                Ok(()) => return producer,
                // It was already initialized.
                Err(error) if error.kind() == ErrorKind::TransactionState => return producer,
                Err(error) => match self.way("init_transactions", &error) {
                    Way::SameCall => self.producer = Some(producer),
                    Way::NewProducer => assert!(block_on(producer.begin_transaction()).unwrap_err().is_fatal(), "{}", self.what),
                    Way::Abort => panic!("{}: no transaction is open: {error:?}", self.what),
                },
            }
        }
    }

    fn begin(&mut self) -> (Producer<str, str>, Transaction<str, str>) {
        loop {
            let producer = self.producer();
            match block_on(producer.begin_transaction()) {
                Ok(transaction) => return (producer, transaction),
                Err(error) => match self.way("begin_transaction", &error) {
                    Way::SameCall | Way::Abort => self.producer = Some(producer),
                    Way::NewProducer => {}
                },
            }
        }
    }

    /// Repeats a call while its error is retriable. Returns whether it succeeded, or the next thing to do.
    fn call(&mut self, name: &str, mut call: impl FnMut() -> Result<(), Error>) -> Result<(), Way> {
        loop {
            let Err(error) = call() else { return Ok(()) };
            match self.way(name, &error) {
                Way::SameCall => {}
                way => return Err(way),
            }
        }
    }

    /// Commits a transaction of two records and perhaps of offsets, in as many attempts as needed. `is_aborted`: aborts the first attempt.
    fn transact(&mut self, with_offsets: bool, mut is_aborted: bool) {
        loop {
            let (producer, transaction) = self.begin();
            self.attempts += 1;
            let values = ["a", "b"].map(|part| format!("{}{part}", self.attempts));
            let ended = self.attempt(&transaction, &values, with_offsets, is_aborted);
            match ended {
                Ok(()) => {
                    self.producer = Some(producer);
                    if !is_aborted {
                        return self.committed.extend(values);
                    }
                    is_aborted = false;
                }
                Err(Way::NewProducer) => {
                    let error = block_on(producer.begin_transaction()).unwrap_err();
                    assert!(error.is_fatal(), "{}: not fatal after a fatal error: {error:?}", self.what);
                }
                Err(_) => match self.call("abort", || block_on(transaction.abort())) {
                    Ok(()) => self.producer = Some(producer),
                    Err(Way::NewProducer) => {}
                    Err(_) => panic!("{}: the error of an abort is abortable", self.what),
                },
            }
        }
    }

    fn attempt(
        &mut self,
        transaction: &Transaction<str, str>,
        values: &[String; 2],
        with_offsets: bool,
        is_aborted: bool,
    ) -> Result<(), Way> {
        for (partition, value) in (0..).zip(values) {
            let record = ProducerRecord::to("orders").partition(partition).value(value.clone());
            self.call("send", || block_on(transaction.send(record.clone())).map(drop))?;
        }
        if is_aborted {
            // Before a record is written there is no transaction to end.
            block_on(transaction.producer().flush()).unwrap();
            return self.call("abort", || block_on(transaction.abort()));
        }
        if with_offsets {
            let mut offsets = Offsets::new();
            offsets.consumed("orders", 0, 41);
            let group = ConsumerGroupMetadata::new("billing");
            self.call("send_offsets", || block_on(transaction.send_offsets(&offsets, &group)))?;
        }
        self.call("commit", || block_on(transaction.commit()))
    }

    /// Checks that the committed records are in the log once.
    fn assert_committed(&self) {
        let mut missing: BTreeSet<_> = self.committed.iter().cloned().collect();
        let committed = missing.clone();
        let log = log::read(self.kafka.bootstrap_servers(), "orders");
        let found = log.iter().map(|record| record.value_text()).filter(|value| committed.contains(*value));
        let doubled: Vec<_> = found.filter(|value| !missing.remove(*value)).collect();
        assert!(missing.is_empty() && doubled.is_empty(), "{}: missing: {missing:?}, doubled: {doubled:?}", self.what);
    }
}

fn follow(stage: Stage, answers: &[BrokerError]) {
    let kafka = kafka(2);
    let mut program = Program::new(&kafka, "1000");
    program.about(format!("before {stage:?}"));
    program.transact(false, false);
    for &answer in answers {
        for times in [1, 2] {
            if stage.is_start() {
                if times > 1 {
                    continue;
                }
                program.producer = None;
            }
            program.about(format!("{times} times {answer:?} at {stage:?}"));
            kafka.fail_next(stage.api_key(), &vec![answer; times]).unwrap();
            program.transact(matches!(stage, Stage::AddOffsets | Stage::CommitOffsets), stage == Stage::Abort);
            kafka.clear_failures(stage.api_key());
            // This code means that the broker has the record. The embedded brokers return it without writing the record.
            if (stage, answer) == (Stage::Produce, BrokerError::DUPLICATE_SEQUENCE_NUMBER) {
                program.committed.truncate(program.committed.len() - 2);
            }
        }
    }
    program.assert_committed();
}

/// All codes at all steps. The steps that a producer does only once are spread over more threads.
#[test]
fn loop_that_follows_the_flags_ends_for_all_codes_at_all_steps() {
    let answers = answers();
    assert!(answers.len() > 130, "{}", answers.len());
    let stages = [
        (Stage::FindCoordinator, 8),
        (Stage::InitProducerId, 8),
        (Stage::AddPartitions, 3),
        (Stage::Produce, 2),
        (Stage::AddOffsets, 2),
        (Stage::CommitOffsets, 2),
        (Stage::Commit, 2),
        (Stage::Abort, 2),
    ];
    thread::scope(|scope| {
        for (stage, threads) in stages {
            for part in answers.chunks(answers.len().div_ceil(threads)) {
                scope.spawn(move || follow(stage, part));
            }
        }
    });
}

/// A broker that always gives the same answer does not keep a program in a loop: the producer fails where Java does.
#[test]
fn repeated_error_becomes_fatal() {
    ends(|| {
        for answer in [BrokerError::INVALID_REQUEST, BrokerError::UNKNOWN_SERVER_ERROR, BrokerError::from(121)] {
            let kafka = kafka(1);
            kafka.fail_next(ApiKey::InitProducerId, &[answer; 1000]).unwrap();
            let producer = super::transactional(&kafka, &[("max.block.ms", "1500")]);
            let mut calls = 0;
            let error = loop {
                let error = block_on(producer.init_transactions()).unwrap_err();
                if !error.is_retriable() {
                    break error;
                }
                calls += 1;
                assert!(calls < 50, "{error:?}");
            };
            assert!(error.is_fatal() && !error.is_abortable(), "{error:?}");
            assert!(super::source(&error).contains("is not retriable"), "{error:?}");
            for result in [block_on(producer.init_transactions()), block_on(producer.begin_transaction()).map(drop)] {
                assert!(result.unwrap_err().is_fatal());
            }

            kafka.clear_failures(ApiKey::InitProducerId);
            let producer = super::ready(&kafka, &[("max.block.ms", "1500")]);
            let transaction = block_on(producer.begin_transaction()).unwrap();
            block_on(block_on(transaction.send(super::record(0))).unwrap()).unwrap();
            kafka.fail_next(ApiKey::EndTxn, &[answer; 1000]).unwrap();
            let error = block_on(transaction.abort()).unwrap_err();
            assert!(error.is_fatal() && !error.is_abortable() && !error.is_retriable(), "{error:?}");
            assert!(block_on(producer.begin_transaction()).unwrap_err().is_fatal());
        }
    });
}

fn offsets() -> (Offsets, ConsumerGroupMetadata) {
    let mut offsets = Offsets::new();
    offsets.consumed("orders", 0, 41);
    (offsets, ConsumerGroupMetadata::new("billing"))
}

#[test]
fn fenced_during_send_offsets_is_fatal_as_in_java() {
    let (offsets, group) = offsets();
    for stage in [Stage::AddOffsets, Stage::CommitOffsets] {
        for answer in [BrokerError::PRODUCER_FENCED, BrokerError::INVALID_PRODUCER_EPOCH] {
            let kafka = kafka(1);
            let producer = super::ready(&kafka, &[]);
            let transaction = block_on(producer.begin_transaction()).unwrap();
            kafka.fail_next(stage.api_key(), &[answer]).unwrap();
            assert_fatal(&block_on(transaction.send_offsets(&offsets, &group)).unwrap_err(), ErrorKind::Fenced);
            assert_fatal(&block_on(transaction.send(super::record(0))).unwrap_err(), ErrorKind::Fenced);
            assert_fatal(&block_on(transaction.commit()).unwrap_err(), ErrorKind::Fenced);
            assert_fatal(&block_on(transaction.abort()).unwrap_err(), ErrorKind::Fenced);
            assert_fatal(&block_on(producer.begin_transaction()).unwrap_err(), ErrorKind::Fenced);
        }
    }
}

/// Checks an error of an expired transaction.
#[track_caller]
fn assert_expired(error: &Error) {
    assert_eq!(error.kind().name(), "TransactionExpired", "{error:?}");
    assert_fatal(error, error.kind());
}

/// The coordinator gives the same answer to a producer with an expired transaction and to one that is fenced.
#[test]
fn expired_transaction_is_not_fenced() {
    let steps: [(ApiKey, BrokerError); 3] = [
        (ApiKey::EndTxn, BrokerError::PRODUCER_FENCED),
        (ApiKey::EndTxn, BrokerError::INVALID_PRODUCER_EPOCH),
        (ApiKey::Produce, BrokerError::INVALID_PRODUCER_EPOCH),
    ];
    for (api_key, answer) in steps {
        let kafka = kafka(1);
        let producer = super::ready(&kafka, &[("transaction.timeout.ms", "1000")]);
        let transaction = block_on(producer.begin_transaction()).unwrap();
        block_on(block_on(transaction.send(super::record(0))).unwrap()).unwrap();
        thread::sleep(Duration::from_millis(1100));
        kafka.fail_next(api_key, &[answer]).unwrap();
        if let Err(report) = block_on(block_on(transaction.send(super::record(1))).unwrap()) {
            assert_expired(&report);
        }
        let error = block_on(transaction.commit()).unwrap_err();
        assert_expired(&error);
        assert!(error.to_string().contains("transaction.timeout.ms (1000 ms)"), "{error}");
        assert!(error.advice().is_some_and(|advice| advice.contains("repeat the transaction")), "{error:?}");
        assert_expired(&block_on(transaction.abort()).unwrap_err());
        assert_expired(&block_on(producer.begin_transaction()).unwrap_err());
        // Do what the advice says.
        super::commit_one(&super::ready(&kafka, &[]), 2).unwrap();
    }
}

/// The coordinator's timer starts with the first record.
#[test]
fn idle_transaction_is_not_expired() {
    let kafka = kafka(1);
    let (offsets, group) = offsets();
    let producer = super::ready(&kafka, &[("transaction.timeout.ms", "1000")]);
    let transaction = block_on(producer.begin_transaction()).unwrap();
    thread::sleep(Duration::from_millis(1100));
    kafka.fail_next(ApiKey::AddOffsetsToTxn, &[BrokerError::INVALID_PRODUCER_EPOCH]).unwrap();
    assert_fatal(&block_on(transaction.send_offsets(&offsets, &group)).unwrap_err(), ErrorKind::Fenced);
}

#[test]
fn send_offsets_timeout_does_not_fail_the_transaction() {
    let (offsets, group) = offsets();
    ends(move || {
        for (is_retried, answer) in [(true, BrokerError::NONE), (false, BrokerError::NONE), (true, BrokerError::DISCONNECT)] {
            let kafka = kafka(1);
            let producer = super::ready(&kafka, &[("max.block.ms", "500")]);
            let transaction = block_on(producer.begin_transaction()).unwrap();
            kafka.track_requests();
            kafka.fail_next_on(1, ApiKey::AddOffsetsToTxn, &[(answer, Duration::from_secs(2)); 2]).unwrap();
            let mut late = 0;
            while let Err(error) = block_on(transaction.send_offsets(&offsets, &group)) {
                assert!(error.is_retriable() && !error.is_abortable() && !error.is_fatal(), "{error:?}");
                late += 1;
                if !is_retried {
                    break;
                }
            }
            assert!(late > 0 || answer == BrokerError::DISCONNECT);
            while let Err(error) = block_on(transaction.commit()) {
                assert!(error.is_retriable() && !error.is_abortable() && !error.is_fatal(), "{error:?}");
            }
            let requests: Vec<_> = kafka.requests().iter().map(|request| request.api_key()).collect();
            let first = |api_key| requests.iter().position(|asked| *asked == api_key);
            assert!(first(ApiKey::TxnOffsetCommit) < first(ApiKey::EndTxn), "{requests:?}");
            assert!(first(ApiKey::TxnOffsetCommit).is_some(), "{requests:?}");
        }
    });
}

#[test]
fn invalid_offsets_do_not_fail_the_transaction_but_rejected_ones_do() {
    let kafka = kafka(1);
    let producer = super::ready(&kafka, &[]);
    let (good, group) = offsets();
    let transaction = block_on(producer.begin_transaction()).unwrap();
    let mut bad = Offsets::new();
    bad.set_next("orders", 0, -5);
    for error in [
        block_on(transaction.send_offsets(&bad, &group)).unwrap_err(),
        block_on(transaction.send_offsets(&good, &ConsumerGroupMetadata::new("a\0b"))).unwrap_err(),
    ] {
        assert!(error.kind() == ErrorKind::InvalidArgument && !error.is_abortable() && !error.is_retriable(), "{error:?}");
    }
    block_on(transaction.send_offsets(&good, &group)).unwrap();
    block_on(transaction.commit()).unwrap();
    let transaction = block_on(producer.begin_transaction()).unwrap();
    kafka.fail_next(ApiKey::TxnOffsetCommit, &[BrokerError::GROUP_AUTHORIZATION_FAILED]).unwrap();
    assert_abortable(&block_on(transaction.send_offsets(&good, &group)).unwrap_err());
    assert_abortable(&block_on(transaction.commit()).unwrap_err());
    block_on(transaction.abort()).unwrap();
    super::commit_one(&producer, 1).unwrap();
}
