//! [`Source`]: the bytes of the input, with a position, interruptible by Ctrl-C.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use crate::interrupt::Interrupt;

/// How much the thread of a pipe reads at a time, and how many chunks it reads ahead.
const CHUNK: usize = 64 * 1024;
const AHEAD: usize = 4;

/// The bytes of a file, of stdin (`-`) or of a pipe.
pub(crate) struct Source {
    /// The reader.
    pub(crate) bytes: Box<dyn Read + Send>,
    /// The total size in bytes; `None` if it is unknown until the end.
    pub(crate) size: Option<u64>,
    /// The file, if it is a regular one, to read it from elsewhere.
    pub(crate) file: Option<InputFile>,
}

/// A regular file whose bytes count in the position of the run. It shares its place in the file with the reader that was opened first.
#[derive(Debug)]
pub(crate) struct InputFile {
    file: File,
    position: Arc<AtomicU64>,
    /// The position of the run at the file's beginning.
    begin: u64,
    interrupt: Interrupt,
}

impl Source {
    /// Opens the input. An input without a size is read by a thread, so that Ctrl-C ends a blocked read. The number of bytes read is added
    /// to `position`.
    ///
    /// # Errors
    /// The path cannot be opened, or is a directory.
    pub(crate) fn open(path: &Path, interrupt: &Interrupt, position: &Arc<AtomicU64>) -> io::Result<Self> {
        if path == Path::new("-") {
            return Self::piped(io::stdin(), interrupt, position);
        }
        let metadata = std::fs::metadata(path)?;
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
        }
        if !metadata.is_file() {
            return Self::piped(Opened { path: path.to_owned(), file: None }, interrupt, position);
        }
        let file = File::open(path)?;
        let (begin, again) = (position.load(Ordering::Relaxed), file.try_clone()?);
        let again = InputFile { file: again, position: Arc::clone(position), begin, interrupt: interrupt.clone() };
        let bytes = Box::new(Counted { source: file, position: Arc::clone(position) });
        Ok(Self { bytes, size: Some(metadata.len()), file: Some(again) })
    }

    fn piped(source: impl Read + Send + 'static, interrupt: &Interrupt, position: &Arc<AtomicU64>) -> io::Result<Self> {
        let (sender, chunks) = sync_channel(AHEAD);
        let stop = sender.clone();
        thread::Builder::new().name("ottla-input".to_owned()).spawn(move || read_ahead(source, &sender))?;
        let pipe = Pipe { chunks, chunk: Vec::new(), start: 0, interrupt: interrupt.clone(), ended: false };
        // If the channel is full the reader is not blocked, and its next check finds the interrupt.
        interrupt.react(move || drop(stop.try_send(Ok(Vec::new()))));
        Ok(Self { bytes: Box::new(Counted { source: pipe, position: Arc::clone(position) }), size: None, file: None })
    }
}

/// A pipe or a device. The reading thread opens it, because opening a pipe blocks until there is a writer.
struct Opened {
    path: PathBuf,
    file: Option<File>,
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(File::open(&self.path)?),
        };
        file.read(buffer)
    }
}

impl InputFile {
    /// The file itself.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

impl Read for InputFile {
    /// After Ctrl-C it fails: reading a compressed file up to a position may take long.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupt.is_pressed() {
            return Err(io::Error::other("interrupted"));
        }
        let read = self.file.read(buffer)?;
        self.position.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Seek for InputFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = self.file.seek(to)?;
        self.position.store(self.begin + at, Ordering::Relaxed);
        Ok(at)
    }
}

/// Counts the bytes read.
struct Counted<R> {
    source: R,
    position: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.position.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Reads until the end, an error, or the receiver is gone. An empty chunk is the end.
fn read_ahead(mut source: impl Read, chunks: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK];
        let read = match source.read(&mut chunk) {
            Ok(read) => {
                chunk.truncate(read);
                Ok(chunk)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let last = !matches!(&read, Ok(chunk) if !chunk.is_empty());
        if chunks.send(read).is_err() || last {
            return;
        }
    }
}

/// The receiver of [`read_ahead`].
struct Pipe {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    start: usize,
    interrupt: Interrupt,
    ended: bool,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // An error rather than the end: the last line read may be incomplete.
        let interrupted = || Err(io::Error::other("interrupted"));
        if self.start == self.chunk.len() && !self.ended {
            if self.interrupt.is_pressed() {
                return interrupted();
            }
            let chunk = self.chunks.recv().unwrap_or_else(|_| Ok(Vec::new()))?;
            if self.interrupt.is_pressed() {
                return interrupted();
            }
            self.ended = chunk.is_empty();
            (self.chunk, self.start) = (chunk, 0);
        }
        let read = (&self.chunk[self.start..]).read(buffer)?;
        self.start += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> io::Result<(Source, Arc<AtomicU64>)> {
        let position = Arc::default();
        Ok((Source::open(path, &Interrupt::default(), &position)?, position))
    }

    #[test]
    fn a_file_has_a_size_and_a_position() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let (mut source, position) = open(&path).unwrap();
        assert_eq!((source.size, position.load(Ordering::Relaxed)), (Some(8), 0));
        source.bytes.read_exact(&mut [0; 3]).unwrap();
        assert_eq!(position.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_file_is_read_from_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let (source, position) = open(&path).unwrap();
        let Source { mut bytes, file, .. } = source;
        bytes.read_exact(&mut [0; 6]).unwrap();
        let mut file = file.unwrap();
        file.seek(SeekFrom::Start(4)).unwrap();
        assert_eq!(position.load(Ordering::Relaxed), 4);
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        assert_eq!((rest.as_str(), position.load(Ordering::Relaxed)), ("two\n", 8));
    }

    #[test]
    fn an_interrupt_ends_reading_up_to_a_position() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let interrupt = Interrupt::default();
        let mut file = Source::open(&path, &interrupt, &Arc::default()).unwrap().file.unwrap();
        file.read_exact(&mut [0; 2]).unwrap();
        interrupt.press();
        assert_eq!(file.read(&mut [0; 2]).unwrap_err().to_string(), "interrupted");
    }

    #[test]
    fn missing_files_and_directories_are_errors() {
        assert_eq!(open(Path::new("/no/such/file")).map(drop).unwrap_err().kind(), io::ErrorKind::NotFound);
        let folder = tempfile::tempdir().unwrap();
        assert!(open(folder.path()).map(drop).unwrap_err().to_string().contains("directory"));
    }

    #[test]
    fn a_pipe_is_read_to_its_end() {
        let (interrupt, position) = (Interrupt::default(), Arc::default());
        let mut source = Source::piped(io::repeat(b'x').take(200_000), &interrupt, &position).unwrap();
        let mut read = Vec::new();
        source.bytes.read_to_end(&mut read).unwrap();
        assert_eq!((read.len(), source.size, position.load(Ordering::Relaxed)), (200_000, None, 200_000));
    }

    #[test]
    fn an_interrupt_ends_a_blocked_read_with_an_error() {
        let interrupt = Interrupt::default();
        let (_never, silent) = sync_channel::<u8>(1);
        let mut source = Source::piped(Silent(silent), &interrupt, &Arc::default()).unwrap();
        let pressing = interrupt.clone();
        let reading = thread::spawn(move || source.bytes.read(&mut [0; 8]).map_err(|error| error.to_string()));
        pressing.press();
        assert_eq!(reading.join().unwrap(), Err("interrupted".to_owned()));
    }

    /// Blocks forever.
    struct Silent(Receiver<u8>);

    impl Read for Silent {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(self.0.recv().map_or(0, |_| 1))
        }
    }
}
