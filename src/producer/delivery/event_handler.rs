//! The producer's [`EventHandler`], called by the delivery thread.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use super::flush_helper::FLUSH_SLICE;
use crate::{
    Error, ErrorKind,
    lock::lock,
    native::{
        Asked, Audience, AuthFailure, Client, EventHandler, Freed, KeyAndValue, NextStep, Outcome, RecordView, Throttled,
        TopicCounts, TransactionRefused, closed_connection, code,
    },
    panic::{emit, survive},
    producer::{
        admission::outstanding::Done,
        producer_state::{ProducerState, refresh_metadata_of},
        status::totals,
        transaction::{Failure, Transactions, is_fence},
    },
};

/// The longest wait for an event without a timer.
const IDLE: Duration = Duration::from_secs(1);

/// The same without outstanding records: the interval of the samples for metrics.
const ASLEEP: Duration = Duration::from_secs(5);

impl EventHandler for ProducerState {
    fn audience(&self) -> &dyn Audience {
        &self.delivery.listeners
    }

    fn on_failure(&self, client: &Client, view: &RecordView<'_>, outcome: &mut Outcome, broker: i32) {
        match outcome.code() {
            code::MSG_TIMED_OUT => {
                if let Some(error) = self.authentication.broker_errors.last() {
                    outcome.details.get_or_insert_default().cause = Some(error.to_string().into_boxed_str());
                }
            }
            // Only `refuse_queued` purges before the first authentication, unless the producer gives up the remaining records.
            code::PURGE_QUEUE if !self.delivery.gives_up.load(Ordering::SeqCst) => {
                if let Some(refusal) = lock(&self.authentication.refusal).clone() {
                    outcome.set_code(refusal.code());
                    outcome.details.get_or_insert_default().refusal = Some(refusal);
                }
            }
            code if code::NOT_AUTHORIZED.contains(&code) => {
                let who = answered_by(client, broker);
                outcome.details.get_or_insert_default().cause = Some(who.into_boxed_str());
            }
            _ => {}
        }
        let fatal = client.fatal_error().map(|(code, text)| (code, self.authentication.broker_errors.redact(&text)));
        if code::PURGES.contains(&outcome.code()) {
            // Purged because of a fatal error. For other purges in a transaction, the commit reports the reason.
            let Some((code, text)) = fatal.filter(|_| !self.delivery.gives_up.load(Ordering::SeqCst)) else { return };
            outcome.set_code(code);
            let details = outcome.details.get_or_insert_default();
            details.has_expired = self.transactions.as_ref().is_some_and(|transactions| has_expired(transactions, code, &text));
            details.cause = Some(text.into_boxed_str());
        } else if let Some(transactions) = &self.transactions {
            // In Java a fenced record is fatal for the producer; in librdkafka not always.
            let fenced =
                || is_fence(outcome.code()).then(|| (outcome.code(), Error::from_report(view.topic_name(), outcome).to_string()));
            match fatal.or_else(fenced) {
                Some((code, text)) => {
                    outcome.details.get_or_insert_default().has_expired = has_expired(transactions, code, &text);
                }
                None => {
                    outcome.details.get_or_insert_default().only_aborts = true;
                    let what = || Failure::new(Error::from_report(view.topic_name(), outcome).to_string());
                    if let (true, Some(topic)) = (transactions.fail(what), view.topic) {
                        refresh_metadata_of(client, topic, outcome.code());
                    }
                }
            }
        }
    }

    fn on_purged(&self, view: &RecordView<'_>, asked: Asked, bytes: KeyAndValue<'_>, outcome: &Outcome) {
        // The records of an aborted transaction are not returned.
        if self.delivery.gives_up.load(Ordering::SeqCst) {
            lock(&self.delivery.closing).give_up(view, asked, bytes, outcome);
        }
    }

    fn on_freed(&self, client: &Client, freed: Freed) {
        if self.admission.buffer_memory.is_waited_for() || self.admission.deferrals.is_stalled() {
            self.delivery.flush_helper.note_progress();
        }
        // Contained, so that the flushes below are completed.
        survive("the admission of waiting records", || self.release(client, freed.bytes));
        // Dropped last, since it wakes the tasks of completed flushes.
        let mut done = Done::default();
        self.admission.outstanding.leave(freed.records, &mut done);
    }

    fn on_error(&self, client: &Client, error: i32, text: &str, fatal: bool) {
        let text = self.authentication.broker_errors.redact(text);
        if fatal || error == code::FATAL {
            let cause = client.fatal_error().map(|(_, text)| self.authentication.broker_errors.redact(&text));
            emit!(error, code = error, %text, cause, "fatal error: the producer has failed and cannot be used any more");
            self.delivery.listeners.hooks.tell_error(|| {
                let (code, text) = (client.fatal_error().map_or(error, |(code, _)| code), cause.unwrap_or_else(|| text.clone()));
                let cause = TransactionRefused { code, text, retriable: false, abortable: false, fatal: true };
                Error::from_transaction(&cause, "the producer has failed")
            });
        } else {
            emit!(warn, target: "ottla::librdkafka", code = error, "{text}");
            self.delivery.listeners.hooks.tell_error(|| Error::from_code(error, "the producer").with_source(text.clone()));
        }
        if error == code::ALL_BROKERS_DOWN {
            self.authentication.state.note_all_down(Instant::now());
        } else {
            let refusal = AuthFailure::read(error, &text, |address| client.connections().certificate_error(address));
            self.authentication.state.note(&text, refusal.clone());
            if let Some(refusal) = refusal {
                return self.authentication.broker_errors.note(refusal.code(), format!("{refusal}: {text}"), Some(refusal));
            }
        }
        self.authentication.broker_errors.note(error, text, None);
    }

    fn on_token_refresh(&self) {
        if let Some(tokens) = &self.authentication.tokens {
            tokens.refresh();
        }
    }

    fn on_log(&self, level: i32, facility: &str, text: &str) {
        let text = self.authentication.broker_errors.redact(text);
        // A connection closed by a broker has only this log line and no error event of its own, and the line says more than the next event,
        // that all brokers are down. Lines of errors have an event each.
        if let Some(closed) = closed_connection(level, facility, &text) {
            self.authentication.broker_errors.note(code::TRANSPORT, closed.to_owned(), None);
        }
        self.delivery.listeners.hooks.tell_log(level, facility, &text);
        match level {
            0..=3 => emit!(error, target: "ottla::librdkafka", facility, "{text}"),
            4 => emit!(warn, target: "ottla::librdkafka", facility, "{text}"),
            5 | 6 => emit!(info, target: "ottla::librdkafka", facility, "{text}"),
            _ => emit!(debug, target: "ottla::librdkafka", facility, "{text}"),
        }
    }

    fn on_throttle(&self, throttled: Throttled) {
        self.delivery.listeners.on_throttle.tell(throttled);
    }

    fn on_statistics(&self, json: String) {
        self.delivery.listeners.hooks.tell_statistics(&json);
        self.meter.keep_statistics(json);
    }

    fn next_step(&self, client: &Client) -> NextStep {
        let now = Instant::now();
        self.meter.sample(now, || totals(client, TopicCounts::take));
        if self.admission.outstanding.is_closed() {
            self.refuse_waiting(code::DESTROY, true);
            let has_ended = self.transactions.as_ref().is_none_or(Transactions::has_ended);
            if self.admission.outstanding.is_empty() && has_ended {
                return NextStep::Done;
            }
            if let Some(wait) = lock(&self.delivery.closing).due(now) {
                return NextStep::Wait(wait);
            }
            if let Some(transactions) = &self.transactions {
                transactions.give_up();
            }
            if self.admission.outstanding.is_empty() {
                return NextStep::Done;
            }
            self.delivery.gives_up.store(true, Ordering::SeqCst);
            client.purge();
            return NextStep::Wait(FLUSH_SLICE);
        }
        let denial = self.refuse_queued(client, now);
        self.serve_deferred(client, now);
        self.serve_absent(client, now);
        self.metadata.refresh.follow_leaders(client, || self.metadata.absent.waker());
        self.expire(client, now);
        let unlinger = self
            .delivery
            .flush_helper
            .watch(self.admission.buffer_memory.is_waited_for() || self.admission.deferrals.is_stalled(), now);
        let deadlines = [
            self.admission.buffer_memory.next_deadline(),
            self.admission.deferrals.next_deadline(),
            self.metadata.absent.next_deadline(),
            denial,
            unlinger,
        ];
        match deadlines.into_iter().flatten().min() {
            Some(deadline) => NextStep::Wait(IDLE.min(deadline.saturating_duration_since(now))),
            None if self.admission.outstanding.is_empty() => NextStep::Idle(longest_sleep(client)),
            None => NextStep::Wait(IDLE),
        }
    }
}

impl ProducerState {
    /// Fails the queued records if authentication fails and never succeeded: then all accepted records are queued, and none was sent. Returns the
    /// time of the next check.
    fn refuse_queued(&self, client: &Client, now: Instant) -> Option<Instant> {
        if client.connections().has_been_up() {
            return None;
        }
        let deadline = self.authentication.state.watch(!self.admission.outstanding.is_empty(), now);
        let refusal = self.authentication.state.records_denied(now);
        if refusal.is_none() {
            return deadline;
        }
        self.authentication.state.start_over();
        *lock(&self.authentication.refusal) = refusal;
        client.purge_queued();
        None
    }
}

/// The longest wait for an event without outstanding records. The thread is woken when a record begins to wait and when the producer is closed, but
/// not when a record is sent before the first connection, or when metadata name new leaders for a rack-aware partitioner.
fn longest_sleep(client: &Client) -> Duration {
    if client.connections().has_been_up() && client.metadata_responses() == 0 { ASLEEP } else { IDLE }
}

/// Stores the fatal error. Returns whether its reason is an expired transaction.
fn has_expired(transactions: &Transactions, code: i32, text: &str) -> bool {
    transactions.end_by(code, text).fatal_kind() == Some(ErrorKind::TransactionExpired)
}

/// The broker that denied authorization. For topic errors librdkafka does not know it, so all connected brokers are named.
fn answered_by(client: &Client, broker: i32) -> String {
    let connections = client.connections();
    let address = if broker < 0 { None } else { connections.address(broker) };
    format!("answered by the broker at {}", address.unwrap_or_else(|| connections.addresses_up().join(" or ")))
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::{Producer, ProducerConfig, ProducerRecord, testing::EmbeddedKafka};

    #[test]
    fn an_idle_delivery_thread_sleeps_longer_once_connected() {
        let step = |producer: &Producer<str, str>| producer.0.untyped.state.next_step(&producer.0.untyped.client);
        let config = ProducerConfig::new().bootstrap_servers(["localhost:1"]);
        let unconnected: Producer<str, str> = Producer::builder(config).build().unwrap();
        // It must soon notice a record that cannot be sent because the login fails.
        assert!(matches!(step(&unconnected), NextStep::Idle(IDLE)));

        let kafka = EmbeddedKafka::builder().topic("orders", 1).start().unwrap();
        let config = ProducerConfig::new().bootstrap_servers([kafka.bootstrap_servers()]);
        let producer: Producer<str, str> = Producer::builder(config).build().unwrap();
        block_on(async { producer.send(ProducerRecord::to("orders").value("one")).await.unwrap().await.unwrap() });
        // The record counts as outstanding until the rest of its batch of reports is handled.
        block_on(producer.flush()).unwrap();
        assert!(matches!(step(&producer), NextStep::Idle(ASLEEP)));
    }
}
