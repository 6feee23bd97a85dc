//! [`Report`]: what became of the records of a run, as JSON for programs and as text for people.

use std::{collections::BTreeMap, fmt, time::Duration};

use indicatif::{BinaryBytes, HumanCount};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap as _, SerializeStruct as _},
};

/// Counts what became of records.
///
/// An acknowledgement costs an index into an array by partition and a few additions: no lock, no hash, no allocation once the partition
/// has been seen.
///
/// As JSON (`serde::Serialize`), with the partitions that have records, `null` for offsets that were not told (`acks=0`), and rates of
/// acknowledged records:
///
/// ```json
/// {"records":3,"acknowledged":2,"failed":1,"bytes":20,"elapsed_s":0.5,"records_per_s":4.0,
///  "partitions":{"0":{"records":2,"first_offset":7,"last_offset":8}},"errors":{"RecordTooLarge":1}}
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Report {
    acknowledged: u64,
    failed: u64,
    bytes: u64,
    elapsed: Duration,
    partitions: Vec<Partition>,
    errors: BTreeMap<String, u64>,
}

/// What a partition got. One without records is not reported.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Partition {
    records: u64,
    first_offset: Option<i64>,
    last_offset: Option<i64>,
}

impl Report {
    /// Counts a record that the brokers acknowledged: its partition, its offset if it was told, and its size in bytes, key and value.
    pub(crate) fn acknowledge(&mut self, partition: i32, offset: Option<i64>, bytes: usize) {
        self.acknowledged += 1;
        self.bytes += bytes as u64;
        // A record without a partition cannot have been acknowledged; should it ever say so, the totals still add up.
        let Ok(index) = usize::try_from(partition) else { return };
        if index >= self.partitions.len() {
            self.partitions.resize_with(index + 1, Partition::default);
        }
        self.partitions[index].add(offset);
    }

    /// Counts a record that was not acknowledged, under the kind of its error.
    pub(crate) fn fail(&mut self, kind: &str) {
        self.fail_all(kind, 1);
    }

    /// Counts so many records that were not acknowledged, or that count no longer, under the kind of their error.
    pub(crate) fn fail_all(&mut self, kind: &str, records: u64) {
        if records == 0 {
            return;
        }
        self.failed += records;
        match self.errors.get_mut(kind) {
            Some(count) => *count += records,
            None => drop(self.errors.insert(kind.to_owned(), records)),
        }
    }

    /// Adds what another report has acknowledged.
    pub(crate) fn add_acknowledged(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.bytes += other.bytes;
        if self.partitions.len() < other.partitions.len() {
            self.partitions.resize_with(other.partitions.len(), Partition::default);
        }
        for (mine, other) in self.partitions.iter_mut().zip(other.partitions) {
            mine.merge(&other);
        }
    }

    /// Sets how long the run took, from the first record read to the last one reported.
    pub(crate) fn finish(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }

    /// How many records came to an end, one way or the other.
    pub(crate) fn records(&self) -> u64 {
        self.acknowledged + self.failed
    }

    /// How many records were acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// How many records were not acknowledged.
    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    /// Acknowledged records a second, 0 when no time passed; to one decimal.
    fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { (self.acknowledged as f64 / seconds * 10.0).round() / 10.0 } else { 0.0 }
    }

    /// The same in whole records.
    fn whole_rate(&self) -> u64 {
        let rate = (u128::from(self.acknowledged) * 1_000_000_000).checked_div(self.elapsed.as_nanos());
        u64::try_from(rate.unwrap_or(0)).unwrap_or(u64::MAX)
    }

    /// The elapsed time in seconds, to milliseconds.
    fn seconds(&self) -> f64 {
        (self.elapsed.as_secs_f64() * 1000.0).round() / 1000.0
    }

    fn used_partitions(&self) -> impl Iterator<Item = (usize, &Partition)> {
        self.partitions.iter().enumerate().filter(|(_, partition)| partition.records > 0)
    }
}

impl Partition {
    fn add(&mut self, offset: Option<i64>) {
        self.merge(&Self { records: 1, first_offset: offset, last_offset: offset });
    }

    fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.first_offset = match (self.first_offset, other.first_offset) {
            (Some(mine), Some(other)) => Some(mine.min(other)),
            (mine, other) => mine.or(other),
        };
        // `None` is below every offset.
        self.last_offset = self.last_offset.max(other.last_offset);
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut report = serializer.serialize_struct("Report", 8)?;
        report.serialize_field("records", &self.records())?;
        report.serialize_field("acknowledged", &self.acknowledged)?;
        report.serialize_field("failed", &self.failed)?;
        report.serialize_field("bytes", &self.bytes)?;
        report.serialize_field("elapsed_s", &self.seconds())?;
        report.serialize_field("records_per_s", &self.rate())?;
        report.serialize_field("partitions", &UsedPartitions(self))?;
        report.serialize_field("errors", &self.errors)?;
        report.end()
    }
}

/// The partitions as a JSON object, in the order of their numbers.
struct UsedPartitions<'a>(&'a Report);

impl Serialize for UsedPartitions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.used_partitions().count()))?;
        for (number, partition) in self.0.used_partitions() {
            map.serialize_entry(&number, partition)?;
        }
        map.end()
    }
}

/// The text form: a line of totals, a table of partitions, and the errors if there are any. No line break at its end.
///
/// ```text
/// 336,776 records acknowledged in 1.21 s: 278,327 a second, 58.30 MiB
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
            "{} acknowledged in {:.2} s: {} a second, {}",
            records(self.acknowledged),
            self.elapsed.as_secs_f64(),
            HumanCount(self.whole_rate()),
            BinaryBytes(self.bytes),
        )?;
        if self.acknowledged > 0 {
            write!(f, "\n  partition     records   first offset    last offset")?;
        }
        for (number, partition) in self.used_partitions() {
            let [first, last] = [partition.first_offset, partition.last_offset].map(|offset| match offset {
                Some(offset) => {
                    u64::try_from(offset).map_or_else(|_| offset.to_string(), |offset| HumanCount(offset).to_string())
                }
                None => "unknown".to_owned(),
            });
            write!(f, "\n  {number:>9} {:>11} {first:>14} {last:>14}", HumanCount(partition.records).to_string())?;
        }
        if self.failed > 0 {
            write!(f, "\n{} failed", records(self.failed))?;
        }
        for (kind, count) in &self.errors {
            write!(f, "\n  {:>9}   {kind}", HumanCount(*count).to_string())?;
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

    fn report() -> Report {
        let mut report = Report::default();
        for offset in [8, 7, 9] {
            report.acknowledge(0, Some(offset), 100);
        }
        report.acknowledge(10, Some(0), 1);
        report.acknowledge(2, None, 0);
        report.fail("RecordTooLarge");
        report.fail("CsvRow");
        report.fail("RecordTooLarge");
        report.finish(Duration::from_micros(1_500_400));
        report
    }

    #[test]
    fn the_json_is_the_contracts() {
        assert_eq!(
            serde_json::to_string(&report()).unwrap(),
            r#"{"records":8,"acknowledged":5,"failed":3,"bytes":301,"elapsed_s":1.5,"records_per_s":3.3,"#.to_owned()
                + r#""partitions":{"0":{"records":3,"first_offset":7,"last_offset":9},"#
                + r#""2":{"records":1,"first_offset":null,"last_offset":null},"#
                + r#""10":{"records":1,"first_offset":0,"last_offset":0}},"#
                + r#""errors":{"CsvRow":1,"RecordTooLarge":2}}"#
        );
    }

    #[test]
    fn an_empty_run_has_empty_tables_and_no_rate() {
        assert_eq!(
            serde_json::to_string(&Report::default()).unwrap(),
            r#"{"records":0,"acknowledged":0,"failed":0,"bytes":0,"elapsed_s":0.0,"records_per_s":0.0,"partitions":{},"errors":{}}"#
        );
        assert_eq!(Report::default().to_string(), "0 records acknowledged in 0.00 s: 0 a second, 0 B");
    }

    #[test]
    fn the_text_reads_well() {
        let mut report = report();
        report.acknowledge(1, Some(1_234_567), 5 << 20);
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
    fn reports_of_acknowledged_records_add_up() {
        let mut whole = Report::default();
        whole.fail_all("TransactionAborted", 3);
        whole.fail_all("TransactionAborted", 0);
        whole.add_acknowledged(report());
        whole.add_acknowledged(report());
        assert_eq!((whole.acknowledged(), whole.failed(), whole.bytes), (10, 3, 602));
        assert_eq!(whole.partitions[0], Partition { records: 6, first_offset: Some(7), last_offset: Some(9) });
        assert_eq!(whole.partitions[2], Partition { records: 2, first_offset: None, last_offset: None });
    }

    #[test]
    fn a_partition_below_zero_still_counts() {
        let mut report = Report::default();
        report.acknowledge(-1, Some(3), 10);
        assert_eq!((report.acknowledged, report.used_partitions().count()), (1, 0));
    }
}
