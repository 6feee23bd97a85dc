//! Runs the steps of a case on real producers, and checks the invariants after each step.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures::{executor::block_on, future::BoxFuture, task::noop_waker_ref};
use ottla::{
    Producer, ProducerConfig, ProducerRecord, Transaction,
    producer::ProducerSink,
    testing::{BrokerError, EmbeddedKafka},
};

use super::{
    inline::Task,
    ledger::{Ledger, Stage},
    profile::{APIS, ERRORS, Profile},
    search::Progress,
    step::{Case, CloseTime, Fault, How, Place, Settings, Spec, Step, Then, Topic},
    user_code::{Gates, Observer, Panics, Values, Valve, choose_partition, is_deliberate},
};

pub(super) const MAX_REQUEST_SIZE: usize = 20_000;
/// How many steps a closed producer is still used, for calls that must fail.
const STEPS_AFTER_CLOSE: usize = 3;
/// How many records a reference producer sends and gets reports for before a send that waits for nothing counts as stuck.
const ROUND_TRIPS: usize = 150;
/// The shortest time for that: on a busy machine one thread may run much later than others. Timers that would end such a wait take a second.
const BUSY: Duration = Duration::from_millis(500);

pub(super) struct Machine {
    pub(super) profile: Profile,
    pub(super) settings: Settings,
    pub(super) kafka: Arc<EmbeddedKafka>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) gates: Arc<Gates>,
    pub(super) valve: Arc<Valve>,
    pub(super) progress: Arc<Progress>,
    pub(super) handles: Vec<Producer<str, str>>,
    /// The number of steps since it was closed.
    pub(super) closed: Option<usize>,
    pub(super) kept: Vec<BoxFuture<'static, ()>>,
    pub(super) tasks: Vec<Arc<Task>>,
    pub(super) sink: Option<ProducerSink<str, str>>,
    pub(super) transaction: Option<Arc<Transaction<str, str>>>,
    /// The number of the last transaction, from 1.
    pub(super) transactions: usize,
    /// Whether `init_transactions` was called.
    pub(super) is_initialised: bool,
    /// Whether a commit of the open transaction has timed out.
    pub(super) is_committing: bool,
    reference: Option<Producer<str, str>>,
}

impl Machine {
    pub(super) fn new(profile: Profile, settings: Settings, progress: Arc<Progress>) -> Self {
        let kafka = EmbeddedKafka::builder().topic("orders", 3).topic("payments", 1).topic("reference", 1).start().unwrap();
        Self {
            profile,
            settings,
            kafka: Arc::new(kafka),
            ledger: Arc::new(Ledger::new(profile.is_healthy())),
            gates: Arc::default(),
            valve: Arc::default(),
            progress,
            handles: Vec::new(),
            closed: None,
            kept: Vec::new(),
            tasks: Vec::new(),
            sink: None,
            transaction: None,
            transactions: 0,
            is_initialised: false,
            is_committing: false,
            reference: None,
        }
    }

    /// Runs the case. The error is the first violation.
    pub(super) fn run(mut self, case: &Case) -> Result<(), String> {
        self.valve.set_shut(true);
        for (index, step) in case.steps.iter().enumerate() {
            self.progress.note(format!("step {index}, {step:?}"));
            // A waker may be called again after its future is ready.
            self.gates.wake_again();
            self.gates.stay_open(false);
            let ran = catch_unwind(AssertUnwindSafe(|| self.step(step)));
            // A panic of the test's own code in its own call is expected.
            ran.unwrap_or_else(|payload| {
                if !is_deliberate(&*payload) {
                    resume_unwind(payload);
                }
            });
            self.check()?;
        }
        self.end()
    }

    fn step(&mut self, step: &Step) {
        if let Some(steps) = &mut self.closed {
            *steps += 1;
            if *steps > STEPS_AFTER_CLOSE {
                self.retire();
            }
        }
        match step {
            Step::Send(way, spec) => self.send(*way, *spec),
            Step::Run(spec, then) => self.send_inline(*spec, *then),
            Step::SendAll(specs) => self.send_all(specs),
            Step::SinkSend(spec) => self.sink_send(*spec),
            Step::SinkFlush => self.sink_end(false),
            Step::SinkClose => self.sink_end(true),
            Step::Poll(pick) => {
                let index = self.pick(*pick);
                self.poll(index);
            }
            Step::Await(pick) => {
                if let Some(index) = self.pick(*pick) {
                    let future = self.kept.swap_remove(index);
                    self.open_all();
                    self.unblocked(|_| block_on(future));
                }
            }
            Step::Cancel(pick) => {
                if let Some(index) = self.pick(*pick) {
                    drop(self.kept.swap_remove(index));
                }
            }
            Step::Flush(how) => {
                let producer = self.producer();
                let flush = async move {
                    let _ = producer.flush().await;
                };
                if *how == How::Await {
                    self.open_all();
                }
                self.by(*how, flush);
            }
            Step::Release(pick, release) => {
                let closed = self.gates.closed();
                if let Some(number) = closed.get(pick % closed.len().max(1)) {
                    self.gates.release(*number, *release);
                    self.expect_progress();
                }
            }
            Step::ReleaseAll(release) => {
                self.gates.closed().into_iter().for_each(|number| self.gates.release(number, *release));
                self.expect_progress();
            }
            Step::Unblock => self.unblocked(|_| std::thread::sleep(Duration::from_millis(5))),
            Step::Clone => {
                let producer = self.producer();
                self.handles.push(producer);
            }
            Step::DropHandle => {
                if self.handles.len() > 1 {
                    self.handles.pop();
                }
            }
            Step::DropAll => self.retire(),
            Step::Close(how, time) => self.close(*how, *time),
            Step::Fault(fault) => self.fault(*fault),
            Step::Heal => self.heal(),
            Step::Pause(milliseconds) => std::thread::sleep(Duration::from_millis(*milliseconds)),
            Step::Begin
            | Step::SendOffsets
            | Step::Commit(_)
            | Step::Abort(_)
            | Step::DropTransaction
            | Step::CommitByFlags
            | Step::SendOffsetsByFlags => self.transaction_step(step),
        }
    }

    /// Checks the invariants after each step.
    fn check(&mut self) -> Result<(), String> {
        if self.profile == Profile::Memory {
            (0..self.kept.len()).rev().for_each(|index| self.poll(Some(index)));
        }
        if let Some(producer) = self.handles.first() {
            let (available, limit) = (producer.buffer_available_bytes(), self.settings.buffer_memory);
            if available > limit {
                return Err(format!("buffer_available_bytes is {available}, but buffer.memory is {limit}"));
            }
            if self.profile == Profile::Memory {
                self.ledger.note_ends(available, Duration::from_millis(self.settings.max_block_ms));
            }
        }
        self.ledger.violation().map_or(Ok(()), Err)
    }

    /// A handle of the producer, which is built if there is none.
    pub(super) fn producer(&mut self) -> Producer<str, str> {
        if self.handles.is_empty() {
            let producer = self.build();
            self.handles.push(producer);
        }
        self.handles[0].clone()
    }

    fn build(&mut self) -> Producer<str, str> {
        let settings = self.settings;
        let text = |number: u64| number.to_string();
        let mut config = ProducerConfig::new().set("bootstrap.servers", self.kafka.bootstrap_servers()).unwrap();
        let request_timeout = (settings.delivery_timeout_ms / 3).min(20_000);
        for (name, value) in [
            ("buffer.memory", settings.buffer_memory.to_string()),
            ("max.block.ms", text(settings.max_block_ms)),
            ("delivery.timeout.ms", text(settings.delivery_timeout_ms)),
            ("request.timeout.ms", text(request_timeout)),
            ("linger.ms", text(settings.linger_ms)),
            ("max.request.size", MAX_REQUEST_SIZE.to_string()),
            ("retry.backoff.ms", "10".to_owned()),
            ("reconnect.backoff.ms", "10".to_owned()),
            ("reconnect.backoff.max.ms", "100".to_owned()),
            // The embedded broker does not check the sequence numbers of idempotent producers.
            ("max.in.flight.requests.per.connection", "1".to_owned()),
        ] {
            config = config.set(name, value).unwrap();
        }
        if settings.transactional {
            config = config.set("transactional.id", "state").unwrap();
        }
        let values = Values { gates: Arc::clone(&self.gates), may_defer: settings.may_defer };
        let drop_timeout = match settings.drop_timeout_ms {
            u64::MAX => Duration::MAX,
            milliseconds => Duration::from_millis(milliseconds),
        };
        let mut builder = Producer::builder(config).value_serializer(values).drop_timeout(drop_timeout);
        if settings.observed {
            builder = builder.interceptor(Observer(Arc::clone(&self.ledger))).interceptor(Panics);
        }
        if settings.partitioner {
            builder = builder.partitioner(choose_partition);
        }
        self.is_initialised = false;
        self.progress.add("a producer is built");
        let producer: Producer<str, str> = builder.build().unwrap();
        self.progress.add("it requests partitions");
        let _ = block_on(producer.partitions_for("orders"));
        self.progress.add("it is ready");
        producer
    }

    /// Drops all handles and what depends on them.
    pub(super) fn retire(&mut self) {
        self.closed = None;
        self.ledger.change_producer();
        self.progress.add("the handles are dropped");
        self.sink = None;
        self.transaction = None;
        self.is_committing = false;
        self.handles.clear();
    }

    fn close(&mut self, how: How, time: CloseTime) {
        let producer = self.producer();
        self.closed.get_or_insert(0);
        let is_short = matches!(time, CloseTime::Zero | CloseTime::Short);
        let time = match time {
            CloseTime::Zero => Duration::ZERO,
            CloseTime::Short => Duration::from_millis(100),
            CloseTime::Long => Duration::from_secs(15),
            CloseTime::Max => Duration::MAX,
        };
        let close = async move {
            let _ = producer.close(time).await;
        };
        if how == How::Await && !is_short {
            // A short timeout should expire.
            self.open_all();
            self.unblocked(|machine| machine.by(how, close));
        } else {
            self.by(how, close);
        }
    }

    pub(super) fn record(&self, number: usize, spec: Spec) -> ProducerRecord<'static, str, str> {
        let topic = match spec.topic {
            Topic::Orders => "orders",
            Topic::Payments => "payments",
            Topic::Invalid => "not a topic",
        };
        let mut value = format!("{number:08}{}", spec.value.letter());
        value.extend(std::iter::repeat_n('x', spec.size.saturating_sub(value.len())));
        let mut record = ProducerRecord::to(topic).value(value);
        match spec.place {
            Place::Key(key) => record = record.key(format!("key {key}")),
            Place::Partition(partition) => record = record.partition(partition),
            Place::Keyless => {}
        }
        if spec.bad_timestamp { record.timestamp(0) } else { record }
    }

    /// Adds a record to the ledger, as sent now.
    pub(super) fn add(&mut self, spec: Spec) -> (usize, ProducerRecord<'static, str, str>) {
        let transaction = if self.transaction.is_some() { self.transactions } else { 0 };
        let number = self.ledger.add(spec, transaction, true);
        (number, self.record(number, spec))
    }

    pub(super) fn keep(&mut self, future: impl Future<Output = ()> + Send + 'static) {
        self.kept.push(Box::pin(future));
        self.poll(Some(self.kept.len() - 1));
    }

    pub(super) fn by(&mut self, how: How, future: impl Future<Output = ()> + Send + 'static) {
        match how {
            How::Await => block_on(future),
            How::Start => self.keep(future),
            How::Inline(then) => {
                let producer = self.producer();
                self.spawn(future, then, producer);
            }
        }
    }

    fn pick(&self, pick: usize) -> Option<usize> {
        (!self.kept.is_empty()).then(|| pick % self.kept.len())
    }

    fn poll(&mut self, index: Option<usize>) {
        let Some(index) = index else { return };
        let polled = Pin::new(&mut self.kept[index]).poll(&mut Context::from_waker(noop_waker_ref()));
        if polled == Poll::Ready(()) {
            drop(self.kept.swap_remove(index));
        }
    }

    /// Releases blocked callbacks while `code` runs.
    pub(super) fn unblocked(&mut self, code: impl FnOnce(&mut Self)) {
        self.valve.set_shut(false);
        code(self);
        self.valve.set_shut(true);
    }

    /// Releases deferred serializers until the next step, because the step waits for their records.
    pub(super) fn open_all(&self) {
        self.gates.stay_open(true);
    }

    fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::Down => drop(self.kafka.broker_down(1)),
            Fault::Silent => drop(self.kafka.set_round_trip_time(1, Duration::from_secs(3600))),
            Fault::Late(milliseconds) => drop(self.kafka.set_round_trip_time(1, Duration::from_millis(milliseconds))),
            Fault::Errors(api, error, count) => {
                let (api, error): (_, BrokerError) = (APIS[api % APIS.len()], ERRORS[error % ERRORS.len()]);
                self.kafka.fail_next(api, &vec![error; count]).unwrap();
            }
        }
    }

    /// Ends all faults of the broker.
    pub(super) fn heal(&mut self) {
        if self.profile.is_healthy() {
            return;
        }
        self.kafka.set_round_trip_time(1, Duration::ZERO).unwrap();
        APIS.iter().for_each(|api| self.kafka.clear_failures(*api));
        // Delayed responses are lost with the connections.
        self.kafka.broker_down(1).unwrap();
        self.kafka.broker_up(1).unwrap();
    }

    /// If no serializer waits, each send must make progress at once, not after a timer. The time is measured by reports of another producer,
    /// which need the same threads.
    pub(super) fn expect_progress(&mut self) {
        if self.profile != Profile::Deferred || !self.gates.closed().is_empty() {
            return;
        }
        let servers = self.kafka.bootstrap_servers().to_owned();
        let reference = self.reference.get_or_insert_with(|| {
            let config = ProducerConfig::new().set("bootstrap.servers", servers).unwrap().set("linger.ms", "0").unwrap();
            let producer = Producer::builder(config).build().unwrap();
            block_on(producer.partitions_for("reference")).unwrap();
            producer
        });
        let reference = reference.clone();
        let (begun, mut reports) = (Instant::now(), 0);
        while reports < ROUND_TRIPS || begun.elapsed() < BUSY {
            reports += 1;
            (0..self.kept.len()).rev().for_each(|index| self.poll(Some(index)));
            let records = self.ledger.records();
            // Records of an unknown topic wait for this producer's own connection and metadata.
            let is_payments_known = records.iter().any(|record| record.spec.topic == Topic::Payments && record.is_written());
            // A partition that the topic does not have may be added later: its records wait for max.block.ms.
            let waits = records.iter().any(|record| {
                let is_known = record.spec.topic != Topic::Payments || is_payments_known;
                record.stage == Stage::Sending && record.spec.has_place() && is_known
            });
            drop(records);
            if !waits {
                return;
            }
            block_on(async { reference.send(ProducerRecord::to("reference").value("v")).await.unwrap().await.unwrap() });
        }
        self.ledger.violated(format!("sends wait without a reason, while another producer got {reports} reports"));
    }

    pub(super) fn spawn(&mut self, future: impl Future<Output = ()> + Send + 'static, then: Then, producer: Producer<str, str>) {
        let ledger = Arc::clone(&self.ledger);
        let task = Task::spawn(async move {
            future.await;
            super::sending::then(then, producer, &ledger).await;
        });
        self.tasks.push(task);
    }
}
