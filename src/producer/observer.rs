//! What the delivery thread does for a producer: [`Observer`] for [`Shared`].

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use super::{
    metering::totals,
    shared::{FLUSH_SLICE, Shared, lock},
    transaction::{Failure, Transactions},
};
use crate::{
    Error,
    native::{Audience, Body, Client, Counts, Freed, Observer, Outcome, Progress, code},
    panic::wake,
};

/// How long the delivery thread waits for an event when no timer is set.
const IDLE: Duration = Duration::from_secs(1);

impl Observer for Shared {
    fn audience(&self) -> &dyn Audience {
        &self.listeners
    }

    fn on_failure(&self, client: &Client, body: &Body, outcome: &mut Outcome) {
        if outcome.code() == code::MSG_TIMED_OUT {
            if let Some(trouble) = self.troubles.last() {
                outcome.words.get_or_insert_default().cause = Some(trouble.to_string().into_boxed_str());
            }
        }
        let Some(transactions) = &self.transactions else { return };
        let fatal = client.fatal_error().map(|(code, _)| code);
        if code::PURGES.contains(&outcome.code()) {
            // Given up because the producer can do no more. Why else records of a transaction are given up, its commit tells.
            if let Some(code) = fatal.and_then(|code| i16::try_from(code).ok()).filter(|_| !self.gives_up.load(Ordering::SeqCst))
            {
                outcome.code = code;
            }
        } else {
            let fatal = fatal.map(|code| Error::from_code(code, "").kind());
            outcome.words.get_or_insert_default().only_aborts = fatal.is_none();
            let topic = body.topic.as_ref().map_or("", |topic| topic.name());
            transactions.fail(|| Failure { what: Error::from_report(topic, outcome).to_string(), fatal });
        }
    }

    fn on_purged(&self, body: &mut Body, key: Option<&[u8]>, value: Option<&[u8]>, outcome: &Outcome) {
        // Who aborts a transaction wants none of its records back.
        if self.gives_up.load(Ordering::SeqCst) {
            lock(&self.closing).give_up(body, key, value, outcome);
        }
    }

    fn on_freed(&self, client: &Client, freed: Freed) {
        self.room.release(freed.bytes);
        self.serve_waiting(client);
        self.outstanding.leave(freed.records);
    }

    fn on_error(&self, client: &Client, error: i32, text: &str, fatal: bool) {
        let text = self.troubles.redact(text);
        if fatal || error == code::FATAL {
            let cause = client.fatal_error().map(|(_, text)| self.troubles.redact(&text));
            tracing::error!(code = error, %text, cause, "fatal: this producer can send no more");
        } else {
            tracing::warn!(target: "ottla::librdkafka", code = error, "{text}");
        }
        self.troubles.note(error, text);
    }

    fn on_log(&self, level: i32, facility: &str, text: &str) {
        let text = self.troubles.redact(text);
        match level {
            0..=3 => tracing::error!(target: "ottla::librdkafka", facility, "{text}"),
            4 => tracing::warn!(target: "ottla::librdkafka", facility, "{text}"),
            5 | 6 => tracing::info!(target: "ottla::librdkafka", facility, "{text}"),
            _ => tracing::debug!(target: "ottla::librdkafka", facility, "{text}"),
        }
    }

    fn on_statistics(&self, json: String) {
        self.meter.keep_statistics(json);
    }

    fn progress(&self, client: &Client) -> Progress {
        let now = Instant::now();
        self.meter.sample(now, || totals(client, Counts::take));
        if self.outstanding.is_closed() {
            self.clear_deferred(code::DESTROY, true);
            for draft in self.room.clear() {
                self.refuse(draft, code::DESTROY).into_iter().for_each(wake);
            }
            let is_settled = self.transactions.as_ref().is_none_or(Transactions::is_settled);
            if self.outstanding.is_empty() && is_settled {
                return Progress::Done;
            }
            if let Some(wait) = lock(&self.closing).due(now) {
                return Progress::Wait(wait);
            }
            if let Some(transactions) = &self.transactions {
                transactions.give_up();
            }
            if self.outstanding.is_empty() {
                return Progress::Done;
            }
            self.gives_up.store(true, Ordering::SeqCst);
            client.purge();
            return Progress::Wait(FLUSH_SLICE);
        }
        if self.deferrals.waiting() > 0 {
            self.serve_deferred(client, now);
        }
        for draft in self.room.expired(now) {
            self.refuse(draft, code::TIMED_OUT_QUEUE).into_iter().for_each(wake);
        }
        let deadlines = [self.room.next_deadline(), self.deferrals.next_deadline()];
        match deadlines.into_iter().flatten().min() {
            Some(deadline) => Progress::Wait(IDLE.min(deadline.saturating_duration_since(now))),
            None if self.outstanding.is_empty() => Progress::Idle(IDLE),
            None => Progress::Wait(IDLE),
        }
    }
}
