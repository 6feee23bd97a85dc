//! librdkafka as a textbook program in C uses it: `rd_kafka_produce` with a copy of the value, a delivery callback, a thread that polls.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    ptr,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use bench_workload::{Arguments, Latencies, Measuring, Outcome, Records, Schedule, Workload};
use rdkafka_sys as sys;
use sys::rd_kafka_resp_err_t::{RD_KAFKA_RESP_ERR__QUEUE_FULL, RD_KAFKA_RESP_ERR_NO_ERROR};

use super::unsupported;

/// `RD_KAFKA_PARTITION_UA`: librdkafka chooses the partition.
const PARTITION_UNASSIGNED: i32 = -1;

/// What the delivery callback writes to: the `opaque` of the producer.
struct Reports {
    acknowledged: AtomicUsize,
    failed: AtomicUsize,
    mode: Mode,
    reported: Mutex<usize>,
    one_more: Condvar,
}

/// What the callback does beside counting.
enum Mode {
    Count,
    Signal,
    Time(Schedule, Latencies),
}

impl Reports {
    fn new(mode: Mode) -> Self {
        Self {
            acknowledged: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            mode,
            reported: Mutex::new(0),
            one_more: Condvar::new(),
        }
    }

    fn wait_for(&self, count: usize) {
        let reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.one_more.wait_while(reported, |reported| *reported < count));
    }
}

unsafe extern "C" fn delivered(_: *mut sys::rd_kafka_t, message: *const sys::rd_kafka_message_t, opaque: *mut c_void) {
    // SAFETY: librdkafka gives a message that is there during the call.
    let message = unsafe { &*message };
    // SAFETY: the opaque is the `Reports` that outlives the producer.
    let reports = unsafe { &*opaque.cast::<Reports>() };
    let counter = if message.err == RD_KAFKA_RESP_ERR_NO_ERROR { &reports.acknowledged } else { &reports.failed };
    counter.fetch_add(1, Ordering::Relaxed);
    match &reports.mode {
        Mode::Count => {}
        Mode::Signal => {
            *reports.reported.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            reports.one_more.notify_one();
        }
        Mode::Time(schedule, latencies) => {
            let index = message._private as usize;
            latencies.set(index, schedule.due(index).elapsed());
        }
    }
}

/// Producer and topics, as raw as in C.
#[derive(Clone, Copy)]
struct Handle(*mut sys::rd_kafka_t);

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    fn poll(&self, milliseconds: c_int) {
        // SAFETY: the producer lives as long as its polling thread.
        unsafe { sys::rd_kafka_poll(self.0, milliseconds) };
    }

    fn flush(&self) -> Result<()> {
        // SAFETY: the producer is alive.
        let error = unsafe { sys::rd_kafka_flush(self.0, 60_000) };
        ensure!(error == RD_KAFKA_RESP_ERR_NO_ERROR, "rd_kafka_flush: {error:?}");
        Ok(())
    }
}

fn create(arguments: &Arguments, reports: &Reports) -> Result<Handle> {
    let mut error = [0 as c_char; 512];
    // SAFETY: makes a configuration of librdkafka's.
    let conf = unsafe { sys::rd_kafka_conf_new() };
    for (name, value) in [
        ("bootstrap.servers", arguments.bootstrap.clone()),
        ("acks", "all".into()),
        ("enable.idempotence", "true".into()),
        ("linger.ms", arguments.linger_ms.to_string()),
        ("batch.size", arguments.batch_bytes.to_string()),
        ("compression.type", arguments.compression.name().into()),
        ("queue.buffering.max.messages", "1000000".into()),
    ] {
        let (name_c, value_c) = (CString::new(name)?, CString::new(value)?);
        // SAFETY: the strings end in a zero, the buffer has the length that is told.
        let result = unsafe { sys::rd_kafka_conf_set(conf, name_c.as_ptr(), value_c.as_ptr(), error.as_mut_ptr(), error.len()) };
        ensure!(result == sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK, "{name}: {}", words(&error));
    }
    // SAFETY: the callback has the type that librdkafka calls.
    unsafe { sys::rd_kafka_conf_set_dr_msg_cb(conf, Some(delivered)) };
    // SAFETY: `reports` outlives the producer: `run` destroys it first.
    unsafe { sys::rd_kafka_conf_set_opaque(conf, ptr::from_ref(reports).cast_mut().cast()) };
    let kind = sys::rd_kafka_type_t::RD_KAFKA_PRODUCER;
    // SAFETY: takes over the configuration; the buffer has the length that is told.
    let producer = unsafe { sys::rd_kafka_new(kind, conf, error.as_mut_ptr(), error.len()) };
    ensure!(!producer.is_null(), "rd_kafka_new: {}", words(&error));
    Ok(Handle(producer))
}

fn words(error: &[c_char; 512]) -> String {
    // SAFETY: librdkafka ends its text with a zero within the buffer.
    unsafe { CStr::from_ptr(error.as_ptr()) }.to_string_lossy().into_owned()
}

pub(crate) fn run(arguments: &Arguments, records: &Records) -> Result<()> {
    if matches!(arguments.workload, Workload::Transactions | Workload::Idle) {
        return unsupported(arguments.workload);
    }
    let latencies = Latencies::new(if arguments.workload == Workload::Throughput { 0 } else { arguments.records });
    let measuring = Measuring::start();
    let schedule = Schedule::start(arguments.rate);
    let reports = Reports::new(match arguments.workload {
        Workload::Throughput | Workload::Flush => Mode::Count,
        Workload::LatencyClosed | Workload::Transactions | Workload::Idle => Mode::Signal,
        Workload::LatencyOpen => Mode::Time(schedule, latencies.clone()),
    });
    let producer = create(arguments, &reports)?;
    let topics = records.topics().iter().map(|topic| open_topic(producer, topic)).collect::<Result<Vec<_>>>()?;
    let ended = AtomicBool::new(false);
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                producer.poll(100);
            }
        });
        let sent = send(arguments, records, producer, &topics, &reports, &latencies);
        let outcome = sent.map(|()| end(measuring, &reports));
        ended.store(true, Ordering::Relaxed);
        outcome
    });
    for topic in topics {
        // SAFETY: made by `rd_kafka_topic_new`, and not used again.
        unsafe { sys::rd_kafka_topic_destroy(topic) };
    }
    // SAFETY: the polling thread has ended, nothing uses the producer again.
    unsafe { sys::rd_kafka_destroy(producer.0) };
    // SAFETY: a constant string of librdkafka's.
    let version = unsafe { CStr::from_ptr(sys::rd_kafka_version_str()) }.to_string_lossy();
    let latencies = (arguments.workload != Workload::Throughput).then_some(&latencies);
    outcome?.print(arguments, latencies, &format!("librdkafka {version}"))
}

fn open_topic(producer: Handle, topic: &str) -> Result<*mut sys::rd_kafka_topic_t> {
    let name = CString::new(topic)?;
    // SAFETY: the producer is alive, the name ends in a zero.
    let topic = unsafe { sys::rd_kafka_topic_new(producer.0, name.as_ptr(), ptr::null_mut()) };
    ensure!(!topic.is_null(), "rd_kafka_topic_new {name:?}");
    Ok(topic)
}

fn end(measuring: Measuring, reports: &Reports) -> Outcome {
    measuring.end(reports.acknowledged.load(Ordering::Relaxed), reports.failed.load(Ordering::Relaxed))
}

fn send(
    arguments: &Arguments,
    records: &Records,
    producer: Handle,
    topics: &[*mut sys::rd_kafka_topic_t],
    reports: &Reports,
    latencies: &Latencies,
) -> Result<()> {
    for index in 0..arguments.records {
        if let Mode::Time(schedule, _) = &reports.mode {
            schedule.wait(index);
        }
        if matches!(arguments.workload, Workload::Throughput | Workload::LatencyOpen) {
            produce(records, topics, index)?;
            continue;
        }
        let start = Instant::now();
        produce(records, topics, index)?;
        if arguments.workload == Workload::Flush {
            producer.flush()?;
        } else {
            reports.wait_for(index + 1);
        }
        latencies.set(index, start.elapsed());
    }
    producer.flush()
}

fn produce(records: &Records, topics: &[*mut sys::rd_kafka_topic_t], index: usize) -> Result<()> {
    let topic = if topics.len() == 1 { topics[0] } else { topics[index % topics.len()] };
    let value = records.value(index);
    let key = Records::key(index);
    let (key, key_size) = if records.is_keyed() { (key.as_ptr(), key.len()) } else { (ptr::null(), 0) };
    loop {
        // SAFETY: the topic is alive; librdkafka copies key and value before it returns (`RD_KAFKA_MSG_F_COPY`).
        let result = unsafe {
            sys::rd_kafka_produce(
                topic,
                PARTITION_UNASSIGNED,
                sys::RD_KAFKA_MSG_F_COPY as c_int,
                value.as_ptr().cast_mut().cast(),
                value.len(),
                key.cast(),
                key_size,
                ptr::without_provenance_mut(index),
            )
        };
        if result == 0 {
            return Ok(());
        }
        // SAFETY: reads this thread's last error.
        match unsafe { sys::rd_kafka_last_error() } {
            RD_KAFKA_RESP_ERR__QUEUE_FULL => thread::sleep(Duration::from_millis(1)),
            error => bail!("rd_kafka_produce, record {index}: {error:?}"),
        }
    }
}
