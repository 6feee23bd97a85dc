//! A sequence of transactions, which are committed, aborted or dropped.

use std::{thread, time::Duration};

use futures::executor::block_on;
use ottla::{Error, Transaction};

use super::{life::Life, load::Load};
use crate::account::Id;

const PAUSE: Duration = Duration::from_millis(100);

/// The result of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Committed,
    Aborted,
    /// The producer has failed during the commit.
    Unknown,
}

/// The settings of a producer that replaces the previous one.
pub(super) fn settings() -> Vec<(&'static str, String)> {
    let settings = [("transactional.id", "soak"), ("transaction.timeout.ms", "20000"), ("delivery.timeout.ms", "10000")];
    settings.map(|(name, value)| (name, value.to_owned())).to_vec()
}

/// The transactions of a producer until its end. Results are recorded when all records are reported.
pub(super) fn run(life: Life<'_>, random: &mut fastrand::Rng) {
    let (load, account, lane) = (life.load, life.account, life.load.lane());
    let mut transactions = Vec::new();
    if init(&life) {
        while !life.is_over() {
            match block_on(life.producer.begin_transaction()) {
                Ok(transaction) => transactions.push(one(&life, transaction, lane, random)),
                Err(error) => failed(&life, &error),
            }
        }
    }
    life.end(Vec::new(), random);
    for (records, outcome) in transactions {
        load.transactions.lock().unwrap()[outcome as usize] += 1;
        match outcome {
            Outcome::Committed => {}
            Outcome::Aborted => records.into_iter().for_each(|id| account.aborted(id)),
            Outcome::Unknown => records.into_iter().for_each(|id| account.doubted(id)),
        }
    }
}

/// Aborts the open transaction of the last producer.
pub(super) fn clear(load: &Load) {
    let life = Life::begin(load, &load.transactional, &settings(), &mut fastrand::Rng::with_seed(0));
    while let Err(error) = block_on(life.producer.init_transactions()) {
        if !error.is_retriable() {
            return load.complain(format!("the last transaction could not be ended: {error:?}"));
        }
    }
}

fn init(life: &Life<'_>) -> bool {
    while !life.is_over() {
        match block_on(life.producer.init_transactions()) {
            Ok(()) => return true,
            Err(error) => failed(life, &error),
        }
    }
    false
}

/// A call that is repeated has failed, unless the producer has ended.
fn failed(life: &Life<'_>, error: &Error) {
    if error.is_fatal() {
        return life.fail(error);
    }
    thread::sleep(PAUSE);
}

fn one(life: &Life<'_>, transaction: Transaction<[u8], [u8]>, lane: u32, random: &mut fastrand::Rng) -> (Vec<Id>, Outcome) {
    let mut records = Vec::new();
    let count = random.usize(1..100);
    life.load.pace(count, life.account);
    for _ in 0..count {
        // A failed transaction rejects further records, without a call of the interceptor.
        let id = life.account.next(lane);
        match block_on(transaction.send(life.account.record(id))) {
            Ok(delivery) => {
                drop(delivery);
                life.account.accepted(id);
                records.push(id);
            }
            Err(error) => {
                life.refused(&error);
                break;
            }
        }
    }
    let outcome = match random.u8(0..10) {
        0 => {
            drop(transaction);
            Outcome::Aborted
        }
        1..3 => abort(life, &transaction),
        _ => commit(life, &transaction),
    };
    (records, outcome)
}

/// A failed abort does not commit.
fn abort(life: &Life<'_>, transaction: &Transaction<[u8], [u8]>) -> Outcome {
    while let Err(error) = block_on(transaction.abort()) {
        failed(life, &error);
        if !error.is_retriable() {
            break;
        }
    }
    Outcome::Aborted
}

fn commit(life: &Life<'_>, transaction: &Transaction<[u8], [u8]>) -> Outcome {
    loop {
        match block_on(transaction.commit()) {
            Ok(()) => return Outcome::Committed,
            Err(error) if error.is_retriable() => failed(life, &error),
            Err(error) if error.is_abortable() => return abort(life, transaction),
            Err(error) => {
                failed(life, &error);
                return Outcome::Unknown;
            }
        }
    }
}
