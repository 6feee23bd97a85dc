//! The records that librdkafka has: [`Client::produce`] passes a record in, with its slot as the message's opaque, and [`ReportBatch`] takes the
//! slot back from the delivery report and completes it.
//!
//! A batch of reports is completed in this order: store all outcomes, destroy the event (only then has librdkafka freed its records), return
//! slots to the pool, free buffer memory, admit waiting drafts, lower the outstanding counts, wake tasks. A task that is woken finds all of
//! it done. A task that happens to poll in between may find its report before `buffer_available_bytes` shows the freed memory.

use std::{
    ffi::{c_int, c_void},
    mem,
    num::NonZeroI64,
    ptr,
    sync::Arc,
    task::Waker,
};

use rdkafka_sys as sys;

use super::{
    client::Client,
    code,
    contained::Contained,
    counts::Counted,
    event::{Event, Message},
    event_loop::{Audience, EventHandler, Freed},
    ffi,
    implicit_ack::AcknowledgedPartitions,
    outcome::Outcome,
    prepared_record::{Completion, PreparedRecord, Tally},
    returned_error::ReturnedError,
    slot::{self, Draft, FreeSlot, Reported},
    thread_record,
    topic::{self, PartitionReport, Topic, native_headers},
};
use crate::panic::{survive, wake};

/// `RD_KAFKA_PARTITION_UA`: the partitioner chooses.
const ANY_PARTITION: i32 = -1;

impl Client {
    /// Passes the record to librdkafka. If librdkafka does not accept it, returns it with the code. The draft must have a topic of this client.
    pub(crate) fn produce(&self, mut draft: Draft) -> Result<(), (Draft, i32)> {
        let copied = !draft.record().is_kept();
        let record = draft.record();
        let Some(topic) = record.topic.as_ref().map(|topic| topic.handle()).filter(|topic| !topic.is_null()) else {
            return Err((draft, sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC as i32));
        };
        let partition = record.partition.unwrap_or(ANY_PARTITION);
        let counted = record.partition.and_then(|partition| count(record, partition));
        let bytes = |part: Option<&[u8]>| part.map_or((ptr::null(), 0), |part| (part.as_ptr().cast::<c_void>(), part.len()));
        let (key, key_size) = bytes(record.key());
        let (value, value_size) = bytes(record.value());
        let extra = (!record.headers.is_empty() || record.timestamp.is_some())
            .then(|| (native_headers(&record.headers), record.timestamp.map_or(0, NonZeroI64::get)));
        // The key is always copied. A large value is not copied: librdkafka refers to it until the report.
        let (flags, scratch) =
            if copied { (sys::RD_KAFKA_MSG_F_COPY as c_int, mem::take(&mut draft.record_mut().buffer)) } else { (0, Vec::new()) };
        let (opaque, spare) = draft.into_opaque();
        if counted.is_some() {
            // SAFETY: `into_opaque` returned the pointer, and nobody else has the slot: librdkafka gets it below.
            unsafe { slot::set_counted(opaque) };
        }
        let code = match extra {
            None => {
                // SAFETY: the topic is this client's; key and value lie in `scratch`, or in the slot's buffer, which nobody accesses
                // before the report.
                let result = unsafe {
                    sys::rd_kafka_produce(topic, partition, flags, value.cast_mut(), value_size, key, key_size, opaque)
                };
                // SAFETY: reads this thread's last error, which the failed call has set.
                if result == 0 { code::NO_ERROR } else { unsafe { ffi::rd_kafka_last_error() } }
            }
            Some((headers, timestamp)) => {
                let message = [
                    field(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_RKT, Value { rkt: topic }),
                    field(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_PARTITION, Value { i32_: partition }),
                    field(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE, memory(value, value_size)),
                    field(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY, memory(key, key_size)),
                    field(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_MSGFLAGS, Value { i: flags }),
                    field(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_OPAQUE, Value { ptr: opaque }),
                    field(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_TIMESTAMP, Value { i64_: timestamp }),
                    field(sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADERS, Value { headers }),
                ];
                let count = if headers.is_null() { message.len() - 1 } else { message.len() };
                // SAFETY: the topic is this client's; key and value lie in `scratch`, or in the slot's buffer, which nobody accesses
                // before the report; each field's type tag fits its value, and `count` of them are there; the error is ours.
                let result = unsafe { ReturnedError::check(sys::rd_kafka_produceva(self.handle(), message.as_ptr(), count)) };
                match result {
                    Ok(()) => code::NO_ERROR,
                    Err(error) => {
                        if !headers.is_null() {
                            // SAFETY: librdkafka takes the headers over only with a record that it accepts: they are still ours.
                            unsafe { sys::rd_kafka_headers_destroy(headers) };
                        }
                        error.code()
                    }
                }
            }
        };
        if code == code::NO_ERROR {
            if copied {
                let mut record = spare.unwrap_or_default();
                record.buffer = scratch;
                thread_record::give(record);
            }
            return Ok(());
        }
        // SAFETY: librdkafka has not accepted the record, so that it keeps nothing of it.
        let mut draft = unsafe { Draft::take_back(opaque, spare) };
        if copied {
            draft.record_mut().buffer = scratch;
        }
        if let (Some(counted), Some(partition)) = (counted, draft.record().topic.as_ref().and_then(|topic| topic.partition())) {
            partition.on_reported(counted);
        }
        Err((draft, code))
    }
}

/// Counts a record with an explicit partition, for which librdkafka does not call the partitioner; `None` if it does not count.
fn count(record: &PreparedRecord, partition: i32) -> Option<PartitionReport> {
    let bytes = record.view().queued_size();
    let counts = record.topic.as_ref().and_then(|topic| topic.partition()).is_some_and(|topic| topic.count(partition, bytes));
    counts.then_some(PartitionReport { partition, bytes, any_written: false, broker: -1 })
}

type Value = sys::rd_kafka_vu_s__bindgen_ty_1;

fn field(tag: sys::rd_kafka_vtype_t, value: Value) -> sys::rd_kafka_vu_t {
    sys::rd_kafka_vu_t { vtype: tag, u: value }
}

fn memory(bytes: *const c_void, size: usize) -> Value {
    Value { mem: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr: bytes.cast_mut(), size } }
}

/// The work that is left after the reports of an event and is done once for all of them, and the state of earlier reports.
#[derive(Default)]
pub(super) struct ReportBatch {
    acknowledged_partitions: AcknowledgedPartitions,
    freed: Freed,
    /// The number of records that the event reports.
    records: usize,
    /// Whether the broker has returned the offset of the event's first record; unset before that record.
    has_offsets: Option<bool>,
    /// Whether the audience observes each report.
    observes: bool,
    /// Whether the last record had another receiver than a future: then the next ones usually have one too.
    has_receivers: bool,
    wakers: Vec<Waker>,
    slots: Vec<FreeSlot>,
    /// The batch of the last record, and how many of its records came in a row: they are counted together.
    run: Option<(Contained<Arc<dyn Tally>>, usize)>,
    /// The topic of the last record, and the sum to be added to its counts.
    topic: Option<(Arc<Topic>, Counted)>,
}

impl ReportBatch {
    /// Called by the delivery thread's event loop. Completes all records of the event, then frees buffer memory, then wakes tasks: a woken task
    /// finds memory and all results.
    ///
    /// Each step runs even if the previous one panics: a task would wait forever for a record that is not completed or not counted.
    pub(super) fn complete(&mut self, client: &Client, event: Event, event_handler: &dyn EventHandler) {
        let audience = event_handler.audience();
        self.has_offsets = None;
        (self.observes, self.records) = (audience.observes_reports(), event.reports_left());
        let mut placed = Placed::default();
        let mut reports = event.reports(self.has_receivers);
        let mut complete_all = || {
            for message in &mut reports {
                self.complete_one(client, event_handler, audience, &message, &mut placed);
            }
        };
        // Usually once; after a panic it continues with the next record.
        while survive("a delivery report", &mut complete_all).is_none() {}
        survive("the partitions' queues", || placed.end());
        survive("a batch", || self.end_run());
        survive("a topic's counts", || self.end_topic());
        drop(event);
        survive("the pool", || client.pool().give_all(&mut self.slots));
        let freed = mem::take(&mut self.freed);
        survive("the end of a batch", || event_handler.on_freed(client, freed));
        self.wakers.drain(..).for_each(wake);
    }

    fn complete_one(
        &mut self,
        client: &Client,
        event_handler: &dyn EventHandler,
        audience: &dyn Audience,
        message: &Message<'_>,
        placed: &mut Placed,
    ) {
        // SAFETY: `Client::produce` made every message with a slot as its opaque, and librdkafka reports each one once.
        let mut reported = unsafe { Reported::from_opaque(message.opaque()) };
        self.freed.bytes += reported.charge();
        if let Some(records) = self.freed.records.get_mut(reported.generation()) {
            *records += 1;
        }
        let mut outcome = message.outcome();
        let has_offsets = *self.has_offsets.get_or_insert(outcome.offset >= 0);
        self.acknowledged_partitions.examine(message.topic(), &mut outcome);
        if !has_offsets {
            // librdkafka counts from the offset of the first record, even if that is the number for "none".
            outcome.offset = -1;
        }
        self.count_of_topic(message, &reported, &outcome);
        if reported.is_counted() {
            // SAFETY: the message's topic is one of the client's, which keeps it until it is dropped; the delivery thread holds the client.
            unsafe { placed.add(message, &outcome) };
        }
        if outcome.code() != code::NO_ERROR {
            outcome.details = reported.take_details();
            outcome.attribute(self.records);
            event_handler.on_failure(client, &reported.view(), &mut outcome, message.broker());
            if audience.returns_records() {
                outcome.return_record(reported.view().copy(reported.asked(), (message.key(), message.value())));
            }
        }
        if self.observes {
            audience.on_report(&reported.view(), &outcome);
        }
        if code::PURGES.contains(&outcome.code()) {
            event_handler.on_purged(&reported.view(), reported.asked(), (message.key(), message.value()), &outcome);
        }
        self.deliver(reported, &mut outcome, audience);
    }

    /// Passes the report to its receiver, and takes the outcome.
    fn deliver(&mut self, mut reported: Reported, outcome: &mut Outcome, audience: &dyn Audience) {
        let completion = reported.take_completion();
        self.has_receivers = !matches!(completion, Completion::Future);
        match completion {
            Completion::Future => {}
            Completion::Callback(callback) => audience.call_back(callback, &reported.view(), outcome),
            Completion::Member { tally, index } => {
                if outcome.code() != code::NO_ERROR {
                    tally.fail(index, &reported.view(), outcome);
                }
                self.count(tally);
            }
        }
        match reported.complete(mem::take(outcome)) {
            Err(slot) => self.slots.push(slot),
            Ok(waker) => self.wakers.extend(waker),
        }
    }

    fn count_of_topic(&mut self, message: &Message<'_>, reported: &Reported, outcome: &Outcome) {
        if self.topic.as_ref().is_none_or(|(topic, _)| topic.handle().cast_const() != message.topic()) {
            self.end_topic();
            self.topic = reported.view().topic.map(|topic| (Arc::clone(topic), Counted::default()));
        }
        if let Some((topic, counted)) = &mut self.topic {
            counted.add(outcome.code() == code::NO_ERROR, message.size());
            if outcome.code() == code::NO_ERROR {
                topic.note_partition(outcome.partition);
            }
        }
    }

    fn end_topic(&mut self) {
        if let Some((topic, counted)) = self.topic.take() {
            topic.counts().add(counted);
        }
    }

    fn count(&mut self, tally: Contained<Arc<dyn Tally>>) {
        match &mut self.run {
            Some((known, records)) if Arc::ptr_eq(known, &tally) => *records += 1,
            _ => {
                self.end_run();
                self.run = Some((tally, 1));
            }
        }
    }

    fn end_run(&mut self) {
        if let Some((tally, records)) = self.run.take() {
            self.wakers.extend(tally.close(records));
        }
    }
}

/// Consecutive records of one partition that the topic's partitioner has counted. The partitioner is called once for all.
#[derive(Default)]
struct Placed(Option<(*const sys::rd_kafka_topic_t, topic::PartitionReport)>);

impl Placed {
    /// # Safety
    /// The message's topic lives until [`end`](Self::end).
    unsafe fn add(&mut self, message: &Message<'_>, outcome: &Outcome) {
        let (partition, bytes, any_written) = (outcome.partition, message.queued_size(), outcome.code() == code::NO_ERROR);
        match &mut self.0 {
            Some((topic, run)) if *topic == message.topic() && run.partition == partition => {
                run.bytes += bytes;
                run.any_written |= any_written;
            }
            _ => {
                self.end();
                let broker = message.broker();
                self.0 = Some((message.topic(), topic::PartitionReport { partition, bytes, any_written, broker }));
            }
        }
    }

    fn end(&mut self) {
        if let Some((topic, reported)) = self.0.take() {
            // SAFETY: the caller of `add` guarantees that the topic lives until this.
            unsafe { topic::tell_reported(topic, reported) };
        }
    }
}

/// Ends a record that counted as accepted but was rejected by librdkafka: the code is its report. Returns the wakers to call.
pub(crate) fn report_refused(mut draft: Draft, code: i32, audience: &dyn Audience) -> Vec<Waker> {
    let outcome = Outcome { details: draft.take_details(), ..Outcome::unwritten(code) };
    report(draft, outcome, audience)
}

/// Ends a record that is not in librdkafka. Returns the wakers to call.
pub(crate) fn report(draft: Draft, mut outcome: Outcome, audience: &dyn Audience) -> Vec<Waker> {
    if outcome.code() != code::NO_ERROR && audience.returns_records() {
        let prepared = draft.record();
        outcome.return_record(prepared.view().copy(prepared.asked(), (prepared.key(), prepared.value())));
    }
    let (mut batch, reported) = (ReportBatch::default(), Reported::from(draft));
    if audience.observes_reports() {
        audience.on_report(&reported.view(), &outcome);
    }
    batch.deliver(reported, &mut outcome, audience);
    batch.end_run();
    batch.slots.into_iter().for_each(FreeSlot::recycle);
    batch.wakers
}
