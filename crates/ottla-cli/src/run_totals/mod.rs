//! [`RunTotals`]: the outcome of every row.

mod entry;

pub(crate) use entry::Entries;

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use ottla::{Error, ErrorKind};

use crate::{
    checkpoint::{Reached, Segments},
    dead_letter::{DeadLetter, DeadLetters, Reason, RecordOrigin},
    dead_letter_source::{EarlierLetter, LetterSource},
    embedded::ReadBack,
    exit::chain,
    input::InputPosition,
    lock::lock,
    message,
    progress::{LiveCounts, Progress},
    report::Report,
    row::{Row, RowError},
};

/// How many failures are printed one by one without a dead-letter file.
const MAX_PRINTED: u64 = 10;

/// The kind of records that failed only because their transaction was aborted.
pub(crate) const ABORTED: &str = "TransactionAborted";

/// Counts the outcome of every row: acknowledged, or failed with a kind. The reading thread and the delivery thread share it.
pub(crate) struct RunTotals {
    /// The delivery thread writes to it for every record: it shares no cache line with what the reading thread uses for every row.
    books: OwnCacheLines<Mutex<Books>>,
    counts: Arc<LiveCounts>,
    read_back: Option<Arc<ReadBack>>,
    keeps_rows: bool,
    /// Whether the report has several topics.
    has_topics: bool,
    /// Whether to stop reading.
    has_ended: AtomicBool,
    /// The segment of the rows that are read now.
    segment: AtomicU64,
}

/// A value that shares no cache line with another one.
#[repr(align(128))]
struct OwnCacheLines<T>(T);

struct Books {
    report: Report,
    /// The acknowledged records of the open transaction, with transactions.
    transaction: Option<Report>,
    letters: Option<DeadLetters>,
    /// What the dead letters of the rows that are read now name, by the index of their input. It changes with each file of an input that is followed.
    sources: HashMap<usize, Arc<LetterSource>>,
    progress: Option<Progress>,
    /// How many failures were printed.
    printed: u64,
    /// How many letters were written.
    written: u64,
    /// Records that failed because this client lacks permission to write them.
    not_allowed: u64,
    /// Why no more records can be sent.
    ended: Option<String>,
    letters_failed: Option<io::Error>,
    /// Whether a sync of the dead-letter file has failed. Then a later sync that succeeds does not mean that the letters are on disk.
    is_unsynced: bool,
    /// The rows that are done, for checkpoints. Transactions need none.
    segments: Option<Segments>,
}

/// The final counts.
pub(crate) struct Balance {
    /// The counts.
    pub(crate) report: Report,
    /// Records that failed because this client lacks permission to write them.
    pub(crate) not_allowed: u64,
    /// The write error of the dead-letter file.
    pub(crate) letters_failed: Option<io::Error>,
}

/// A row that failed.
struct Failed<'a> {
    /// The index of its input.
    input: usize,
    line: u64,
    /// The record as read.
    record: &'a [u8],
    /// What its dead letter names.
    source: Option<Arc<LetterSource>>,
    /// The dead letter that it was read from.
    letter: Option<&'a EarlierLetter>,
}

impl RunTotals {
    /// Creates the totals, all zero. Rows are kept until their reports only if there is a dead-letter file. With checkpoints, a failed row that
    /// is in no dead-letter file ends the run.
    pub(crate) fn new(
        report: Report,
        letters: Option<DeadLetters>,
        progress: Progress,
        read_back: Option<Arc<ReadBack>>,
        transactional: bool,
        has_checkpoints: bool,
    ) -> Arc<Self> {
        let (counts, keeps_rows, has_topics) = (progress.counts(), letters.is_some(), report.has_topics());
        let books = Books {
            report,
            transaction: transactional.then(Report::default),
            letters,
            sources: HashMap::new(),
            progress: Some(progress),
            printed: 0,
            written: 0,
            not_allowed: 0,
            ended: None,
            letters_failed: None,
            is_unsynced: false,
            segments: (has_checkpoints && !transactional).then(Segments::new),
        };
        Arc::new(Self {
            books: OwnCacheLines(Mutex::new(books)),
            counts,
            read_back,
            keeps_rows,
            has_topics,
            has_ended: AtomicBool::new(false),
            segment: AtomicU64::new(0),
        })
    }

    /// Counts a row that cannot become a record.
    pub(crate) fn turn_away(&self, input: usize, error: &RowError) {
        let mut books = self.books();
        let source = books.sources.get(&input).cloned();
        let failed = Failed { input, line: error.line, record: &error.record, source, letter: error.letter.as_ref() };
        if books.fail(&failed, &Reason::from(error)) {
            books.done(self.segment.load(Ordering::Relaxed));
        }
        self.count_failure(books);
    }

    /// Counts a row that the producer did not accept.
    pub(crate) fn refuse(&self, input: usize, row: &Row<'_>, error: &Error) {
        let source = self.books().sources.get(&input).cloned();
        let failed = Failed { input, line: row.line, record: row.raw, source, letter: row.letter };
        self.fail(&failed, self.segment.load(Ordering::Relaxed), error);
    }

    /// Adds an input that was found while the run goes on.
    pub(crate) fn name_input(&self, input: usize, name: &str) {
        self.books().report.input(input).set_name(name);
    }

    /// From now on rows of this input are read. Their dead letters name `source`, which is returned if there is a dead-letter file.
    pub(crate) fn begin_input(&self, input: usize, source: LetterSource) -> Option<Arc<LetterSource>> {
        let mut books = self.books();
        books.report.input(input).begin();
        let source = self.keeps_rows.then(|| Arc::new(source))?;
        books.sources.insert(input, Arc::clone(&source));
        Some(source)
    }

    /// The input was read to its end, or to the error.
    pub(crate) fn end_input(&self, input: usize, error: Option<String>) {
        self.books().report.input(input).end(error);
    }

    /// The input was continued at this position.
    pub(crate) fn continue_input(&self, input: usize, position: InputPosition) {
        self.books().report.input(input).continue_from(position);
    }

    /// Ends a segment of rows. Called by the thread that reads, when each of the segment's rows has been entered, turned away or refused.
    pub(crate) fn end_segment(&self, rows: u64, reached: Reached) {
        if let Some(segments) = &mut self.books().segments {
            segments.end(rows, reached);
            self.segment.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The positions before which every row is acknowledged or in the dead-letter file, which is synced, since the last call. None after a failed
    /// sync.
    ///
    /// # Errors
    /// The dead-letter file cannot be synced.
    pub(crate) fn take_reached(&self) -> Result<Vec<Reached>, String> {
        let mut books = self.books();
        if books.is_unsynced {
            return Ok(Vec::new());
        }
        let reached = books.segments.as_mut().map(Segments::take).unwrap_or_default();
        let synced = books.letters.as_ref().filter(|_| !reached.is_empty()).map_or(Ok(()), DeadLetters::sync);
        if let Err(error) = synced {
            let reason = error.to_string();
            books.is_unsynced = true;
            books.letters_failed.get_or_insert(error);
            return Err(reason);
        }
        Ok(reached)
    }

    /// Sets the position in the input, for the progress line.
    pub(crate) fn read_to(&self, position: u64) {
        if let Some(progress) = &self.books().progress {
            progress.read_to(position);
        }
    }

    /// Prints a line without garbling the progress line.
    pub(crate) fn tell(&self, line: &str) {
        self.books().tell(line);
    }

    /// Why reading on is pointless: no more records can be sent, or failed records cannot be kept.
    pub(crate) fn ended(&self) -> Option<String> {
        if !self.has_ended.load(Ordering::Relaxed) {
            return None;
        }
        let books = self.books();
        let letters = books.letters_failed.as_ref().map(ToString::to_string);
        books.ended.clone().or(letters)
    }

    /// Counts the acknowledged records of the transaction, which is committed. Returns the number of records committed so far.
    pub(crate) fn commit(&self) -> u64 {
        let mut books = self.books();
        if let Some(acknowledged) = books.transaction.replace(Report::default()) {
            books.report.add_acknowledged(acknowledged);
        }
        books.report.acknowledged()
    }

    /// Counts the acknowledged records of the transaction, which is not committed, as failed.
    pub(crate) fn write_off(&self, kind: &str) {
        let mut books = self.books();
        if let Some(acknowledged) = books.transaction.replace(Report::default()) {
            let failed = books.report.fail_transaction(kind, &acknowledged);
            self.counts.fail(failed);
        }
    }

    /// Ends counting: removes the progress line and completes the dead-letter file.
    pub(crate) fn close(&self) -> Balance {
        let mut books = self.books();
        drop(books.progress.take());
        let finished = books.letters.take().map_or(Ok(()), |letters| letters.sync());
        if let Err(error) = finished {
            books.letters_failed.get_or_insert(error);
        }
        Balance {
            report: std::mem::take(&mut books.report),
            not_allowed: books.not_allowed,
            letters_failed: books.letters_failed.take(),
        }
    }

    /// Removes the progress line and returns the counts so far, before the process ends early.
    pub(crate) fn interrupted(&self) -> Report {
        let mut books = self.books();
        drop(books.progress.take());
        books.report.clone()
    }

    /// The counts so far.
    pub(crate) fn snapshot(&self) -> Report {
        self.books().report.clone()
    }

    /// The number of dead letters so far.
    pub(crate) fn letters(&self) -> u64 {
        self.books().written
    }

    /// Whether each row that was read is acknowledged or in the dead-letter file. Without segments it is not known.
    pub(crate) fn is_settled(&self) -> bool {
        self.books().segments.as_ref().is_some_and(Segments::is_done)
    }

    fn fail(&self, failed: &Failed<'_>, segment: u64, error: &Error) {
        let text = chain(error);
        let kind = error.kind();
        let mut books = self.books();
        if books.transaction.is_some() && is_aborted(kind) {
            books.report.fail(failed.input, ABORTED);
            books.ended.get_or_insert(text);
            self.count_failure(books);
            return;
        }
        books.not_allowed += u64::from(matches!(kind, ErrorKind::Authorization | ErrorKind::Authentication));
        if error.is_fatal() || kind == ErrorKind::Closed {
            books.ended.get_or_insert_with(|| text.clone());
        }
        if books.fail(failed, &Reason { kind: kind.name(), message: &text, field: None, truncated: false }) {
            books.done(segment);
        }
        self.count_failure(books);
    }

    fn count_failure(&self, books: MutexGuard<'_, Books>) {
        if books.ended.is_some() || books.letters_failed.is_some() {
            self.has_ended.store(true, Ordering::Relaxed);
        }
        self.counts.fail(1);
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books.0)
    }
}

/// Whether a record failed because of other records in its transaction.
fn is_aborted(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::GivenUp | ErrorKind::TransactionFailed | ErrorKind::TransactionState)
}

impl Books {
    /// Writes the letter, then counts it: the count never exceeds what is in the file. Returns whether there is a letter.
    fn fail(&mut self, failed: &Failed<'_>, reason: &Reason<'_>) -> bool {
        let Failed { input, line, record, ref source, letter } = *failed;
        let Reason { kind, message: text, .. } = *reason;
        let name = self.report.input_name(input);
        let origin = match letter {
            Some(EarlierLetter { source, line, attempts }) => {
                Some(RecordOrigin { source, line: *line, attempts: attempts + 1, record })
            }
            None => source.as_ref().map(|source| RecordOrigin { source, line, attempts: 1, record }),
        };
        let letter = origin.map(|origin| DeadLetter::new(origin, reason));
        let kept = self.letters.as_mut().zip(letter).map(|(letters, letter)| letters.write(&letter));
        let message = || {
            let place = name.map_or_else(String::new, |name| format!("{name}: "));
            format!("{place}line {line}: {kind}: {text}")
        };
        if self.transaction.is_some() {
            self.ended.get_or_insert_with(message);
        }
        if self.segments.is_some() && self.letters.is_none() {
            let message = || {
                let remedy = "correct it, or pass --dead-letter FILE to keep failed records and read on";
                format!("{}; with a checkpoint, no failed record is skipped: {remedy}", message())
            };
            self.ended.get_or_insert_with(message);
        }
        let shown = (self.printed < MAX_PRINTED).then(message);
        self.report.fail(input, kind);
        let has_file = match kept {
            Some(Ok(())) => {
                self.written += 1;
                return true;
            }
            Some(Err(error)) => {
                self.letters_failed.get_or_insert(error);
                true
            }
            None => false,
        };
        self.printed += 1;
        match shown {
            Some(message) => self.tell(&message),
            None if self.printed == MAX_PRINTED + 1 => self.tell("further failed records are only counted"),
            None => {}
        }
        if self.printed == 1 && !has_file {
            self.tell("only the first 10 failed records are shown; pass --dead-letter FILE to keep all of them");
        }
        false
    }

    /// Counts a row that is acknowledged or in the dead-letter file.
    fn done(&mut self, segment: u64) {
        if let Some(segments) = &mut self.segments {
            segments.done(segment);
        }
    }

    fn tell(&self, line: &str) {
        match &self.progress {
            Some(progress) => progress.suspend(|| message::tell(line)),
            None => message::tell(line),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::{
        input::Format,
        report::Destination,
        row::{RowErrorKind, RowHeaders, RowTarget},
    };

    #[test]
    fn a_row_of_a_rotated_file_that_fails_late_has_the_columns_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        let report = Report::new(Destination::default(), false, ["a.csv".to_owned()].into_iter());
        let letters = Some(DeadLetters::at(&path, Vec::new()).unwrap());
        let totals = RunTotals::new(report, letters, Progress::start(None, false), None, false, false);
        let source = |column: &str| LetterSource {
            input: "a.csv".to_owned(),
            format: Format::Csv,
            columns: Some(vec![column.to_owned()]),
        };
        let (headers, target) = (RowHeaders::default(), RowTarget::default());
        let row = Row { line: 2, raw: b"1", key: None, value: None, headers, columns: None, target, letter: None };
        let rotated = totals.begin_input(0, source("old"));
        let mut entries = Entries::new(&totals);
        let (entry, kept) = entries.enter(0, rotated.as_ref(), &row, None);
        totals.begin_input(0, source("new"));
        let error = || ottla::testing::ErrorBuilder::new(ErrorKind::DeliveryTimeout).build();
        entry.settle(kept, Err(error()));
        totals.refuse(0, &row, &error());
        assert!(totals.close().letters_failed.is_none());
        let written = std::fs::read_to_string(&path).unwrap();
        let columns: Vec<_> = written.lines().map(|line| line.split_once("columns").unwrap().1).collect();
        assert_eq!(columns, [r#"":["old"],"attempts":1}"#, r#"":["new"],"attempts":1}"#]);
    }

    #[test]
    fn after_a_failed_sync_of_the_dead_letters_no_position_is_reached() {
        let folder = tempfile::tempdir().unwrap();
        let letters = || DeadLetters::at(&folder.path().join("dead.jsonl"), Vec::new()).unwrap();
        let report = Report::new(Destination::default(), false, ["a.csv".to_owned()].into_iter());
        let totals = RunTotals::new(report, Some(letters()), Progress::start(None, false), None, false, true);
        let row = RowError {
            line: 1,
            kind: RowErrorKind::ColumnCount,
            message: "m".to_owned(),
            field: None,
            record: Vec::new(),
            letter: None,
        };
        totals.begin_input(0, LetterSource { input: "a.csv".to_owned(), format: Format::Csv, columns: Some(Vec::new()) });
        let reach = |line| {
            totals.turn_away(0, &row);
            totals.end_segment(1, Reached { input: 0, position: InputPosition::new(line, line) });
            totals.take_reached()
        };
        let reached =
            |reached: Result<Vec<Reached>, String>| reached.unwrap().iter().map(|to| to.position.line).collect::<Vec<_>>();
        assert_eq!(reached(reach(2)), [2]);
        totals.turn_away(0, &row);
        totals.end_segment(1, Reached { input: 0, position: InputPosition::new(3, 3) });
        let mut failing = letters();
        failing.fail().unwrap();
        let working = totals.books().letters.replace(failing);
        let error = totals.take_reached().unwrap_err();
        assert!(error.starts_with("dead-letter file ") && error.contains("dead.jsonl: "), "{error}");
        // A later sync would succeed, as the system reports a failed write once.
        totals.books().letters = working;
        assert_eq!(reached(reach(4)), [0_u64; 0]);
        assert_eq!(totals.close().letters_failed.unwrap().to_string(), error);
    }
}
