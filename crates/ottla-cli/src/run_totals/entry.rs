//! [`Entry`]: a row that was sent and has no report yet.

use std::sync::{Arc, atomic::Ordering};

use ottla::Report as DeliveryReport;

use super::{Books, Failed, RunTotals};
use crate::{
    dead_letter_source::{EarlierLetter, LetterSource},
    embedded::Digest,
    row::Row,
};

/// The number of rows in a group.
const GROUP: u32 = 1000;

/// Makes the entries of rows, for the thread that reads.
pub(crate) struct Entries {
    totals: Arc<RunTotals>,
    /// The group of the last row, and the number of rows that may still join it.
    group: Option<(Arc<Group>, u32)>,
}

/// What the entries of rows that follow one another have in common.
///
/// Every entry counts as a reference, from its row's turn to the report. The thread that reads counts in the newest group, and the delivery
/// thread usually in an older one, so that they do not write to the same cache line for every row.
struct Group {
    totals: Arc<RunTotals>,
    /// The index of the input.
    input: usize,
    segment: u64,
    /// What the dead letters name, with a dead-letter file.
    source: Option<Arc<LetterSource>>,
}

/// A row that was sent and has no report yet. It is so small that the callback with it needs no allocation.
pub(crate) struct Entry {
    group: Arc<Group>,
    line: u64,
}

/// What some runs keep of a row until its report.
pub(crate) struct KeptRow {
    /// The row as read, with a dead-letter file.
    raw: Box<[u8]>,
    /// The dead letter that the row was read from.
    letter: Option<EarlierLetter>,
    /// The digest to compare with the record read back, with `--embedded`.
    digest: Option<Digest>,
}

impl Entries {
    pub(crate) fn new(totals: &Arc<RunTotals>) -> Self {
        Self { totals: Arc::clone(totals), group: None }
    }

    /// Creates the entry for a row that is about to be sent, and what is kept of the row. The caller must settle it in every case. `source` is what
    /// [`begin_input`](RunTotals::begin_input) returned.
    pub(crate) fn enter(
        &mut self,
        input: usize,
        source: Option<&Arc<LetterSource>>,
        row: &Row<'_>,
        digest: Option<Digest>,
    ) -> (Entry, Option<Box<KeptRow>>) {
        let kept = (self.totals.keeps_rows || digest.is_some()).then(|| {
            let raw = if self.totals.keeps_rows { row.raw.into() } else { Box::default() };
            Box::new(KeptRow { raw, letter: row.letter.cloned(), digest })
        });
        (Entry { group: self.group(input, source), line: row.line }, kept)
    }

    fn group(&mut self, input: usize, source: Option<&Arc<LetterSource>>) -> Arc<Group> {
        let segment = self.totals.segment.load(Ordering::Relaxed);
        match &mut self.group {
            Some((group, left)) if *left > 0 && group.has(input, segment, source) => {
                *left -= 1;
                Arc::clone(group)
            }
            group => {
                let new = Arc::new(Group { totals: Arc::clone(&self.totals), input, segment, source: source.cloned() });
                *group = Some((Arc::clone(&new), GROUP - 1));
                new
            }
        }
    }
}

impl Group {
    /// Whether a row with these parts belongs to it.
    fn has(&self, input: usize, segment: u64, source: Option<&Arc<LetterSource>>) -> bool {
        let address = |source: Option<&Arc<LetterSource>>| source.map(Arc::as_ptr);
        self.input == input && self.segment == segment && address(self.source.as_ref()) == address(source)
    }
}

impl Entry {
    /// Counts the row's report.
    pub(crate) fn settle(self, kept: Option<Box<KeptRow>>, outcome: DeliveryReport) {
        let Self { group, line } = self;
        let Group { totals, input, segment, source } = &*group;
        let read_back = totals.read_back.as_ref().zip(kept.as_ref().and_then(|kept| kept.digest));
        match outcome {
            Ok(metadata) => {
                let size = metadata.serialized_key_size().unwrap_or(0) + metadata.serialized_value_size().unwrap_or(0);
                if let Some((read_back, digest)) = read_back {
                    read_back.acknowledged(metadata.partition(), digest);
                }
                let topic = totals.has_topics.then(|| metadata.topic());
                let mut books = totals.books();
                let Books { report, transaction, .. } = &mut *books;
                transaction.as_mut().unwrap_or(report).acknowledge(*input, topic, metadata.partition(), metadata.offset(), size);
                books.done(*segment);
                drop(books);
                totals.counts.acknowledge(1);
            }
            Err(error) => {
                if let Some((read_back, digest)) = read_back {
                    read_back.failed(digest);
                }
                let kept = kept.as_deref();
                let record = kept.map_or(&[][..], |kept| &kept.raw);
                let letter = kept.and_then(|kept| kept.letter.as_ref());
                let failed = Failed { input: *input, line, record, source: source.clone(), letter };
                totals.fail(&failed, *segment, &error);
            }
        }
    }
}
