//! [`Report`]: the outcome of a run's records, as JSON for programs and as text for people.

use std::{collections::BTreeMap, fmt, time::Duration};

use indicatif::{BinaryBytes, HumanCount};
use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::{
    input_totals::{InputTotals, table},
    partition_totals::{PartitionTotals, Partitions, UsedPartitions, merge, used},
};

/// Counts the outcome of records.
///
/// An acknowledgement costs an array access and a few additions: no lock, no hash, and no allocation once the partition has been
/// seen.
///
/// The JSON form (`serde::Serialize`) has the partitions with records, `null` for unknown offsets (`acks=0`), and the rate of
/// acknowledged records:
///
/// ```json
/// {"records":3,"acknowledged":2,"failed":1,"bytes":20,"elapsed_s":0.5,"records_per_s":4.0,
///  "partitions":{"0":{"records":2,"first_offset":7,"last_offset":8}},"errors":{"RecordTooLarge":1},
///  "topic":"orders","brokers":"localhost:9092","cluster_id":"MkU3OEVBNTcwNTJENDM2Qk","error":null}
/// ```
///
/// `"inputs"` has an object for each input of a run, with `"input"` (its name), `"records"`, `"acknowledged"`, `"failed"`, `"complete"` (whether
/// it was read to its end) and `"error"`.
///
/// With `acks=0` no record is acknowledged: `"acknowledged"` is 0, and an additional `"sent"` counts the records sent. If the topic
/// comes from data, `"topics"` has the partitions of each topic instead of `"partitions"`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Report {
    destination: Destination,
    /// With `acks=0`: records counted as acknowledged were only sent.
    is_unacknowledged: bool,
    /// Why the run ended before the end of the input.
    error: Option<String>,
    acknowledged: u64,
    failed: u64,
    bytes: u64,
    elapsed: Duration,
    partitions: Partitions,
    /// The partitions of each topic, if the topic comes from data.
    topics: BTreeMap<String, Partitions>,
    errors: BTreeMap<String, u64>,
    inputs: Vec<InputTotals>,
}

/// The destination of a run's records, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Destination {
    pub(crate) topic: Option<String>,
    /// Whether the topic comes from data.
    pub(crate) has_topics: bool,
    /// `bootstrap.servers`.
    pub(crate) brokers: Option<String>,
    /// The id that the brokers report for their cluster.
    pub(crate) cluster_id: Option<String>,
}

impl Report {
    /// A report about records of these inputs for this destination; with `acks=0` none is acknowledged.
    pub(crate) fn new(destination: Destination, is_unacknowledged: bool, inputs: impl Iterator<Item = String>) -> Self {
        Self { destination, is_unacknowledged, inputs: inputs.map(InputTotals::new).collect(), ..Self::default() }
    }

    /// The report of a run that ended before its first record.
    pub(crate) fn of_failure(destination: Destination, error: String) -> Self {
        Self { destination, error: Some(error), ..Self::default() }
    }

    /// Sets the cluster id.
    pub(crate) fn name_cluster(&mut self, id: Option<String>) {
        self.destination.cluster_id = id;
    }

    /// Sets why the run ended before the end of the input; the first reason stays.
    pub(crate) fn end_with(&mut self, error: &str) {
        self.error.get_or_insert_with(|| error.to_owned());
    }

    /// Whether the records are counted for each topic.
    pub(crate) fn has_topics(&self) -> bool {
        self.destination.has_topics
    }

    /// The totals of an input, which is the transaction's part of one if this is the report of a transaction.
    pub(crate) fn input(&mut self, index: usize) -> &mut InputTotals {
        if index >= self.inputs.len() {
            self.inputs.resize_with(index + 1, InputTotals::default);
        }
        &mut self.inputs[index]
    }

    /// Why inputs could not be opened or read to their ends.
    pub(crate) fn input_errors(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().filter_map(InputTotals::error)
    }

    /// The totals of the inputs.
    pub(crate) fn inputs(&self) -> &[InputTotals] {
        &self.inputs
    }

    /// The number of failed records of each kind.
    pub(crate) fn errors(&self) -> &BTreeMap<String, u64> {
        &self.errors
    }

    /// The size of the acknowledged keys and values.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The name of an input, if there are several.
    pub(crate) fn input_name(&self, index: usize) -> Option<&str> {
        self.inputs.get(index).filter(|_| self.inputs.len() > 1).map(InputTotals::name)
    }

    /// Counts an acknowledged record of an input: its topic if the topic comes from data, its partition, its offset if known, and the size of key
    /// and value in bytes.
    pub(crate) fn acknowledge(&mut self, input: usize, topic: Option<&str>, partition: i32, offset: Option<i64>, bytes: usize) {
        self.input(input).acknowledged += 1;
        self.acknowledged += 1;
        self.bytes += bytes as u64;
        // An acknowledged record always has a partition. If it had none, the totals would still be right.
        let Ok(index) = usize::try_from(partition) else { return };
        let partitions = match topic {
            None => &mut self.partitions,
            // `entry` would allocate the name for every record.
            Some(topic) if !self.topics.contains_key(topic) => self.topics.entry(topic.to_owned()).or_default(),
            Some(topic) => match self.topics.get_mut(topic) {
                Some(partitions) => partitions,
                None => return,
            },
        };
        if index >= partitions.len() {
            partitions.resize_with(index + 1, PartitionTotals::default);
        }
        partitions[index].add(offset);
    }

    /// Counts an unacknowledged record of an input under the kind of its error.
    pub(crate) fn fail(&mut self, input: usize, kind: &str) {
        self.fail_all(input, kind, 1);
    }

    /// Counts the acknowledged records of a transaction that was not committed as failed. Returns their number.
    pub(crate) fn fail_transaction(&mut self, kind: &str, transaction: &Self) -> u64 {
        for (index, input) in transaction.inputs.iter().enumerate() {
            self.fail_all(index, kind, input.acknowledged);
        }
        transaction.acknowledged
    }

    fn fail_all(&mut self, input: usize, kind: &str, records: u64) {
        if records == 0 {
            return;
        }
        self.input(input).failed += records;
        self.failed += records;
        match self.errors.get_mut(kind) {
            Some(count) => *count += records,
            None => drop(self.errors.insert(kind.to_owned(), records)),
        }
    }

    /// Adds the acknowledged records of another report.
    pub(crate) fn add_acknowledged(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.bytes += other.bytes;
        for (index, input) in other.inputs.iter().enumerate() {
            self.input(index).acknowledged += input.acknowledged;
        }
        merge(&mut self.partitions, other.partitions);
        for (topic, partitions) in other.topics {
            merge(self.topics.entry(topic).or_default(), partitions);
        }
    }

    /// Sets the time from the first record read to the last report.
    pub(crate) fn finish(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }

    /// The number of acknowledged and failed records.
    pub(crate) fn records(&self) -> u64 {
        self.acknowledged + self.failed
    }

    /// The number of acknowledged records.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// The number of unacknowledged records.
    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    /// Acknowledged records per second, to one decimal; 0 if no time has passed.
    fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { (self.acknowledged as f64 / seconds * 10.0).round() / 10.0 } else { 0.0 }
    }

    /// Acknowledged records per second, rounded down.
    fn whole_rate(&self) -> u64 {
        let rate = (u128::from(self.acknowledged) * 1_000_000_000).checked_div(self.elapsed.as_nanos());
        u64::try_from(rate.unwrap_or(0)).unwrap_or(u64::MAX)
    }

    /// The elapsed time in seconds, rounded to milliseconds.
    fn seconds(&self) -> f64 {
        (self.elapsed.as_secs_f64() * 1000.0).round() / 1000.0
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut report = serializer.serialize_struct("Report", 13 + usize::from(self.is_unacknowledged))?;
        report.serialize_field("records", &self.records())?;
        if self.is_unacknowledged {
            report.serialize_field("acknowledged", &0)?;
            report.serialize_field("sent", &self.acknowledged)?;
        } else {
            report.serialize_field("acknowledged", &self.acknowledged)?;
        }
        report.serialize_field("failed", &self.failed)?;
        report.serialize_field("bytes", &self.bytes)?;
        report.serialize_field("elapsed_s", &self.seconds())?;
        report.serialize_field("records_per_s", &self.rate())?;
        if self.has_topics() {
            let topics = self.topics.iter().map(|(topic, partitions)| (topic, UsedPartitions(partitions)));
            report.serialize_field("topics", &topics.collect::<BTreeMap<_, _>>())?;
        } else {
            report.serialize_field("partitions", &UsedPartitions(&self.partitions))?;
        }
        report.serialize_field("errors", &self.errors)?;
        report.serialize_field("topic", &self.destination.topic)?;
        report.serialize_field("brokers", &self.destination.brokers)?;
        report.serialize_field("cluster_id", &self.destination.cluster_id)?;
        report.serialize_field("error", &self.error)?;
        // Empty before the inputs are known.
        let inputs = self.inputs.iter().map(|input| input.entry(self.is_unacknowledged));
        report.serialize_field("inputs", &inputs.collect::<Vec<_>>())?;
        report.end()
    }
}

/// The text form: a line of totals, the destination, a table of partitions, the errors if there are any, and the inputs if there are several. It does not end with
/// a line break.
///
/// ```text
/// 336,776 records acknowledged in 1.21 s: 278,327 a second, 58.30 MiB
/// topic flights, brokers localhost:9092, cluster MkU3OEVBNTcwNTJENDM2Qk
///   partition     records   first offset    last offset
///           0     112,410              0        112,409
///           1     224,366              0        224,365
/// 2 records failed
///           2   RecordTooLarge
/// ```
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} in {:.2} s: {} a second, {}",
            records(self.acknowledged),
            if self.is_unacknowledged { "sent, none of them acknowledged (acks=0)," } else { "acknowledged" },
            self.elapsed.as_secs_f64(),
            HumanCount(self.whole_rate()),
            BinaryBytes(self.bytes),
        )?;
        let Destination { topic, brokers, cluster_id, .. } = &self.destination;
        let known = [("topic", topic), ("brokers", brokers), ("cluster", cluster_id)];
        let known = known.iter().filter_map(|(what, name)| Some(format!("{what} {}", name.as_ref()?)));
        let known = known.collect::<Vec<_>>().join(", ");
        if !known.is_empty() {
            write!(f, "\n{known}")?;
        }
        let width = self.topics.keys().map(String::len).max().map_or(0, |width| width.max("topic".len()) + 2);
        if self.acknowledged > 0 {
            let title = if width > 0 { "topic" } else { "" };
            write!(f, "\n  {title:width$}partition     records   first offset    last offset")?;
        }
        let rows = used(&self.partitions).map(|row| ("", row));
        let of_topics = self.topics.iter().flat_map(|(topic, partitions)| used(partitions).map(move |row| (topic.as_str(), row)));
        for (topic, (number, partition)) in rows.chain(of_topics) {
            let [first, last] = [partition.first_offset, partition.last_offset].map(|offset| match offset {
                Some(offset) => {
                    u64::try_from(offset).map_or_else(|_| offset.to_string(), |offset| HumanCount(offset).to_string())
                }
                None => "unknown".to_owned(),
            });
            write!(f, "\n  {topic:width$}{number:>9} {:>11} {first:>14} {last:>14}", HumanCount(partition.records).to_string())?;
        }
        if self.failed > 0 {
            write!(f, "\n{} failed", records(self.failed))?;
        }
        for (kind, count) in &self.errors {
            write!(f, "\n  {:>9}   {kind}", HumanCount(*count).to_string())?;
        }
        if self.inputs.len() > 1 {
            for line in table(&self.inputs, self.is_unacknowledged) {
                write!(f, "\n{line}")?;
            }
        }
        Ok(())
    }
}

fn records(count: u64) -> String {
    format!("{} record{}", HumanCount(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> impl Iterator<Item = String> {
        ["a.csv".to_owned()].into_iter()
    }

    fn report() -> Report {
        let mut report = Report::new(Destination::default(), false, inputs());
        for offset in [8, 7, 9] {
            report.acknowledge(0, None, 0, Some(offset), 100);
        }
        report.acknowledge(0, None, 10, Some(0), 1);
        report.acknowledge(0, None, 2, None, 0);
        report.fail(0, "RecordTooLarge");
        report.fail(0, "CsvRow");
        report.fail(0, "RecordTooLarge");
        report.finish(Duration::from_micros(1_500_400));
        report
    }

    #[test]
    fn the_json_form_is_stable() {
        assert_eq!(
            serde_json::to_string(&report()).unwrap(),
            r#"{"records":8,"acknowledged":5,"failed":3,"bytes":301,"elapsed_s":1.5,"records_per_s":3.3,"#.to_owned()
                + r#""partitions":{"0":{"records":3,"first_offset":7,"last_offset":9},"#
                + r#""2":{"records":1,"first_offset":null,"last_offset":null},"#
                + r#""10":{"records":1,"first_offset":0,"last_offset":0}},"#
                + r#""errors":{"CsvRow":1,"RecordTooLarge":2},"topic":null,"brokers":null,"cluster_id":null,"error":null,"#
                + r#""inputs":[{"input":"a.csv","records":8,"acknowledged":5,"failed":3,"complete":false,"error":null}]}"#
        );
    }

    #[test]
    fn an_empty_run_has_empty_tables_and_no_rate() {
        assert_eq!(
            serde_json::to_string(&Report::default()).unwrap(),
            r#"{"records":0,"acknowledged":0,"failed":0,"bytes":0,"elapsed_s":0.0,"records_per_s":0.0,"partitions":{},"errors":{},"#
                .to_owned()
                + r#""topic":null,"brokers":null,"cluster_id":null,"error":null,"inputs":[]}"#
        );
        assert_eq!(Report::default().to_string(), "0 records acknowledged in 0.00 s: 0 a second, 0 B");
    }

    #[test]
    fn the_text_form_is_a_table() {
        let mut report = report();
        report.acknowledge(0, None, 1, Some(1_234_567), 5 << 20);
        let text = "\
6 records acknowledged in 1.50 s: 3 a second, 5.00 MiB
  partition     records   first offset    last offset
          0           3              7              9
          1           1      1,234,567      1,234,567
          2           1        unknown        unknown
         10           1              0              0
3 records failed
          1   CsvRow
          2   RecordTooLarge";
        assert_eq!(report.to_string(), text);
    }

    #[test]
    fn a_report_has_the_destination_and_the_first_error() {
        let known = |name: &str| Some(name.to_owned());
        let destination =
            Destination { topic: known("orders"), has_topics: false, brokers: known("a:1,b:2"), cluster_id: known("id") };
        let mut report = Report::new(destination.clone(), false, inputs());
        assert!(report.to_string().ends_with("\ntopic orders, brokers a:1,b:2, cluster id"), "{report}");
        report.end_with("the first");
        report.end_with("the second");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["topic"], &json["brokers"], &json["cluster_id"]), (&"orders".into(), &"a:1,b:2".into(), &"id".into()));
        assert_eq!(json["error"], "the first");
        let json = serde_json::to_value(Report::of_failure(destination, "no broker".to_owned())).unwrap();
        assert_eq!((&json["records"], &json["error"]), (&0.into(), &"no broker".into()));
    }

    #[test]
    fn with_acks_0_records_count_as_sent() {
        let mut report = Report::new(Destination::default(), true, inputs());
        report.acknowledge(0, None, 0, None, 3);
        report.fail(0, "Serialization");
        let json = serde_json::to_value(&report).unwrap();
        let count = |name: &str| json[name].as_u64();
        assert_eq!(
            (count("records"), count("acknowledged"), count("sent"), count("failed")),
            (Some(2), Some(0), Some(1), Some(1))
        );
        assert!(report.to_string().starts_with("1 record sent, none of them acknowledged (acks=0), in 0.00 s"), "{report}");
    }

    #[test]
    fn acknowledged_records_of_reports_are_summed() {
        let mut whole = Report::default();
        let mut aborted = Report::default();
        assert_eq!(whole.fail_transaction("TransactionAborted", &aborted), 0);
        for input in [0, 0, 1] {
            aborted.acknowledge(input, None, 0, Some(1), 1);
        }
        assert_eq!(whole.fail_transaction("TransactionAborted", &aborted), 3);
        let counts = |whole: &mut Report, input| (whole.input(input).acknowledged, whole.input(input).failed);
        assert_eq!((counts(&mut whole, 0), counts(&mut whole, 1)), ((0, 2), (0, 1)));
        whole.add_acknowledged(report());
        whole.add_acknowledged(report());
        assert_eq!((whole.acknowledged(), whole.failed(), whole.bytes), (10, 3, 602));
        assert_eq!((counts(&mut whole, 0), whole.errors.get("TransactionAborted")), ((10, 2), Some(&3)));
        assert_eq!(whole.partitions[0], PartitionTotals { records: 6, first_offset: Some(7), last_offset: Some(9) });
        assert_eq!(whole.partitions[2], PartitionTotals { records: 2, first_offset: None, last_offset: None });
    }

    #[test]
    fn a_negative_partition_counts_in_the_totals() {
        let mut report = Report::default();
        report.acknowledge(0, None, -1, Some(3), 10);
        assert_eq!((report.acknowledged, used(&report.partitions).count()), (1, 0));
    }

    #[test]
    fn topics_from_data_have_their_own_partitions() {
        let mut report = Report::new(Destination { has_topics: true, ..Destination::default() }, false, inputs());
        let mut transaction = Report::default();
        for (topic, partition, offset) in [("flights-UA", 1, 5), ("flights-AA", 0, 5), ("flights-UA", 1, 6)] {
            transaction.acknowledge(0, Some(topic), partition, Some(offset), 1);
        }
        report.add_acknowledged(transaction);
        report.acknowledge(0, Some("flights-UA"), 1, Some(7), 1);
        let json = serde_json::to_value(&report).unwrap();
        assert!(json["partitions"].is_null(), "{json}");
        assert_eq!(json["topics"]["flights-AA"]["0"], serde_json::json!({"records": 1, "first_offset": 5, "last_offset": 5}));
        assert_eq!(json["topics"]["flights-UA"]["1"], serde_json::json!({"records": 3, "first_offset": 5, "last_offset": 7}));
        let table = "  topic       partition     records   first offset    last offset\n\
                     \x20 flights-AA          0           1              5              5\n\
                     \x20 flights-UA          1           3              5              7";
        assert!(report.to_string().ends_with(table), "{report}");
    }
}
