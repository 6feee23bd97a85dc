//! What a producer's handles share with its delivery thread.

use std::{
    collections::VecDeque,
    fmt, io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    thread::{self, JoinHandle, ThreadId},
    time::{Duration, Instant},
};

use futures::channel::oneshot;

use super::{
    closing::{Closing, Unsent},
    listeners::Listeners,
    metering::totals,
    outstanding::Outstanding,
    room::Room,
    transaction::{Failure, Transactions},
};
use crate::{
    Error, ErrorKind,
    metrics::Meter,
    native::{Audience, Body, Client, Counts, Draft, Freed, Observer, Outcome, Progress, code, flush_now, report_refused},
    panic::wake,
};

/// How long a flush helper calls into librdkafka before it looks whether it is still needed.
const FLUSH_SLICE: Duration = Duration::from_millis(100);

/// How long the delivery thread waits for an event when no timer is set.
const IDLE: Duration = Duration::from_secs(1);

pub(super) struct Shared {
    pub(super) room: Room,
    pub(super) outstanding: Outstanding,
    /// Of a producer with a `transactional.id`.
    pub(super) transactions: Option<Transactions>,
    pub(super) listeners: Listeners,
    closing: Mutex<Closing>,
    /// Whether closing has begun to give up what is left.
    gives_up: AtomicBool,
    finished: Mutex<Option<Vec<oneshot::Sender<()>>>>,
    flush_helper: Mutex<FlushHelper>,
    delivery_thread: OnceLock<ThreadId>,
    /// The errors of broker connections that came last, the newest at the end.
    troubles: Mutex<VecDeque<Trouble>>,
    pub(super) meter: Meter,
    pub(super) client_id: String,
    pub(super) bootstrap_servers: String,
    /// Values that librdkafka's texts must not show.
    secrets: Vec<String>,
}

/// The thread that calls `rd_kafka_flush`, while it is needed.
#[derive(Default)]
struct FlushHelper {
    runs: bool,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) code: i32,
    pub(super) text: String,
    at: Instant,
}

/// As it stands behind an error of a record or of a call.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the last trouble with a broker, {} s ago: {}", self.at.elapsed().as_secs(), self.text)
    }
}

impl Shared {
    pub(super) fn new(
        room: Room,
        listeners: Listeners,
        transactions: Option<Transactions>,
        client_id: String,
        bootstrap_servers: String,
        secrets: Vec<String>,
    ) -> Self {
        Self {
            room,
            outstanding: Outstanding::default(),
            listeners,
            transactions,
            closing: Mutex::default(),
            gives_up: AtomicBool::new(false),
            finished: Mutex::new(Some(Vec::new())),
            flush_helper: Mutex::default(),
            delivery_thread: OnceLock::new(),
            troubles: Mutex::default(),
            meter: Meter::new(Instant::now()),
            client_id,
            bootstrap_servers,
            secrets,
        }
    }

    /// Starts the thread that serves the client until every record is reported and none can come.
    pub(super) fn start(self: &Arc<Self>, client: Arc<Client>) -> Result<(), Error> {
        self.run(client, crate::native::serve)
            .map(|_| ())
            .map_err(|error| Error::new(ErrorKind::Client, "the delivery thread could not be started").with_source(error))
    }

    fn run(
        self: &Arc<Self>,
        client: Arc<Client>,
        serve: impl FnOnce(&Client, &dyn Observer) + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let shared = Arc::clone(self);
        thread::Builder::new().name(format!("ottla-{}", self.client_id)).spawn(move || {
            // Dropped in this order also when a panic ends the thread: the client, then the announcement.
            let _end = End(Arc::clone(&shared));
            let client = client;
            let _ = shared.delivery_thread.set(thread::current().id());
            serve(&client, &*shared);
            // The helpers hold the client as well; with them gone, the last holder's drop ends librdkafka here.
            let helper = lock(&shared.flush_helper).thread.take();
            if let Some(helper) = helper {
                let _ = helper.join();
            }
            if let Some(transactions) = &shared.transactions {
                transactions.join();
            }
            drop(client);
            lock(&shared.closing).tell_silent_losses();
        })
    }

    /// Hands a draft whose room is taken to librdkafka. On failure its room is given back: the caller serves the queue.
    pub(super) fn accept(&self, client: &Client, mut draft: Draft) -> Result<(), (Draft, i32)> {
        let Some(generation) = self.outstanding.enter() else {
            self.room.release(draft.charge());
            return Err((draft, code::DESTROY));
        };
        draft.set_generation(generation);
        client.produce(draft).inspect_err(|(draft, _)| {
            self.outstanding.leave_one(generation);
            self.room.release(draft.charge());
        })
    }

    /// Admits those that wait, as far as there is room.
    pub(super) fn serve_waiting(&self, client: &Client) {
        let (mut wakers, mut refused) = (Vec::new(), Vec::new());
        self.room.serve(|draft| {
            // Before it is with librdkafka: from then on the slot may be gone at any time.
            wakers.extend(draft.admit());
            refused.extend(self.accept(client, draft).err());
        });
        self.meter.refuse(refused.len());
        // The queue is unlocked again: interceptors and wakers are the user's code, and may send.
        wakers.extend(refused.into_iter().flat_map(|(draft, code)| report_refused(draft, code, &self.listeners)));
        wakers.into_iter().for_each(wake);
    }

    /// Ends a record that was never accepted.
    pub(super) fn refuse(&self, draft: Draft, code: i32) -> Option<Waker> {
        self.meter.refuse(1);
        if code == code::TIMED_OUT_QUEUE {
            self.meter.exhaust();
        }
        if self.listeners.observes_reports() || self.transactions.is_some() {
            self.tell_refused(&topic_of(draft.body()), draft.body(), &self.refusal(code));
        }
        draft.refuse(code)
    }

    /// The error of a record that was never accepted.
    pub(super) fn refusal(&self, code: i32) -> Error {
        match code {
            code::DESTROY => Error::new(ErrorKind::Closed, "the producer is closed"),
            code::TIMED_OUT_QUEUE => self.blame(Error::new(
                ErrorKind::BufferTimeout,
                format!(
                    "no room in buffer.memory ({} bytes) within max.block.ms ({} ms): the brokers take records more slowly than they are sent",
                    self.room.limit(),
                    self.room.max_block().as_millis()
                ),
            )),
            code::STATE if self.transactions.is_some() => {
                Error::new(ErrorKind::TransactionFailed, "the transaction takes no more records: it has failed, or is being ended")
            }
            code => Error::from_code(code, "the record was not accepted"),
        }
    }

    /// Tells the interceptors, and the transaction, of a record that failed before it was accepted.
    pub(super) fn tell_refused(&self, topic: &str, body: &Body, error: &Error) {
        if let Some(transactions) = &self.transactions {
            transactions.note_refusal(error);
        }
        self.listeners.tell_refused(topic, body, error);
    }

    /// Adds the broker connections' last trouble as the error's source.
    pub(super) fn blame(&self, error: Error) -> Error {
        match self.last_trouble() {
            Some(trouble) => error.with_source(trouble.to_string()),
            None => error,
        }
    }

    pub(super) fn last_trouble(&self) -> Option<Trouble> {
        lock(&self.troubles).back().cloned()
    }

    /// The last trouble that says that this producer is not let in.
    pub(super) fn not_let_in(&self) -> Option<Trouble> {
        lock(&self.troubles).iter().rev().find(|trouble| code::REFUSALS.contains(&trouble.code)).cloned()
    }

    pub(super) fn on_delivery_thread(&self) -> bool {
        self.delivery_thread.get() == Some(&thread::current().id())
    }

    /// Keeps librdkafka from lingering as long as a flush waits, or closing does.
    pub(super) fn hurry(self: &Arc<Self>, client: &Arc<Client>) {
        let mut helper = lock(&self.flush_helper);
        // It looks once more under this lock before it ends, and then sees what this call is for.
        if helper.runs {
            return;
        }
        let (shared, client) = (Arc::clone(self), Arc::clone(client));
        let spawned = thread::Builder::new().name("ottla-flush".to_owned()).spawn(move || {
            loop {
                flush_now(&client, FLUSH_SLICE);
                let mut helper = lock(&shared.flush_helper);
                if !shared.is_in_a_hurry() {
                    helper.runs = false;
                    return;
                }
            }
        });
        match spawned {
            Ok(thread) => *helper = FlushHelper { runs: true, thread: Some(thread) },
            // Without the helper records still go out, after linger.ms.
            Err(error) => tracing::warn!(%error, "no thread for a flush: it waits for linger.ms"),
        }
    }

    fn is_in_a_hurry(&self) -> bool {
        let waits = self.outstanding.is_flushing() || (self.outstanding.is_closed() && !self.outstanding.is_empty());
        // Without the delivery thread nothing that is outstanding is ever reported.
        waits && lock(&self.finished).is_some()
    }

    /// Lets no more records in; those accepted have until `deadline`. The receiver hears of the end.
    pub(super) fn close(&self, client: &Client, deadline: Option<Instant>, collect: bool) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        match &mut *lock(&self.finished) {
            Some(waiting) => waiting.push(sender),
            None => drop(sender.send(())),
        }
        lock(&self.closing).begin(deadline, collect);
        self.outstanding.close();
        if let Some(transactions) = &self.transactions {
            transactions.close();
        }
        client.wake();
        receiver
    }

    /// What closing left undelivered.
    pub(super) fn take_unsent(&self) -> Vec<Unsent> {
        lock(&self.closing).take()
    }

    fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "[hidden]"))
    }
}

/// Announces the delivery thread's end when it is dropped. That is also when a panic of our own ends the thread: then nobody may
/// send any more, and nobody waits for an end that cannot come.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        let Self(shared) = self;
        shared.outstanding.close();
        if let Some(transactions) = &shared.transactions {
            transactions.give_up();
        }
        for draft in shared.room.clear() {
            shared.refuse(draft, code::DESTROY).into_iter().for_each(wake);
        }
        for sender in lock(&shared.finished).take().unwrap_or_default() {
            let _ = sender.send(());
        }
    }
}

impl Observer for Shared {
    fn audience(&self) -> &dyn Audience {
        &self.listeners
    }

    fn on_failure(&self, client: &Client, body: &Body, outcome: &mut Outcome) {
        if outcome.code() == code::MSG_TIMED_OUT {
            if let Some(trouble) = self.last_trouble() {
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
        let text = self.redact(text);
        if fatal || error == code::FATAL {
            let cause = client.fatal_error().map(|(_, text)| text);
            tracing::error!(code = error, %text, cause, "fatal: this producer can send no more");
        } else {
            tracing::warn!(target: "ottla::librdkafka", code = error, "{text}");
        }
        let mut troubles = lock(&self.troubles);
        if troubles.len() == 8 {
            troubles.pop_front();
        }
        // That all brokers are down says less than why the last one is.
        if error != code::ALL_BROKERS_DOWN || troubles.is_empty() {
            troubles.push_back(Trouble { code: error, text, at: Instant::now() });
        }
    }

    fn on_log(&self, level: i32, facility: &str, text: &str) {
        let text = self.redact(text);
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
        for draft in self.room.expired(now) {
            self.refuse(draft, code::TIMED_OUT_QUEUE).into_iter().for_each(wake);
        }
        match self.room.next_deadline() {
            Some(deadline) => Progress::Wait(IDLE.min(deadline.saturating_duration_since(now))),
            None if self.outstanding.is_empty() => Progress::Idle(IDLE),
            None => Progress::Wait(IDLE),
        }
    }
}

/// The name of a record's topic; empty for a record that has got none yet.
pub(super) fn topic_of(body: &Body) -> Arc<str> {
    body.topic.as_ref().map_or_else(|| Arc::from(""), |topic| Arc::clone(topic.name()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::{
        native::{Completion, Tally},
        producer::room::Ticket,
    };

    fn client() -> Arc<Client> {
        let properties = [("bootstrap.servers".to_owned(), "localhost:1".to_owned())];
        Arc::new(Client::new(&properties, Box::new(|| None)).unwrap_or_else(|refused| panic!("{refused:?}")))
    }

    /// The records of a batch that failed, and how many were counted.
    #[derive(Default)]
    struct Counted(Mutex<(Vec<u32>, usize)>);

    impl Tally for Counted {
        fn fail(&self, index: u32, _: &Body, _: &Outcome) {
            lock(&self.0).0.push(index);
        }

        fn close(&self, records: usize) -> Option<Waker> {
            lock(&self.0).1 += records;
            None
        }
    }

    fn shared() -> Shared {
        let room = Room::new(1, Duration::from_secs(60));
        Shared::new(room, Listeners::new(None), None, "test".to_owned(), String::new(), Vec::new())
    }

    #[test]
    fn a_record_that_waited_and_is_refused_all_the_same_is_counted_in_its_batch() {
        let client = client();
        let shared = shared();
        let counted = Arc::new(Counted::default());
        assert!(shared.room.try_take(1));
        let mut draft = client.pool().take();
        draft.set_charge(1);
        draft.body_mut().completion = Completion::Member { tally: Arc::clone(&counted) as Arc<dyn Tally>, index: 7 };
        let _pending = draft.pending();
        assert!(matches!(shared.room.take_or_wait(draft), Ticket::Waiting { .. }));
        shared.outstanding.close();
        shared.room.release(1);
        shared.serve_waiting(&client);
        assert_eq!(*lock(&counted.0), (vec![7], 1));
        assert_eq!(shared.room.available(), 1);
    }

    #[test]
    fn nobody_waits_for_a_delivery_thread_that_a_panic_has_ended() {
        let client = client();
        let shared = Arc::new(shared());
        let (sender, receiver) = std::sync::mpsc::channel();
        let serve = move |_: &Client, _: &dyn Observer| {
            receiver.recv().unwrap();
            panic!("a bug of ours");
        };
        let thread = shared.run(Arc::clone(&client), serve).unwrap();
        // A record that is never reported, and one that waits for room.
        assert!(shared.outstanding.enter().is_some() && shared.room.try_take(1));
        let mut draft = client.pool().take();
        draft.set_charge(1);
        let mut waiting = draft.pending();
        assert!(matches!(shared.room.take_or_wait(draft), Ticket::Waiting { .. }));
        let before = shared.close(&client, None, true);
        sender.send(()).unwrap();
        assert!(thread.join().is_err());
        assert_eq!(before.now_or_never(), Some(Ok(())), "who closed before");
        assert_eq!(shared.close(&client, None, true).now_or_never(), Some(Ok(())), "who closes after");
        let context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.poll_admission(&context).is_ready(), "who waits for room");
        assert!(shared.outstanding.enter().is_none(), "who sends");
        // What a helper begins after the end it also ends.
        shared.hurry(&client);
        let helper = lock(&shared.flush_helper).thread.take().unwrap();
        helper.join().unwrap();
    }
}
