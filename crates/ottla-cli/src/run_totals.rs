//! [`RunTotals`]: what became of every row that was read.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use ottla::{Error, ErrorKind, Report as DeliveryReport};

use crate::{
    dead_letter::{DeadLetter, DeadLetters},
    embedded::{Digest, ReadBack},
    exit::chain,
    message,
    progress::{LiveCounts, Progress},
    report::Report,
    row::{Row, RowError},
};

/// How many failures are told one by one where there is no dead-letter file for them.
const TOLD: u64 = 10;

/// What a record counts under that failed only because its transaction did.
pub(crate) const ABORTED: &str = "TransactionAborted";

/// Counts what became of every row: acknowledged, or failed and why. The reading thread and the delivery thread share it.
pub(crate) struct RunTotals {
    books: Mutex<Books>,
    counts: Arc<LiveCounts>,
    read_back: Option<Arc<ReadBack>>,
    keeps_rows: bool,
    /// Whether it makes no sense to read on.
    has_ended: AtomicBool,
}

struct Books {
    report: Report,
    /// What the transaction that is open has acknowledged, where there are transactions.
    transaction: Option<Report>,
    letters: Option<DeadLetters>,
    progress: Option<Progress>,
    /// How many failures were told.
    told: u64,
    /// How many records failed because this client is not allowed to write them.
    not_allowed: u64,
    /// Why there can be no more records.
    ended: Option<String>,
    letters_failed: Option<io::Error>,
}

/// What the ledger says at the end.
pub(crate) struct Balance {
    /// The counts.
    pub(crate) report: Report,
    /// How many records failed because this client is not allowed to write them.
    pub(crate) not_allowed: u64,
    /// Why the dead letters are not all in their file.
    pub(crate) letters_failed: Option<io::Error>,
}

/// A row that is sent and not reported yet.
pub(crate) struct Entry {
    totals: Arc<RunTotals>,
    line: u64,
    /// The row as it was read, if there is a file for it.
    raw: Option<Box<[u8]>>,
    /// What is compared with what is read back, if it is.
    digest: Option<Box<Digest>>,
}

impl RunTotals {
    /// A ledger without entries. Rows are kept until their reports only if there are dead letters to be written of them.
    pub(crate) fn new(
        report: Report,
        letters: Option<DeadLetters>,
        progress: Progress,
        read_back: Option<Arc<ReadBack>>,
        transactional: bool,
    ) -> Arc<Self> {
        let (counts, keeps_rows) = (progress.counts(), letters.is_some());
        let books = Books {
            report,
            transaction: transactional.then(Report::default),
            letters,
            progress: Some(progress),
            told: 0,
            not_allowed: 0,
            ended: None,
            letters_failed: None,
        };
        Arc::new(Self { books: Mutex::new(books), counts, read_back, keeps_rows, has_ended: AtomicBool::new(false) })
    }

    /// An entry for a row that is sent now. Whoever made it settles it, whatever happens.
    pub(crate) fn enter(self: &Arc<Self>, row: &Row<'_>, digest: Option<Digest>) -> Entry {
        Entry {
            totals: Arc::clone(self),
            line: row.line,
            raw: self.keeps_rows.then(|| row.raw.into()),
            digest: digest.map(Box::new),
        }
    }

    /// Counts a row that cannot be sent.
    pub(crate) fn turn_away(&self, error: &RowError) {
        let mut books = self.books();
        books.fail(&DeadLetter::from(error), error.line, error.kind.name(), &error.message);
        self.count_failure(books);
    }

    /// Counts a row that was not accepted.
    pub(crate) fn refuse(&self, row: &Row<'_>, error: &Error) {
        self.fail(row.line, row.raw, error);
    }

    /// Says how far the input is read.
    pub(crate) fn read_to(&self, position: u64) {
        if let Some(progress) = &self.books().progress {
            progress.read_to(position);
        }
    }

    /// Says a line, without leaving half a progress line behind.
    pub(crate) fn tell(&self, line: &str) {
        self.books().tell(line);
    }

    /// Why it makes no sense to read on: no record can be sent any more, or what fails cannot be kept.
    pub(crate) fn ended(&self) -> Option<String> {
        if !self.has_ended.load(Ordering::Relaxed) {
            return None;
        }
        let books = self.books();
        let letters = books.letters_failed.as_ref().map(ToString::to_string);
        books.ended.clone().or(letters)
    }

    /// The transaction is committed: what it acknowledged counts. Gives how many records have been committed so far.
    pub(crate) fn commit(&self) -> u64 {
        let mut books = self.books();
        if let Some(acknowledged) = books.transaction.replace(Report::default()) {
            books.report.add_acknowledged(acknowledged);
        }
        books.report.acknowledged()
    }

    /// The transaction is not committed: what it acknowledged has failed all the same.
    pub(crate) fn write_off(&self, kind: &str) {
        let mut books = self.books();
        if let Some(acknowledged) = books.transaction.replace(Report::default()) {
            books.report.fail_all(kind, acknowledged.acknowledged());
            self.counts.fail(acknowledged.acknowledged());
        }
    }

    /// Closes the ledger: the progress line goes, the dead letters are complete.
    pub(crate) fn close(&self) -> Balance {
        let mut books = self.books();
        drop(books.progress.take());
        let finished = books.letters.take().map_or(Ok(()), DeadLetters::finish);
        if let Err(error) = finished {
            books.letters_failed.get_or_insert(error);
        }
        Balance {
            report: std::mem::take(&mut books.report),
            not_allowed: books.not_allowed,
            letters_failed: books.letters_failed.take(),
        }
    }

    /// Stops the progress line and gives what is counted so far, for a process that ends at once.
    pub(crate) fn interrupted(&self) -> Report {
        let mut books = self.books();
        drop(books.progress.take());
        books.report.clone()
    }

    fn fail(&self, line: u64, raw: &[u8], error: &Error) {
        let text = chain(error);
        let kind = error.kind();
        let mut books = self.books();
        if books.transaction.is_some() && is_aborted(kind) {
            books.report.fail(ABORTED);
            books.ended.get_or_insert(text);
            self.count_failure(books);
            return;
        }
        books.not_allowed += u64::from(matches!(kind, ErrorKind::Authorization | ErrorKind::Authentication));
        if error.is_fatal() || kind == ErrorKind::Closed {
            books.ended.get_or_insert_with(|| text.clone());
        }
        books.fail(&DeadLetter::new(line, kind.name(), &*text, None, raw), line, kind.name(), &text);
        self.count_failure(books);
    }

    fn count_failure(&self, books: MutexGuard<'_, Books>) {
        if books.ended.is_some() || books.letters_failed.is_some() {
            self.has_ended.store(true, Ordering::Relaxed);
        }
        self.counts.fail(1);
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a record failed because of others in its transaction.
fn is_aborted(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::GivenUp | ErrorKind::TransactionFailed | ErrorKind::TransactionState)
}

impl Books {
    /// Writes the letter, then counts it: a count never says more than the file has.
    fn fail(&mut self, letter: &DeadLetter<'_>, line: u64, kind: &str, text: &str) {
        let kept = self.letters.as_mut().map(|letters| letters.write(letter));
        self.report.fail(kind);
        if self.transaction.is_some() {
            self.ended.get_or_insert_with(|| format!("line {line}: {kind}: {text}"));
        }
        let has_file = match kept {
            Some(Ok(())) => return,
            Some(Err(error)) => {
                self.letters_failed.get_or_insert(error);
                true
            }
            None => false,
        };
        self.told += 1;
        match self.told {
            told if told <= TOLD => self.tell(&format!("line {line}: {kind}: {text}")),
            told if told == TOLD + 1 => self.tell("more records failed, which are only counted"),
            _ => {}
        }
        if self.told == 1 && !has_file {
            self.tell("only the first 10 failed records are reported here: --dead-letter FILE keeps them all");
        }
    }

    fn tell(&self, line: &str) {
        match &self.progress {
            Some(progress) => progress.suspend(|| message::tell(line)),
            None => message::tell(line),
        }
    }
}

impl Entry {
    /// Counts the row's report.
    pub(crate) fn settle(self, outcome: DeliveryReport) {
        let read_back = self.totals.read_back.as_ref().zip(self.digest);
        match outcome {
            Ok(metadata) => {
                let size = metadata.serialized_key_size().unwrap_or(0) + metadata.serialized_value_size().unwrap_or(0);
                if let Some((read_back, digest)) = read_back {
                    read_back.acknowledged(metadata.partition(), *digest);
                }
                let mut books = self.totals.books();
                let Books { report, transaction, .. } = &mut *books;
                transaction.as_mut().unwrap_or(report).acknowledge(metadata.partition(), metadata.offset(), size);
                drop(books);
                self.totals.counts.acknowledge(1);
            }
            Err(error) => {
                if let Some((read_back, digest)) = read_back {
                    read_back.failed(*digest);
                }
                self.totals.fail(self.line, self.raw.as_deref().unwrap_or_default(), &error);
            }
        }
    }
}
