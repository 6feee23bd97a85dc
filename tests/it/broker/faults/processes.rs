//! Faults of the producer's process and its system.

use std::{
    fs::{self, File},
    io::Write,
    iter,
    os::unix::{self, process::ExitStatusExt},
    path::Path,
    process::{self, Command},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use ottla::{ErrorKind, Producer, ProducerConfig, Report};

use super::{
    part::{Part, listen, run as run_part, system},
    scale::Scale,
    stage::{NAME, Stage, await_that, recovers},
    traffic::{LANES, VALUE_SIZE},
};
use crate::{
    account::{Account, Id},
    broker::proxy::Proxy,
    log::Isolation,
};

/// Runs a part in its process.
pub(super) fn run(part: &Part) {
    match &*part.name {
        "killed" => send_until_killed(part),
        "files" => exhaust_files(part),
        "clock" => move_clock(part),
        "name" => move_name(part),
        "fork" => fork_under_way(part),
        name => panic!("unknown part {name}"),
    }
}

/// The account that both processes use for the records of one.
fn shared_account(topic: &str) -> Arc<Account> {
    Account::numbered(u32::MAX, topic, LANES, VALUE_SIZE)
}

pub(super) fn process_killed(stage: &Stage) {
    let topic = "process-killed";
    stage.create(topic, 6);
    let mut child = Part::command(stage, "killed", topic, stage.kafka.bootstrap_servers()).spawn().unwrap();
    let account = shared_account(topic);
    let sent = 0..2 * stage.scale.records / LANES as usize;
    (0..LANES).for_each(|lane| sent.clone().for_each(|_| account.unheard(account.next(lane))));
    listen(stage, &mut child, |child, line| {
        let Some((_, heard)) = line.split_once("acknowledged: ") else { return };
        let heard: Vec<i64> = heard.split(' ').map(|number| number.parse().unwrap()).collect();
        let id = Id { lane: u32::try_from(heard[0]).unwrap(), number: u32::try_from(heard[1]).unwrap() };
        account.heard(id, i32::try_from(heard[2]).unwrap(), (heard[3] >= 0).then_some(heard[3]));
        if account.acknowledged() == stage.scale.records as u64 {
            child.kill().unwrap();
        }
    });
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    let row = account.settle("process killed", stage.kafka.bootstrap_servers(), Isolation::Uncommitted);
    stage.keep(row.to_string());
    row.assert_sound();
    assert!(row.acknowledged >= stage.scale.records);
}

/// Prints each record's acknowledgement at once.
fn send_until_killed(part: &Part) {
    let (account, scale) = (shared_account(&part.topic), Scale::of_environment());
    let producer: Producer<[u8], [u8]> = Producer::builder(part.config()).build().unwrap();
    let begun = Instant::now();
    for (sent, lane) in (0..2 * scale.records).zip((0..LANES).cycle()) {
        while sent as f64 > begun.elapsed().as_secs_f64() * scale.rate as f64 {
            thread::sleep(Duration::from_millis(2));
        }
        let id = account.next(lane);
        let say = move |report: Report| {
            let metadata = report.unwrap();
            println!("acknowledged: {} {} {} {}", id.lane, id.number, metadata.partition(), metadata.offset().unwrap_or(-1));
        };
        producer.blocking().send_with(account.record(id), say).unwrap();
    }
    thread::park();
}

pub(super) fn files_exhausted(stage: &Stage) {
    let topic = "files-exhausted";
    stage.create(topic, 6);
    let mut command = Part::command(stage, "files", topic, &stage.proxied_servers());
    run_part(stage, &mut command, |line| {
        if line.ends_with("no file left") {
            stage.cut();
        }
    });
}

/// No file can be opened and no connection made, while the existing ones are cut.
fn exhaust_files(part: &Part) {
    let traffic = part.traffic();
    let pid = process::id().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, "--nofile=200:200"]).status().unwrap().success());
    let taken: Vec<File> = iter::from_fn(|| File::open("/dev/null").ok()).collect();
    println!("no file left");
    thread::sleep(Duration::from_secs(2));
    let another = Producer::<str, str>::builder(part.config()).build();
    println!("a producer that is built now: {:?}", another.as_ref().map(drop));
    drop(taken);
    recovers(&traffic);
    assert_eq!(part.settle("files exhausted", traffic).failed, 0);
}

pub(super) fn clock_moved(stage: &Stage) {
    let topic = "clock-moved";
    stage.create(topic, 6);
    let clock = tempfile::NamedTempFile::new().unwrap();
    fs::write(clock.path(), [0; 8]).unwrap();
    let mut command = Part::command(stage, "clock", topic, stage.kafka.bootstrap_servers());
    run_part(stage, command.env("LD_PRELOAD", system()).env("OTTLA_TEST_CLOCK", clock.path()), |_| {});
}

/// The system clock is set forward and back.
fn move_clock(part: &Part) {
    let set = |hours: i64| {
        let nanoseconds = hours * 3_600_000_000_000;
        // Not truncated, because it is mapped.
        let mut file = File::options().write(true).open(std::env::var_os("OTTLA_TEST_CLOCK").unwrap()).unwrap();
        file.write_all(&nanoseconds.to_ne_bytes()).unwrap();
    };
    let traffic = part.traffic();
    // Timeouts must not depend on the system clock.
    let waiting = thread::spawn(wait_for_room);
    thread::sleep(Duration::from_millis(500));
    let before = SystemTime::now();
    set(-1);
    assert!(SystemTime::now() < before, "the clock was not moved");
    recovers(&traffic);
    await_that("waiting calls time out", || waiting.is_finished());
    waiting.join().unwrap();
    set(-24 * 365);
    recovers(&traffic);
    // Brokers reject records that are more than an hour ahead of their own clock (`log.message.timestamp.after.max.ms`).
    set(24);
    await_that("records from the future are rejected", || traffic.account().failures().contains_key(&ErrorKind::InvalidRecord));
    set(0);
    recovers(&traffic);
    let row = part.settle("clock moved", traffic);
    // Records in the same batch.
    let with_them = row.failures.get(&ErrorKind::BatchRejected).map_or(0, |failures| failures.count);
    assert_eq!(row.failed, row.failures[&ErrorKind::InvalidRecord].count + with_them);
}

/// A record that no broker accepts, one after it that waits for the buffer, and a close that waits for the former.
fn wait_for_room() {
    let settings = [("bootstrap.servers", "127.0.0.1:1"), ("buffer.memory", "1000"), ("max.block.ms", "2000")];
    let config = settings.iter().fold(ProducerConfig::new(), |config, (name, value)| config.set(name, *value).unwrap());
    let producer: Producer<[u8], [u8]> = Producer::builder(config).build().unwrap();
    let account = Account::new("nowhere", 1, 500);
    let [first, second] = [(); 2].map(|()| producer.blocking().send(account.record(account.next(0))));
    assert_eq!(second.unwrap_err().kind(), ErrorKind::BufferTimeout);
    assert_eq!(producer.blocking().close(Duration::from_secs(1)).unwrap().len(), 1);
    assert_eq!(first.unwrap().wait().unwrap_err().kind(), ErrorKind::GivenUp);
}

pub(super) fn name_moved(stage: &Stage) {
    let topic = "name-moved";
    stage.create(topic, 6);
    let host = tempfile::NamedTempFile::new().unwrap();
    let mut command = Part::command(stage, "name", topic, &format!("{NAME}:{}", stage.named_port()));
    command.env("LD_PRELOAD", system()).env("OTTLA_TEST_HOST", host.path());
    run_part(stage, command.env("OTTLA_TEST_PORT", stage.named_port().to_string()), |_| {});
}

/// The address of a host name changes, and DNS returns the new one.
fn move_name(part: &Part) {
    let port: u16 = std::env::var("OTTLA_TEST_PORT").unwrap().parse().unwrap();
    let live_at = |last: u8| -> Vec<Proxy> {
        let proxies = (0..3).map(|n| Proxy::listen(([127, 0, 0, last], port + n).into(), port + 3 + n)).collect();
        fs::write(std::env::var_os("OTTLA_TEST_HOST").unwrap(), format!("127.0.0.{last}")).unwrap();
        proxies
    };
    let proxies = live_at(2);
    let traffic = part.traffic();
    drop(proxies);
    thread::sleep(Duration::from_secs(1));
    let _proxies = live_at(3);
    recovers(&traffic);
    assert_eq!(part.settle("name has another address", traffic).failed, 0);
}

pub(super) fn fork(stage: &Stage) {
    let topic = "fork";
    stage.create(topic, 6);
    let told = tempfile::NamedTempFile::new().unwrap();
    let mut command = Part::command(stage, "fork", topic, stage.kafka.bootstrap_servers());
    command.env("LD_PRELOAD", system()).env("OTTLA_TEST_FORK", told.path());
    run_part(stage, &mut command, |_| {});
}

/// The process forks. The child has the producer's memory but none of its threads.
fn fork_under_way(part: &Part) {
    let traffic = part.traffic();
    let told = std::env::var_os("OTTLA_TEST_FORK").unwrap();
    let child = match unix::process::parent_id() {
        0 => {
            // The child does not have the sending threads, which hold handles.
            fs::write(told, in_child(part, traffic.producer())).unwrap();
            process::exit(0);
        }
        child => Path::new("/proc").join(child.to_string()).join("stat"),
    };
    let ended = || {
        let status = fs::read_to_string(&child).unwrap();
        let fields: Vec<&str> = status.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[0] == "Z").then(|| fields.last().unwrap().parse::<i32>().unwrap())
    };
    await_that("the child ends", || ended().is_some());
    assert_eq!(ended(), Some(0), "exit code of the child");
    assert_eq!(fs::read_to_string(told).unwrap(), "Closed Closed Closed delivered");
    recovers(&traffic);
    assert_eq!(part.settle("fork", traffic).failed, 0);
}

/// What the child can do with its parent's producer, and with a new one.
fn in_child(part: &Part, inherited: &Producer<[u8], [u8]>) -> String {
    let kind = |ended: Result<(), ottla::Error>| ended.map_or_else(|error| error.kind().to_string(), |()| "done".to_owned());
    let account = Account::new(&part.topic, 1, VALUE_SIZE);
    let record = || account.record(account.next(0));
    let sent = inherited.blocking().send(record()).map(drop);
    let flushed = inherited.blocking().flush();
    let closed = inherited.blocking().close(Duration::from_secs(1)).map(drop);
    let own: Producer<[u8], [u8]> = Producer::builder(part.config()).build().unwrap();
    let delivered = own.blocking().send(record()).and_then(|delivery| delivery.wait());
    let delivered = if delivered.is_ok() { "delivered" } else { "not delivered" };
    format!("{} {} {} {delivered}", kind(sent), kind(flushed), kind(closed))
}
