//! [`InputTotals`]: the outcome of the records of each input.

use indicatif::HumanCount;
use serde::Serialize;

use crate::input::InputPosition;

/// The records of one input.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct InputTotals {
    name: String,
    pub(crate) acknowledged: u64,
    pub(crate) failed: u64,
    state: InputState,
    /// Where an earlier run ended.
    continued_from: Option<InputPosition>,
}

/// How much of an input was read.
#[derive(Debug, Clone, Default, PartialEq)]
enum InputState {
    #[default]
    Unread,
    Begun,
    Complete,
    /// Why it could not be opened or read to its end.
    Broken(String),
}

impl InputTotals {
    pub(crate) fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// The input's name in messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    pub(crate) fn begin(&mut self) {
        if self.error().is_none() {
            self.state = InputState::Begun;
        }
    }

    /// The input was read to its end, or to the error. An error stays if another file is read for the input.
    pub(crate) fn end(&mut self, error: Option<String>) {
        if self.error().is_none() {
            self.state = error.map_or(InputState::Complete, InputState::Broken);
        }
    }

    /// Why it could not be opened or read to its end.
    pub(crate) fn error(&self) -> Option<&str> {
        if let InputState::Broken(error) = &self.state { Some(error) } else { None }
    }

    /// The records before this position were sent by an earlier run.
    pub(crate) fn continue_from(&mut self, position: InputPosition) {
        self.continued_from = Some(position);
    }

    /// The entry of the JSON report; with `acks=0` no record is acknowledged, and the records sent are counted in `sent`.
    pub(crate) fn entry(&self, is_unacknowledged: bool) -> impl Serialize + '_ {
        let Self { name, acknowledged, failed, continued_from, .. } = self;
        Entry {
            input: name,
            records: acknowledged + failed,
            acknowledged: if is_unacknowledged { 0 } else { *acknowledged },
            sent: is_unacknowledged.then_some(*acknowledged),
            failed: *failed,
            complete: self.state == InputState::Complete,
            error: self.error(),
            continued_from: continued_from.map(|InputPosition { offset, line, .. }| Beginning { line, offset }),
        }
    }
}

#[derive(Serialize)]
struct Entry<'a> {
    input: &'a str,
    records: u64,
    acknowledged: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<u64>,
    failed: u64,
    /// Whether the input was read to its end.
    complete: bool,
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continued_from: Option<Beginning>,
}

/// The line of the first record, counted from 1, and the number of bytes before it, after decompression and conversion to UTF-8.
#[derive(Serialize)]
struct Beginning {
    line: u64,
    offset: u64,
}

/// The lines of the text report: a title, and a line for each input.
pub(crate) fn table(inputs: &[InputTotals], is_unacknowledged: bool) -> Vec<String> {
    let width = inputs.iter().map(|input| input.name.chars().count()).max().unwrap_or(0).max("input".len()) + 2;
    let done = if is_unacknowledged { "sent" } else { "acknowledged" };
    let mut lines = vec![format!("  {:width$}{done:>12} {:>11}", "input", "failed")];
    lines.extend(inputs.iter().map(|InputTotals { name, acknowledged, failed, state, .. }| {
        let note = match state {
            InputState::Unread => "   not read",
            InputState::Begun => "   not read to its end",
            InputState::Complete => "",
            InputState::Broken(_) => "   broken",
        };
        let [acknowledged, failed] = [acknowledged, failed].map(|count| HumanCount(*count).to_string());
        format!("  {name:width$}{acknowledged:>12} {failed:>11}{note}")
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals() -> Vec<InputTotals> {
        let mut inputs = ["a.csv", "data/b.csv", "c.csv", "d.csv"].map(|name| InputTotals::new(name.to_owned()));
        inputs[0].begin();
        (inputs[0].acknowledged, inputs[0].failed) = (1200, 1);
        inputs[0].end(None);
        inputs[1].begin();
        inputs[1].end(Some("data/b.csv: cannot be read".to_owned()));
        inputs[2].begin();
        inputs[2].acknowledged = 3;
        inputs.to_vec()
    }

    #[test]
    fn each_input_has_a_line() {
        let lines = "
  input       acknowledged      failed
  a.csv              1,200           1
  data/b.csv             0           0   broken
  c.csv                  3           0   not read to its end
  d.csv                  0           0   not read";
        assert_eq!(table(&totals(), false).join("\n"), lines[1..]);
        assert!(table(&totals(), true)[0].contains("  sent "));
    }

    #[test]
    fn each_input_has_an_entry() {
        let json = |index: usize, is_unacknowledged| serde_json::to_string(&totals()[index].entry(is_unacknowledged)).unwrap();
        assert_eq!(
            json(0, false),
            r#"{"input":"a.csv","records":1201,"acknowledged":1200,"failed":1,"complete":true,"error":null}"#
        );
        assert_eq!(
            json(1, false),
            r#"{"input":"data/b.csv","records":0,"acknowledged":0,"failed":0,"complete":false,"error":"data/b.csv: cannot be read"}"#
        );
        assert_eq!(
            json(2, true),
            r#"{"input":"c.csv","records":3,"acknowledged":0,"sent":3,"failed":0,"complete":false,"error":null}"#
        );
    }
}
