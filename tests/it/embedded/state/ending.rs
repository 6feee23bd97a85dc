//! The end of a case: everything is released and must end, and the reports are compared with the log.

use std::{collections::BTreeMap, thread, time::Duration};

use futures::executor::block_on;

use super::{machine::Machine, step::Topic, user_code::number_of};
use crate::log;

impl Machine {
    pub(super) fn end(mut self) -> Result<(), String> {
        self.progress.note("the end: the broker works again".to_owned());
        self.heal();
        self.valve.set_shut(false);
        self.gates.stay_open(true);
        self.expect_progress();
        self.ledger.violation().map_or(Ok(()), Err)?;
        self.transaction = None;
        for (index, future) in std::mem::take(&mut self.kept).into_iter().enumerate() {
            self.progress.note(format!("the end: kept future {index}"));
            block_on(future);
        }
        self.progress.note("the end: tasks that run inside wake".to_owned());
        while !self.tasks.iter().all(|task| task.is_done()) {
            thread::sleep(Duration::from_millis(1));
        }
        self.tasks.clear();
        self.sink = None;
        if let Some(producer) = self.handles.first().cloned() {
            self.progress.note("the end: flush".to_owned());
            let _ = block_on(producer.flush());
            self.progress.note("the end: close".to_owned());
            let _ = block_on(producer.clone().close(Duration::from_secs(20)));
            let available = producer.buffer_available_bytes();
            if available != self.settings.buffer_memory {
                return Err(format!("{available} of {} bytes are free after all reports", self.settings.buffer_memory));
            }
        }
        self.progress.note("the end: drop of the last handle".to_owned());
        self.retire();
        self.wait_for_reports();
        self.ledger.violation().map_or(Ok(()), Err)?;
        let wrong = self.ledger.contradictions(self.settings.observed);
        if !wrong.is_empty() {
            return Err(wrong.join("; "));
        }
        self.progress.note("the end: the log".to_owned());
        self.check_log()
    }

    /// A producer whose last handle is dropped on its own thread ends in the background.
    fn wait_for_reports(&self) {
        let missing = || -> Vec<usize> {
            let records = self.ledger.records();
            let is_missing = |number: &usize| records[*number].acknowledged.len() < records[*number].intercepted;
            (0..records.len()).filter(is_missing).collect()
        };
        self.progress.note(format!("the end: missing reports of {:?}", missing()));
        while self.settings.observed && !missing().is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Acknowledged records are in the log, at their acknowledged offsets, in the order in which each producer
    /// sent them. Records reported as not written are not in the log.
    fn check_log(&self) -> Result<(), String> {
        let records = self.ledger.records();
        let mut last: BTreeMap<(&str, i32, usize), (usize, i64)> = BTreeMap::new();
        for (topic, name) in [(Topic::Orders, "orders"), (Topic::Payments, "payments")] {
            if !records.iter().any(|record| record.spec.topic == topic && record.written().is_some()) {
                continue;
            }
            let found = log::read(self.kafka.bootstrap_servers(), name);
            let places: BTreeMap<(i32, i64), usize> = found
                .iter()
                .filter_map(|found| Some(((found.partition, found.offset), number_of(found.value.as_deref()?)?)))
                .collect();
            for (number, record) in records.iter().enumerate().filter(|(_, record)| record.spec.topic == topic) {
                let is_found = places.values().any(|found| *found == number);
                let Some((partition, offset)) = record.written() else {
                    if is_found && record.is_certainly_not_written() {
                        return Err(format!("record {number} is in the log, but was reported as not written"));
                    }
                    continue;
                };
                if !is_found {
                    return Err(format!("record {number} was acknowledged, but is not in the log"));
                }
                let Some(offset) = offset else { continue };
                if places.get(&(partition, offset)) != Some(&number) {
                    return Err(format!("record {number} was acknowledged at {name}-{partition}@{offset}, but is not there"));
                }
                if !record.in_order {
                    continue;
                }
                let before = last.insert((name, partition, record.producer), (number, offset));
                if let Some((earlier, behind)) = before.filter(|(_, before)| *before > offset) {
                    return Err(format!(
                        "record {number} is at {name}-{partition}@{offset}, record {earlier}, sent before, at {behind}"
                    ));
                }
            }
        }
        Ok(())
    }
}
