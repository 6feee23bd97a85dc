//! The steps that send.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, Sink, executor::block_on, task::noop_waker_ref};
use ottla::{
    Producer, Report,
    producer::{BatchDelivery, Sending},
};

use super::{
    ledger::{Ledger, Outcome},
    machine::Machine,
    step::{Callback, Place, Spec, Then, Topic, Value, Way},
    user_code::{Bomb, Valve, deliberate_panic, lock},
};

/// The records that callbacks and tasks send.
const SMALL: Spec = Spec { topic: Topic::Orders, place: Place::Key(9), size: 20, value: Value::Plain, bad_timestamp: false };

impl Machine {
    pub(super) fn send(&mut self, way: Way, spec: Spec) {
        let producer = self.producer();
        let (number, record) = self.add(spec);
        let ledger = Arc::clone(&self.ledger);
        match way {
            Way::Future => self.keep(follow(ledger, number, producer.send(record), false)),
            Way::Forget => self.keep(follow(ledger, number, producer.send(record), true)),
            Way::Transaction | Way::TransactionForget => {
                let sending = match &self.transaction {
                    Some(transaction) => transaction.send(record),
                    None => producer.send(record),
                };
                self.keep(follow(ledger, number, sending, way == Way::TransactionForget));
            }
            Way::Try | Way::TryForget => match producer.try_send(record) {
                Ok(delivery) => {
                    ledger.accepted(number);
                    if way == Way::Try {
                        self.keep(async move { ledger.heard(number, delivery.await.as_ref()) });
                    }
                }
                Err(refused) => ledger.refused(number, refused.error()),
            },
            Way::Callback(callback) => {
                let callback = self.callback(callback, number, &producer);
                match producer.send_with(record, callback) {
                    Ok(()) => ledger.accepted(number),
                    Err(refused) => ledger.refused(number, refused.error()),
                }
            }
            Way::Blocking => {
                self.open_all();
                self.unblocked(|_| match producer.blocking().send(record) {
                    Ok(delivery) => {
                        ledger.accepted(number);
                        drop(delivery);
                    }
                    Err(error) => ledger.refused(number, &error),
                });
            }
            Way::BlockingCallback(callback) => {
                self.open_all();
                let callback = self.callback(callback, number, &producer);
                self.unblocked(|_| match producer.blocking().send_with(record, callback) {
                    Ok(()) => ledger.accepted(number),
                    Err(error) => ledger.refused(number, &error),
                });
            }
        }
    }

    fn callback(&self, callback: Callback, number: usize, producer: &Producer<str, str>) -> impl FnOnce(Report) + Send + 'static {
        let (ledger, valve) = (Arc::clone(&self.ledger), Arc::clone(&self.valve));
        let uses_producer = matches!(callback, Callback::Handle | Callback::TrySends | Callback::Sends);
        let producer = uses_producer.then(|| producer.clone());
        let bomb = (callback == Callback::Bomb).then(|| Bomb);
        move |report| {
            let _bomb = bomb;
            ledger.heard(number, report.as_ref());
            call_back(callback, producer, &ledger, &valve);
        }
    }

    pub(super) fn send_inline(&mut self, spec: Spec, next: Then) {
        let producer = self.producer();
        let (number, record) = self.add(spec);
        let sending = follow(Arc::clone(&self.ledger), number, producer.send(record), false);
        self.spawn(sending, next, producer);
    }

    pub(super) fn send_all(&mut self, specs: &[Spec]) {
        let producer = self.producer();
        let transaction = if self.transaction.is_some() { self.transactions } else { 0 };
        let numbers = Arc::new(Mutex::new(Vec::new()));
        let (ledger, noted) = (Arc::clone(&self.ledger), Arc::clone(&numbers));
        // A record gets its number when it is sent.
        let records: Vec<_> = specs.iter().map(|spec| (*spec, self.record(0, *spec))).collect();
        let records = records.into_iter().map(move |(spec, record)| {
            let number = ledger.add(spec, transaction, true);
            lock(&noted).push(number);
            let mut value = record.value_ref().unwrap_or_default().to_owned();
            value.replace_range(..8, &format!("{number:08}"));
            let mut record = record;
            record.set_value(value);
            record
        });
        let (ledger, observed) = (Arc::clone(&self.ledger), self.settings.observed);
        self.keep(async move {
            match producer.send_all(records).await {
                Ok(delivery) => batch(&ledger, &numbers, delivery, observed).await,
                Err(error) => lock(&numbers).iter().for_each(|number| ledger.refused(*number, &error)),
            }
        });
    }

    pub(super) fn sink_send(&mut self, spec: Spec) {
        let producer = self.producer();
        let mut sink = self.sink.take().unwrap_or_else(|| producer.sink());
        let ready = Pin::new(&mut sink).poll_ready(&mut Context::from_waker(noop_waker_ref()));
        match ready {
            Poll::Ready(Ok(())) => {
                let (number, record) = self.add(spec);
                // The sink does not return the record's report; the interceptor gets it.
                Pin::new(&mut sink).start_send(record).unwrap();
                self.ledger.withdrawn(number);
                self.sink = Some(sink);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.sink = Some(sink),
        }
    }

    pub(super) fn sink_end(&mut self, close: bool) {
        let Some(mut sink) = self.sink.take() else { return };
        self.open_all();
        let ended = block_on(poll_fn(|context| {
            let sink = Pin::new(&mut sink);
            if close { sink.poll_close(context) } else { sink.poll_flush(context) }
        }));
        if ended.is_ok() && !close {
            self.sink = Some(sink);
        }
    }
}

/// Waits for a record's acceptance, and for its report unless the delivery is dropped.
async fn follow(ledger: Arc<Ledger>, number: usize, sending: Sending, forget: bool) {
    let withdrawn = Withdrawn(&ledger, number);
    match sending.await {
        Err(error) => ledger.refused(number, &error),
        Ok(delivery) => {
            ledger.accepted(number);
            if !forget {
                ledger.heard(number, delivery.await.as_ref());
            }
        }
    }
    drop(withdrawn);
}

/// Records that the future was dropped before the record was accepted or rejected.
struct Withdrawn<'a>(&'a Ledger, usize);

impl Drop for Withdrawn<'_> {
    fn drop(&mut self) {
        self.0.withdrawn(self.1);
    }
}

/// Compares the report of a batch with the interceptor's reports of its records.
async fn batch(ledger: &Ledger, numbers: &Mutex<Vec<usize>>, delivery: BatchDelivery, observed: bool) {
    let failed: Vec<usize> = match delivery.await {
        Ok(_) => Vec::new(),
        Err(error) => error.failures().iter().map(|(index, _)| *index).collect(),
    };
    for (index, number) in lock(numbers).iter().enumerate() {
        ledger.accepted(*number);
        let acknowledged = ledger.records()[*number].acknowledged.clone();
        let is_written = acknowledged.iter().any(|outcome| matches!(outcome, Outcome::Written { .. }));
        if observed && is_written == failed.contains(&index) {
            ledger.violated(format!(
                "record {number} of a batch: failed records {failed:?}, but the interceptor got {acknowledged:?}"
            ));
        }
    }
}

fn call_back(callback: Callback, producer: Option<Producer<str, str>>, ledger: &Arc<Ledger>, valve: &Valve) {
    match callback {
        Callback::Nothing | Callback::Bomb => {}
        Callback::Panics => deliberate_panic(),
        Callback::Blocks => valve.pass(),
        Callback::Handle => drop(producer),
        Callback::TrySends => producer.iter().for_each(|producer| try_send(producer, ledger)),
        Callback::Sends => producer.iter().for_each(|producer| drop(send(producer, ledger))),
    }
}

/// The action of a task that runs inside `wake`.
pub(super) async fn then(then: Then, producer: Producer<str, str>, ledger: &Arc<Ledger>) {
    match then {
        Then::Nothing => {}
        Then::Panics => deliberate_panic(),
        Then::TrySends => try_send(&producer, ledger),
        Then::Sends => send(&producer, ledger).await,
        Then::Flushes => drop(producer.flush().await),
        Then::Closes => drop(producer.close(Duration::from_secs(5)).now_or_never()),
    }
}

fn try_send(producer: &Producer<str, str>, ledger: &Arc<Ledger>) {
    let number = ledger.add(SMALL, 0, false);
    match producer.try_send(small(number)) {
        Ok(delivery) => {
            ledger.accepted(number);
            drop(delivery);
        }
        Err(refused) => ledger.refused(number, refused.error()),
    }
}

fn send(producer: &Producer<str, str>, ledger: &Arc<Ledger>) -> impl Future<Output = ()> + Send + use<> {
    let number = ledger.add(SMALL, 0, false);
    follow(Arc::clone(ledger), number, producer.send(small(number)), false)
}

fn small(number: usize) -> ottla::ProducerRecord<'static, str, str> {
    ottla::ProducerRecord::to("orders").key("key 9".to_owned()).value(format!("{number:08}."))
}
