//! [`Table`]: one [`Row`] for each hostile input.

use std::{fs, io::Write as _};

use crate::repository;

/// A hostile input, and what became of the records that met it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is, as in the first column of the documentation's table.
    pub input: &'static str,
    /// How many records `send` took.
    pub accepted: usize,
    /// How many of them a broker has, by its own word.
    pub acknowledged: usize,
    /// How many of them ended in an error that was reported.
    pub failed: usize,
    /// How many ended in neither, or were acknowledged and are not in the log.
    pub lost: usize,
    /// What the user is told.
    pub told: String,
}

impl Row {
    /// An input that is refused before any record is accepted.
    pub fn refused(input: &'static str, told: impl Into<String>) -> Self {
        Self { input, accepted: 0, acknowledged: 0, failed: 0, lost: 0, told: told.into() }
    }
}

/// The rows of one test.
#[derive(Debug, Default)]
pub struct Table(Vec<Row>);

impl Table {
    pub fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    /// Prints the rows, past the test's captured output, and holds them against the documentation: every one stands there, with the words
    /// that are told (`…` stands for any text), and none has lost a record.
    pub fn finish(self) {
        let page = fs::read_to_string(repository("docs/what-happens-when.md")).unwrap();
        let mut text = format!(
            "\n{:<48} {:>8} {:>12} {:>6} {:>4}  what the user sees\n",
            "HOSTILE INPUT", "accepted", "acknowledged", "failed", "lost"
        );
        for row in &self.0 {
            let told: String = row.told.replace('\n', " / ").chars().take(150).collect();
            let Row { input, accepted, acknowledged, failed, lost, .. } = row;
            text += &format!("{input:<48} {accepted:>8} {acknowledged:>12} {failed:>6} {lost:>4}  {told}\n");
        }
        // In one piece, so that tests that run beside this one do not come between.
        std::io::stdout().lock().write_all(text.as_bytes()).unwrap();
        let mut wrong = Vec::new();
        for row in self.0 {
            if row.lost > 0 || row.accepted != row.acknowledged + row.failed {
                wrong.push(format!("{}: not every record is accounted for: {row:?}", row.input));
            }
            match documented(&page, row.input) {
                None => wrong.push(format!("{}: is not in docs/what-happens-when.md: {}", row.input, row.told)),
                Some(words) if !matches(words, &row.told) => {
                    wrong.push(format!("{}: is told\n  {}\nand docs/what-happens-when.md says\n  {words}", row.input, row.told));
                }
                Some(_) => {}
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// What the documentation says that is told of an input: the last cell of its row, without the marks of code.
fn documented<'p>(page: &'p str, input: &str) -> Option<&'p str> {
    let (_, section) = page.split_once("\n## Hostile input\n")?;
    let section = section.split("\n## ").next()?;
    section.lines().find_map(|line| {
        let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let (first, rest) = cells.split_once(" | ")?;
        (first == input).then(|| rest.rsplit_once(" | ").map_or(rest, |(_, last)| last).trim_matches('`'))
    })
}

/// Whether `text` has the parts of `pattern` that `…` separates, in their order; the first and last at its ends.
fn matches(pattern: &str, text: &str) -> bool {
    let parts: Vec<_> = pattern.split('…').collect();
    let [first, between @ .., last] = &parts[..] else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    for part in between {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    true
}

#[test]
fn a_pattern_is_what_stands_between_its_dots() {
    for (pattern, text, wanted) in [
        ("plain", "plain", true),
        ("plain", "plainer", false),
        ("a…", "abc", true),
        ("…b…d", "abcd", true),
        ("a…b…c", "axcbxc", true),
        ("a…b…c", "acc", false),
        ("ab…bc", "abc", false),
    ] {
        assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
    }
    let page = "x\n## Hostile input\n\n| input | records | told |\n| --- | --- | --- |\n| one | none | `say … so` |\n\n## More\n| two | x | `y` |\n";
    assert_eq!((documented(page, "one"), documented(page, "two")), (Some("say … so"), None));
}
