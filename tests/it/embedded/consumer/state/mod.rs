//! A state machine: random programs use the public API, and a model checks what is committed and what is read.
//!
//! `OTTLA_TEST_STATE_SECONDS` is the time of the search (15 by default), `OTTLA_TEST_STATE_SEED` the seed of the first program. A failure
//! shows the seed of its program, and the shortest failing program that was found. With `OTTLA_TEST_STATE_TRACE`, a file name, the debug log of
//! librdkafka and the steps of the failing program are written to this file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Instant,
};

use futures::FutureExt;
use ottla::{
    ErrorKind, RebalanceListener, TopicPartition,
    consumer::{Assigned, Revoked},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

mod trace;

use super::{super::ends, *};

/// The number of records in each partition.
const RECORDS: i64 = 40;

/// The largest number of members of a group.
const MEMBERS: usize = 3;

/// A step of a program, on one of the members.
#[derive(Debug, Clone)]
enum Step {
    /// Starts the member, if it does not exist.
    Join,
    /// Takes the records of one poll.
    Read,
    /// Requests a record and drops the future at once.
    Glance,
    /// Sleeps for some milliseconds.
    Work(u64),
    /// Marks one of the taken records as done (`explicit_done` only).
    Done(prop::sample::Index),
    Commit,
    Pause(i32),
    Resume(i32),
    Seek(i32, i64),
    /// Closes the member.
    Close,
    /// Drops the member without closing it, as a panicking task does.
    Crash,
    /// Requests no record for longer than `max.poll.interval.ms`.
    Stall,
}

/// A group and its program.
#[derive(Debug, Clone)]
struct Program {
    partitions: i32,
    automatic: bool,
    explicit: bool,
    cooperative: bool,
    max_poll_records: u32,
    steps: Vec<(usize, Step)>,
}

fn program() -> impl Strategy<Value = Program> {
    let step = prop_oneof![
        4 => Just(Step::Join),
        20 => Just(Step::Read),
        2 => Just(Step::Glance),
        3 => (0_u64..300).prop_map(Step::Work),
        8 => any::<prop::sample::Index>().prop_map(Step::Done),
        4 => Just(Step::Commit),
        2 => (0..3).prop_map(Step::Pause),
        2 => (0..3).prop_map(Step::Resume),
        2 => (0..3, 0..RECORDS).prop_map(|(partition, offset)| Step::Seek(partition, offset)),
        2 => Just(Step::Close),
        2 => Just(Step::Crash),
        1 => Just(Step::Stall),
    ];
    // Most steps are for the first member.
    let member = prop_oneof![3 => Just(0), 1 => 0..MEMBERS];
    let steps = prop::collection::vec((member, step), 10..60);
    (1..4, any::<bool>(), any::<bool>(), any::<bool>(), 1_u32..6, steps).prop_map(
        |(partitions, automatic, explicit, cooperative, max_poll_records, mut steps)| {
            steps.insert(0, (0, Step::Join));
            Program { partitions, automatic, explicit, cooperative, max_poll_records, steps }
        },
    )
}

/// Counts the assignments of each partition, so that the model knows where a member starts again.
#[derive(Default)]
struct Assignments(Mutex<BTreeMap<i32, u32>>);

impl Assignments {
    fn count(&self, partition: i32) -> u32 {
        self.0.lock().unwrap().get(&partition).copied().unwrap_or_default()
    }

    fn change(&self, partitions: &[TopicPartition]) {
        let mut counts = self.0.lock().unwrap();
        partitions.iter().for_each(|partition| *counts.entry(partition.partition()).or_default() += 1);
        trace::note(&format!("listener: {counts:?}"));
    }
}

impl RebalanceListener for Assignments {
    fn on_partitions_assigned(&self, assigned: &mut Assigned<'_>) {
        self.change(assigned.partitions());
    }

    fn on_partitions_revoked(&self, revoked: &Revoked<'_>) {
        self.change(revoked.partitions());
    }

    fn on_partitions_lost(&self, partitions: &[TopicPartition]) {
        self.change(partitions);
    }
}

/// A member, and the model's knowledge of it.
struct Member {
    consumer: Text,
    assignments: Arc<Assignments>,
    /// The taken records that are not processed.
    in_work: Vec<Record>,
    /// For each partition the next offset, and the assignment that it belongs to, if that is certain.
    next: BTreeMap<i32, (i64, Option<u32>)>,
    /// The assignment in which a partition was paused.
    paused: BTreeMap<i32, u32>,
}

/// The records that the program has processed. Updated before the consumer can know.
struct Model {
    processed: Vec<BTreeSet<i64>>,
}

impl Model {
    fn process(&mut self, record: &Record) {
        self.processed[usize::try_from(record.partition()).unwrap()].insert(record.offset());
    }

    /// The offset up to which all records are processed.
    fn frontier(&self, partition: i32) -> i64 {
        let processed = &self.processed[usize::try_from(partition).unwrap()];
        (0..RECORDS).find(|offset| !processed.contains(offset)).unwrap_or(RECORDS)
    }
}

struct Run<'p> {
    program: &'p Program,
    kafka: EmbeddedKafka,
    /// Reads committed offsets; it is not a member.
    observer: Text,
    members: Vec<Option<Member>>,
    model: Model,
    taken: u64,
}

impl<'p> Run<'p> {
    fn new(program: &'p Program) -> Self {
        let kafka = kafka(program.partitions);
        for partition in 0..program.partitions {
            write(&kafka, partition, 0..u32::try_from(RECORDS).unwrap());
        }
        let observer = builder(&kafka, &[]).build().unwrap();
        let processed = (0..program.partitions).map(|_| BTreeSet::new()).collect();
        let members = (0..MEMBERS).map(|_| None).collect();
        Self { program, kafka, observer, members, model: Model { processed }, taken: 0 }
    }

    fn join(&self) -> Member {
        let assignments = Arc::new(Assignments::default());
        let max_poll_records = self.program.max_poll_records.to_string();
        let mut settings = vec![
            ("enable.auto.commit", if self.program.automatic { "true" } else { "false" }),
            ("auto.commit.interval.ms", "30"),
            ("session.timeout.ms", "600"),
            ("heartbeat.interval.ms", "100"),
            ("max.poll.interval.ms", "1500"),
            ("max.poll.records", &max_poll_records),
            ("partition.assignment.strategy", self.strategy()),
        ];
        if trace::is_on() {
            settings.push(("librdkafka.debug", "cgrp,topic,fetch,consumer"));
        }
        let builder = builder(&self.kafka, &settings).rebalance_listener(Arc::clone(&assignments));
        let consumer = builder.explicit_done(self.program.explicit).build().unwrap();
        block_on(consumer.subscribe(&["orders"])).unwrap();
        Member { consumer, assignments, in_work: Vec::new(), next: BTreeMap::new(), paused: BTreeMap::new() }
    }

    /// The strategy of all members: the embedded broker ends the process if they have none in common.
    fn strategy(&self) -> &'static str {
        if self.program.cooperative { "cooperative-sticky" } else { "range" }
    }

    /// Runs one step, and then checks the committed offsets.
    fn step(&mut self, member: usize, step: &Step) -> Result<(), String> {
        match (self.members[member].take(), step) {
            (None, Step::Join) => self.members[member] = Some(self.join()),
            (None, _) => return Ok(()),
            (Some(mut there), Step::Close) => {
                self.settle(&mut there);
                block_on(there.consumer.close(Duration::from_secs(60))).map_err(|error| format!("close: {error}"))?;
            }
            (Some(there), Step::Crash) => drop(there),
            (Some(mut there), step) => {
                self.with(&mut there, step)?;
                self.members[member] = Some(there);
            }
        }
        self.check_committed()
    }

    fn with(&mut self, member: &mut Member, step: &Step) -> Result<(), String> {
        match step {
            Step::Join | Step::Close | Step::Crash => {}
            Step::Read => {
                self.settle(member);
                let before = member.assignments.0.lock().unwrap().clone();
                let items = member.consumer.blocking().poll(Duration::from_millis(400));
                for item in items {
                    let record = item.map_err(|error| format!("the consumer returned an error: {error}"))?;
                    self.take(member, record, &before)?;
                }
            }
            Step::Glance => {
                self.settle(member);
                let before = member.assignments.0.lock().unwrap().clone();
                let item = member.consumer.recv().now_or_never();
                match item {
                    Some(Some(Ok(record))) => self.take(member, record, &before)?,
                    Some(None) => return Err("the stream has ended".to_owned()),
                    Some(Some(Err(error))) => return Err(format!("the consumer returned an error: {error}")),
                    None => {}
                }
            }
            Step::Work(milliseconds) => std::thread::sleep(Duration::from_millis(*milliseconds)),
            Step::Stall => std::thread::sleep(Duration::from_millis(1900)),
            Step::Done(index) => {
                if self.program.explicit && !member.in_work.is_empty() {
                    let record = member.in_work.remove(index.index(member.in_work.len()));
                    self.model.process(&record);
                    record.done();
                }
            }
            Step::Commit => self.commit(member)?,
            Step::Pause(partition) if *partition < self.program.partitions => {
                let assignment = member.assignments.count(*partition);
                if not_assigned(block_on(member.consumer.pause([("orders", *partition)])))? {
                    member.paused.insert(*partition, assignment);
                }
            }
            Step::Resume(partition) if *partition < self.program.partitions => {
                member.paused.remove(partition);
                not_assigned(block_on(member.consumer.resume([("orders", *partition)])))?;
            }
            Step::Seek(partition, offset) if *partition < self.program.partitions => self.seek(member, *partition, *offset)?,
            Step::Pause(_) | Step::Resume(_) | Step::Seek(..) => {}
        }
        Ok(())
    }

    /// The member requests more records, commits or closes: its records are processed, except with `explicit_done`.
    fn settle(&mut self, member: &mut Member) {
        if !self.program.explicit {
            member.in_work.drain(..).for_each(|record| self.model.process(&record));
        }
    }

    /// A record arrives: it must be the next one of its partition, or no earlier record is left to process.
    fn take(&mut self, member: &mut Member, record: Record, before: &BTreeMap<i32, u32>) -> Result<(), String> {
        let (partition, offset) = (record.partition(), record.offset());
        let assignment = member.assignments.count(partition);
        let is_stable = before.get(&partition).copied().unwrap_or_default() == assignment;
        if is_stable && member.paused.get(&partition) == Some(&assignment) {
            return Err(format!("partition {partition} is paused, but offset {offset} was returned"));
        }
        let known = member.next.get(&partition).copied();
        let frontier = self.model.frontier(partition);
        let is_right = match known {
            Some((next, Some(known))) if is_stable && known == assignment => offset == next,
            // The previous record, or this one, may belong to the assignment before.
            Some((next, known)) if !is_stable || known.is_none() => offset == next || offset <= frontier,
            _ => offset <= frontier,
        };
        if !is_right {
            trace::note(&format!("wrong: partition {partition} offset {offset}"));
            let processed = &self.model.processed;
            return Err(format!(
                "partition {partition}: offset {offset} comes, after {known:?} in assignment {assignment} \
                 (stable: {is_stable}), and all is processed up to {frontier} of {processed:?}"
            ));
        }
        trace::note(&format!("takes partition {partition} offset {offset}"));
        member.next.insert(partition, (offset + 1, is_stable.then_some(assignment)));
        member.in_work.push(record);
        self.taken += 1;
        Ok(())
    }

    fn commit(&mut self, member: &mut Member) -> Result<(), String> {
        if !self.program.explicit {
            // A commit commits the taken records.
            member.in_work.iter().for_each(|record| self.model.process(record));
        }
        let (taken, before) = (member.consumer.taken(), member.assignments.0.lock().unwrap().clone());
        match block_on(member.consumer.commit()) {
            Ok(()) if *member.assignments.0.lock().unwrap() == before && member.consumer.taken() == taken => {
                let committed = self.committed()?;
                for (_, partition, next) in taken.iter() {
                    // Nobody else commits while the partition is assigned here.
                    if committed.get(&partition) != Some(&next) && *member.assignments.0.lock().unwrap() == before {
                        return Err(format!("partition {partition}: the commit of {next} is Ok, but {committed:?} is committed"));
                    }
                }
                Ok(())
            }
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::CommitFailed => Ok(()),
            Err(error) => Err(format!("commit: {error:?}")),
        }
    }

    /// A seek forward means that the records before it are processed. Records that are being processed no longer count.
    fn seek(&mut self, member: &mut Member, partition: i32, offset: i64) -> Result<(), String> {
        let assignment = member.assignments.count(partition);
        let processed = &mut self.model.processed[usize::try_from(partition).unwrap()];
        processed.extend(0..offset);
        if not_assigned(block_on(member.consumer.seek(("orders", partition), offset)))? {
            member.in_work.retain(|record| record.partition() != partition);
            member.next.insert(partition, (offset, Some(assignment)));
        }
        Ok(())
    }

    fn committed(&self) -> Result<BTreeMap<i32, i64>, String> {
        let partitions = (0..self.program.partitions).map(|partition| ("orders", partition));
        let committed = block_on(self.observer.committed(partitions)).map_err(|error| format!("committed: {error}"))?;
        Ok(committed.iter().map(|(_, partition, next)| (partition, next)).collect())
    }

    /// Only processed records may be committed.
    fn check_committed(&self) -> Result<(), String> {
        for (partition, next) in self.committed()? {
            let frontier = self.model.frontier(partition);
            if next > frontier {
                let in_work: Vec<_> = self.members.iter().flatten().map(|member| offsets(&member.in_work)).collect();
                return Err(format!(
                    "partition {partition}: {next} is committed, but records are processed only up to {frontier}; unprocessed: {in_work:?}"
                ));
            }
        }
        Ok(())
    }

    /// All members end. Another consumer starts at the committed offsets and reads the rest.
    fn end(mut self) -> Result<u64, String> {
        self.members.clear();
        self.check_committed()?;
        let committed = self.committed()?;
        // Assigned manually, so that no rebalance revokes it.
        let last = builder(&self.kafka, &[]).build().unwrap();
        let all: Vec<_> = (0..self.program.partitions).map(|partition| ("orders", partition)).collect();
        block_on(last.assign(all)).map_err(|error| format!("assign: {error}"))?;
        let mut next: Vec<_> =
            (0..self.program.partitions).map(|partition| committed.get(&partition).copied().unwrap_or_default()).collect();
        while next.iter().any(|next| *next < RECORDS) {
            let record = block_on(soon(last.recv())).ok_or("the stream has ended")?.map_err(|error| error.to_string())?;
            let next = &mut next[usize::try_from(record.partition()).unwrap()];
            if record.offset() != *next {
                return Err(format!(
                    "after a restart {record:?} was returned instead of offset {next}; committed: {committed:?}"
                ));
            }
            *next += 1;
        }
        Ok(self.taken)
    }
}

/// Whether a call succeeded. It may fail because the partition is not assigned, or with a timeout.
fn not_assigned(result: Result<(), ottla::Error>) -> Result<bool, String> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.to_string().contains("not assigned") => Ok(false),
        Err(error) => Err(format!("{error:?}")),
    }
}

/// The number of records taken, or the failure with the steps up to it.
fn run(program: &Program) -> Result<u64, String> {
    let done = Arc::new(Mutex::new(String::new()));
    let (steps, program) = (Arc::clone(&done), program.clone());
    let (sender, receiver) = std::sync::mpsc::channel();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        ends(move || {
            let mut run = Run::new(&program);
            let outcome = program.steps.iter().try_for_each(|(member, step)| {
                let _ = write!(steps.lock().unwrap(), "{member}:{step:?} ");
                trace::note(&format!("step {member}:{step:?}"));
                run.step(*member, step)
            });
            sender.send(outcome.and_then(|()| run.end())).unwrap();
        });
    }));
    let outcome = outcome.map_err(|_| "the program panicked or hangs".to_owned()).and_then(|()| receiver.recv().unwrap());
    outcome.map_err(|error| format!("{error}\nsteps: {}", done.lock().unwrap()))
}

fn tree(seed: u64) -> impl ValueTree<Value = Program> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    program().new_tree(&mut runner).unwrap()
}

/// Searches for a shorter failing program, for a minute. Failures that depend on timing may not repeat.
fn shrink(mut tree: impl ValueTree<Value = Program>, error: String) -> (Program, String) {
    let (begun, mut found) = (Instant::now(), (tree.current(), error));
    let mut goes_on = tree.simplify();
    while goes_on && begun.elapsed() < Duration::from_secs(60) {
        goes_on = match run(&tree.current()) {
            Ok(_) => tree.complicate(),
            Err(error) => {
                found = (tree.current(), error);
                tree.simplify()
            }
        };
    }
    found
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}: must be a number")))
}

#[test]
fn only_processed_records_are_committed() {
    let seconds = number("OTTLA_TEST_STATE_SECONDS").unwrap_or(15);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let first = number("OTTLA_TEST_STATE_SEED").unwrap_or(now.as_secs());
    println!("seeds from {first} on");
    let (begun, mut programs, mut steps, mut taken) = (Instant::now(), 0, 0, 0);
    while programs == 0 || begun.elapsed() < Duration::from_secs(seconds) {
        let seed = first.wrapping_add(programs);
        let tree = tree(seed);
        let program = tree.current();
        programs += 1;
        steps += program.steps.len();
        trace::begin();
        match run(&program) {
            Ok(count) => taken += count,
            Err(error) => {
                trace::write();
                let (shorter, why) = shrink(tree, error.clone());
                panic!(
                    "OTTLA_TEST_STATE_SEED={seed}, program {programs}: {error}\n{program:?}\n\
                     shortest that was found: {why}\n{shorter:?}"
                );
            }
        }
    }
    println!("{programs} programs, {steps} steps, {taken} records taken");
}
