//! [`Tail`]: reads the complete lines of a file that grows.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt as _,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::lock::lock;

/// How many bytes of the beginning, and before the place, are compared to find out whether a file was replaced in place.
const HEAD: usize = 1024;

/// How much is read at a time to find the last line end, in bytes.
const CHUNK: usize = 64 * 1024;

/// A file that grows. Its clones share the place in it. Reading fails with [`WouldBlock`](io::ErrorKind::WouldBlock) where the last
/// complete line ends, until [`end`](Self::end) is called, and with [`Truncated`] if the file was truncated or replaced in place.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    file: Arc<File>,
    place: Arc<Mutex<Place>>,
    /// The number of bytes read in this run.
    read: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Place {
    offset: u64,
    /// The end of the last complete line that is known.
    complete: u64,
    /// No line ends between `complete` and here.
    searched: u64,
    /// The first bytes that were read.
    head: Vec<u8>,
    /// The last bytes that were read, before `offset`.
    last: Vec<u8>,
    has_ended: bool,
}

/// The file is shorter than what was read of it, or begins otherwise.
#[derive(Debug, thiserror::Error)]
#[error("the file was truncated, or replaced in place")]
pub(super) struct Truncated;

impl Tail {
    /// The file from its beginning. The number of bytes read is added to `read`.
    pub(super) fn new(file: Arc<File>, read: Arc<AtomicU64>) -> Self {
        Self { file, place: Arc::default(), read }
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The size of the file in bytes.
    ///
    /// # Errors
    /// The file system does not answer.
    pub(super) fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// The number of bytes before the place.
    pub(super) fn offset(&self) -> u64 {
        self.place().offset
    }

    /// From now on the end of the file is the end of the input, also in the middle of a line.
    pub(super) fn end(&self) {
        self.place().has_ended = true;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.place().has_ended
    }

    /// Continues as a file that grows.
    pub(super) fn follow(&self) {
        let mut place = self.place();
        place.has_ended = false;
        place.complete = place.offset;
        place.searched = place.offset;
    }

    /// Begins again at the beginning of the file, whatever was read of it.
    pub(super) fn restart(&self) {
        let mut place = self.place();
        *place = Place { has_ended: place.has_ended, ..Place::default() };
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        lock(&self.place)
    }

    /// Reads at an offset, also after a signal.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    /// Finds the end of the last complete line; the end of the file, if it is the end of the input.
    fn find_complete(&self, place: &mut Place) -> io::Result<()> {
        let size = self.size()?;
        if size < place.offset {
            return Err(io::Error::other(Truncated));
        }
        for (read, offset) in [(&place.head, 0), (&place.last, place.offset - place.last.len() as u64)] {
            let mut now = vec![0; read.len()];
            let length = self.read_at(&mut now, offset)?;
            if now[..length] != *read {
                return Err(io::Error::other(Truncated));
            }
        }
        if place.has_ended {
            place.complete = size;
            return Ok(());
        }
        let begin = if size < place.searched { place.complete } else { place.searched };
        let mut end = size;
        let mut chunk = vec![0; usize::try_from(end - begin).unwrap_or(CHUNK).min(CHUNK)];
        while end > begin {
            let start = end.saturating_sub(chunk.len() as u64).max(begin);
            let length = usize::try_from(end - start).unwrap_or(CHUNK);
            let read = self.read_at(&mut chunk[..length], start)?;
            if let Some(last) = chunk[..read].iter().rposition(|byte| *byte == b'\n') {
                place.complete = start + last as u64 + 1;
                break;
            }
            end = start;
        }
        place.searched = size;
        Ok(())
    }
}

impl Place {
    /// Keeps the last bytes of those that were read.
    fn keep_last(&mut self, read: &[u8]) {
        let read = &read[read.len().saturating_sub(HEAD)..];
        let excess = (self.last.len() + read.len()).saturating_sub(HEAD);
        self.last.drain(..excess);
        self.last.extend_from_slice(read);
    }
}

impl Read for Tail {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut place = self.place();
        if place.offset == place.complete {
            self.find_complete(&mut place)?;
            if place.offset == place.complete {
                return if place.has_ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
            }
        }
        let length = usize::try_from(place.complete - place.offset).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.read_at(&mut buffer[..length], place.offset)?;
        if read == 0 && length > 0 {
            return Err(io::Error::other(Truncated));
        }
        if place.offset == place.head.len() as u64 {
            let more = read.min(HEAD - place.head.len());
            place.head.extend_from_slice(&buffer[..more]);
        }
        place.keep_last(&buffer[..read]);
        place.offset += read as u64;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for Tail {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut place = self.place();
        let (base, offset) = match to {
            SeekFrom::Start(offset) => (offset, 0),
            SeekFrom::End(offset) => (self.size()?, offset),
            SeekFrom::Current(offset) => (place.offset, offset),
        };
        let at = base.checked_add_signed(offset).ok_or(io::ErrorKind::InvalidInput)?;
        (place.offset, place.complete, place.searched) = (at, at, at);
        place.last.clear();
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _, path::Path};

    use super::*;

    fn tail(path: &Path) -> Tail {
        Tail::new(Arc::new(File::open(path).unwrap()), Arc::default())
    }

    /// All that can be read now, and how reading ended.
    fn read(tail: &Tail) -> (String, Option<io::Error>) {
        let (mut tail, mut text) = (tail.clone(), Vec::new());
        let mut buffer = [0; 3];
        loop {
            match tail.read(&mut buffer) {
                Ok(0) => return (String::from_utf8(text).unwrap(), None),
                Ok(read) => text.extend_from_slice(&buffer[..read]),
                Err(error) => return (String::from_utf8(text).unwrap(), Some(error)),
            }
        }
    }

    #[track_caller]
    fn check(tail: &Tail, wanted: &str) {
        let (text, error) = read(tail);
        assert_eq!((text.as_str(), error.map(|error| error.kind())), (wanted, Some(io::ErrorKind::WouldBlock)));
    }

    #[test]
    fn only_complete_lines_are_read_before_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        fs::write(&path, "").unwrap();
        let mut writer = fs::OpenOptions::new().append(true).open(&path).unwrap();
        let tail = tail(&path);
        check(&tail, "");
        for (more, wanted) in [("one\ntw", "one\n"), ("o", ""), ("\nthree\n\nf", "two\nthree\n\n"), ("our", "")] {
            writer.write_all(more.as_bytes()).unwrap();
            check(&tail, wanted);
        }
        // A line that is longer than what is searched at a time.
        let long = "x".repeat(3 * CHUNK);
        writer.write_all(long.as_bytes()).unwrap();
        check(&tail, "");
        writer.write_all(b"\nend").unwrap();
        check(&tail, &format!("four{long}\n"));
        tail.end();
        let (text, error) = read(&tail);
        assert_eq!((text.as_str(), error.is_none()), ("end", true));
    }

    #[test]
    fn a_truncated_or_replaced_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        for (content, is_found) in [("", true), ("2\n", true), ("2\n2\n3\n4\n", true), ("1\n2\n3\n4\n", false)] {
            fs::write(&path, "1\n2\n3\n").unwrap();
            let tail = self::tail(&path);
            check(&tail, "1\n2\n3\n");
            fs::write(&path, content).unwrap();
            let (text, error) = read(&tail);
            let error = error.unwrap();
            assert_eq!(error.get_ref().is_some_and(|error| error.is::<Truncated>()), is_found, "{content:?}: {error}");
            assert_eq!(text, if is_found { "" } else { "4\n" });
            if is_found {
                tail.restart();
                check(&tail, content);
            }
        }
        // The beginning is the same.
        let head = format!("{}\n", "x".repeat(2 * HEAD));
        fs::write(&path, format!("{head}1\n")).unwrap();
        let tail = self::tail(&path);
        check(&tail, &format!("{head}1\n"));
        fs::write(&path, format!("{head}2\n3\n")).unwrap();
        assert!(read(&tail).1.unwrap().get_ref().is_some_and(|error| error.is::<Truncated>()));
        // Only the incomplete line was replaced.
        fs::write(&path, "1\n2222").unwrap();
        let tail = self::tail(&path);
        check(&tail, "1\n");
        fs::write(&path, "1\n2\n").unwrap();
        check(&tail, "2\n");
    }

    #[test]
    fn reading_continues_at_an_offset() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        fs::write(&path, "one\ntwo\nth").unwrap();
        let mut tail = tail(&path);
        assert_eq!(tail.seek(SeekFrom::End(0)).unwrap(), 10);
        tail.seek(SeekFrom::Start(3)).unwrap();
        check(&tail, "\ntwo\n");
    }
}
