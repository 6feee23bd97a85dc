//! [`Entry`]: a row that was sent and has no report yet.

use std::sync::{Arc, atomic::Ordering};

use ottla::Report as DeliveryReport;

use super::{Books, Failed, RunTotals};
use crate::{
    dead_letter_source::{EarlierLetter, LetterSource},
    embedded::Digest,
    row::Row,
};

/// A row that was sent and has no report yet.
pub(crate) struct Entry {
    totals: Arc<RunTotals>,
    /// The index of its input.
    input: usize,
    line: u64,
    segment: u64,
    /// With a dead-letter file.
    kept: Option<Box<KeptRow>>,
    /// The digest to compare with the record read back, with `--embedded`.
    digest: Option<Box<Digest>>,
}

/// What a dead letter needs of a row.
struct KeptRow {
    /// The row as read.
    raw: Box<[u8]>,
    /// What its dead letter names.
    source: Option<Arc<LetterSource>>,
    /// The dead letter that the row was read from.
    letter: Option<EarlierLetter>,
}

impl RunTotals {
    /// Creates the entry for a row that is about to be sent. The caller must settle it in every case. `source` is what
    /// [`begin_input`](Self::begin_input) returned.
    pub(crate) fn enter(
        self: &Arc<Self>,
        input: usize,
        source: Option<&Arc<LetterSource>>,
        row: &Row<'_>,
        digest: Option<Digest>,
    ) -> Entry {
        Entry {
            totals: Arc::clone(self),
            input,
            line: row.line,
            segment: self.segment.load(Ordering::Relaxed),
            kept: self
                .keeps_rows
                .then(|| Box::new(KeptRow { raw: row.raw.into(), source: source.cloned(), letter: row.letter.cloned() })),
            digest: digest.map(Box::new),
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
                let topic = self.totals.has_topics.then(|| metadata.topic());
                let mut books = self.totals.books();
                let Books { report, transaction, .. } = &mut *books;
                transaction.as_mut().unwrap_or(report).acknowledge(
                    self.input,
                    topic,
                    metadata.partition(),
                    metadata.offset(),
                    size,
                );
                books.done(self.segment);
                drop(books);
                self.totals.counts.acknowledge(1);
            }
            Err(error) => {
                if let Some((read_back, digest)) = read_back {
                    read_back.failed(*digest);
                }
                let Self { totals, input, line, segment, kept, .. } = self;
                let kept = kept.as_deref();
                let record = kept.map_or(&[][..], |kept| &kept.raw);
                let source = kept.and_then(|kept| kept.source.clone());
                let failed = Failed { input, line, record, source, letter: kept.and_then(|kept| kept.letter.as_ref()) };
                totals.fail(&failed, segment, &error);
            }
        }
    }
}
