//! [`Flights`]: produces the sample of flights with `[record]` and compares what is read back with the rows of the file.

use std::collections::BTreeSet;

use ottla_test_support::{folder::Folder, log, repository};
use serde_json::{Map, Value, json};

use crate::{arguments, command::run};

/// The columns that are integers.
const NUMBERS: [&str; 14] = [
    "year",
    "month",
    "day",
    "dep_time",
    "sched_dep_time",
    "dep_delay",
    "arr_time",
    "sched_arr_time",
    "arr_delay",
    "flight",
    "air_time",
    "distance",
    "hour",
    "minute",
];

/// The sample of flights, whose topics are the carriers with a prefix.
pub(crate) struct Flights {
    prefix: String,
    csv: String,
}

impl Flights {
    /// Reads the sample. `prefix` begins the topics.
    pub(crate) fn read(prefix: &str) -> Self {
        let csv = std::fs::read_to_string(repository("examples/data/flights-sample.csv")).unwrap();
        // So that rows can be split at commas.
        assert!(!csv.contains('"'));
        Self { prefix: prefix.to_owned(), csv }
    }

    /// The topics, which must exist.
    pub(crate) fn topics(&self) -> Vec<String> {
        let carriers: BTreeSet<String> = self.rows().map(|row| self.topic(&row)).collect();
        carriers.into_iter().collect()
    }

    /// Produces the sample with key, timestamp, headers, topic and typed values from its rows, and compares each record.
    pub(crate) fn produce_and_compare(&self, bootstrap_servers: &str) {
        let report = self.produce(bootstrap_servers);
        assert_eq!((&report["acknowledged"], &report["failed"]), (&json!(self.rows().count()), &json!(0)));
        assert_eq!(report["topic"], json!(format!("{}-{{carrier}}", self.prefix)));
        let text = |bytes: Option<&Vec<u8>>| bytes.map(|bytes| String::from_utf8(bytes.clone()).unwrap());
        for topic in self.topics() {
            let mut found: Vec<String> = Vec::new();
            for record in log::read(bootstrap_servers, &topic) {
                let headers: Vec<_> = record.headers.iter().map(|(name, value)| (name, text(value.as_ref()))).collect();
                let value: Value = serde_json::from_str(record.value_text()).unwrap();
                found.push(json!([text(record.key.as_ref()), record.timestamp, headers, value]).to_string());
            }
            let partitions = report["topics"][&topic].as_object().unwrap().values();
            let reported: u64 = partitions.map(|partition| partition["records"].as_u64().unwrap()).sum();
            assert_eq!(reported, found.len() as u64, "{topic}");
            let mut wanted: Vec<String> = self.rows().filter(|row| self.topic(row) == topic).map(|row| record(&row)).collect();
            found.sort();
            wanted.sort();
            assert!(found == wanted, "{topic} differs from the file");
        }
    }

    /// Returns the report of the run.
    fn produce(&self, bootstrap_servers: &str) -> Value {
        let folder = Folder::new();
        // Some topics are allowed by name, and the others by patterns.
        let topics = self.topics();
        let (named, others) = topics.split_at(topics.len() / 2);
        let patterns: BTreeSet<String> = others.iter().map(|topic| format!("{}*", &topic[..topic.len() - 1])).collect();
        let allowed: Vec<&String> = named.iter().chain(&patterns).collect();
        let types: String = NUMBERS.iter().map(|name| format!("{name} = \"long\"\n")).collect();
        let config = format!(
            "[producer]\nbootstrap.servers = \"{bootstrap_servers}\"\n[input]\npath = \"flights.csv\"\nnull = \"NA\"\n[record]\n\
             topic = \"{}-{{carrier}}\"\ntopics = {}\nkey = \"{{origin}}-{{dest}}\"\ntimestamp = \"{{time_hour}}\"\n[record.headers]\n\
             source = \"nycflights13\"\ntailnum = \"{{tailnum}}\"\n[record.types]\n{types}",
            self.prefix,
            json!(allowed)
        );
        folder.file("flights.csv", &self.csv);
        run(arguments!["produce", "-c", folder.file("flights.toml", config), "--report", "json"]).with(0).report()
    }

    /// The rows, by column.
    fn rows(&self) -> impl Iterator<Item = Map<String, Value>> {
        let mut lines = self.csv.lines();
        let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
        let value = |text: &str| if text == "NA" { Value::Null } else { text.into() };
        lines.map(move |line| columns.iter().zip(line.split(',')).map(|(name, text)| ((*name).to_owned(), value(text))).collect())
    }

    fn topic(&self, row: &Map<String, Value>) -> String {
        format!("{}-{}", self.prefix, row["carrier"].as_str().unwrap())
    }
}

/// The record of a row: key, timestamp, headers and value.
fn record(row: &Map<String, Value>) -> String {
    let text = |name: &str| row[name].as_str().unwrap();
    let time: jiff::Timestamp = text("time_hour").parse().unwrap();
    let headers = json!([["source", "nycflights13"], ["tailnum", row["tailnum"]]]);
    let mut value = row.clone();
    for name in NUMBERS {
        if let Some(digits) = row[name].as_str() {
            value[name] = json!(digits.parse::<i64>().unwrap());
        }
    }
    json!([format!("{}-{}", text("origin"), text("dest")), time.as_millisecond(), headers, value]).to_string()
}
