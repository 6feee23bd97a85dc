//! [`AvroContainer`]: reads an Avro object container file as lines of JSON.

use std::{
    io::{self, BufRead, BufReader, Cursor, Read},
    sync::{Arc, Mutex},
};

use apache_avro::{Reader, Schema, schema::ResolvedSchema};

use super::lines::READ_SIZE;
use crate::{lock::lock, typed::AvroJson};

/// What a container file begins with.
const MAGIC: &[u8] = b"Obj\x01";

/// The objects of a container file, each as a line of JSON in the form that the Avro serializer of the command accepts. One block of the file is in
/// memory at a time.
///
/// Reading fails after the last complete object if the file is damaged or truncated.
pub(super) struct AvroContainer {
    objects: Reader<'static, Box<dyn Read + Send>>,
    json: AvroJson,
    progress: Arc<Mutex<Progress>>,
    line: Cursor<Vec<u8>>,
    ended: bool,
}

impl AvroContainer {
    /// Reads the header of the file.
    ///
    /// # Errors
    /// [`Unsupported`](io::ErrorKind::Unsupported) if this is another kind of file, if its objects are not records, or if it is compressed with an
    /// unsupported codec; any other kind if the header is damaged or cannot be read.
    pub(super) fn new(mut source: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut first = Vec::new();
        (&mut source).take(MAGIC.len() as u64).read_to_end(&mut first)?;
        if first != MAGIC {
            return Err(unsupported(
                "is not an Avro object container file; pass --format with the format that it has, or decompress it first"
                    .to_owned(),
            ));
        }
        let progress = Arc::<Mutex<Progress>>::default();
        let source = BufReader::with_capacity(READ_SIZE, Cursor::new(first).chain(source));
        let source: Box<dyn Read + Send> = Box::new(Watched { source, progress: Arc::clone(&progress) });
        let objects = Reader::new(source).map_err(|error| match lock(&progress).failure() {
            Some(failure) => failure,
            // The error has the name of the codec.
            None if error.to_string().contains("odec") => {
                unsupported(format!("{error}; write the file with the codec null, deflate or snappy"))
            }
            None => io::Error::new(io::ErrorKind::InvalidData, format!("the header of the Avro file is damaged: {error}")),
        })?;
        let schema = objects.writer_schema().clone();
        if !matches!(schema, Schema::Record(_)) {
            return Err(unsupported("has objects that are not records, and so no fields; convert it to jsonl first".to_owned()));
        }
        let resolved = ResolvedSchema::try_from(&schema);
        let resolved = resolved.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        let names = resolved.get_names().iter().map(|(name, schema)| (name.clone(), (*schema).clone())).collect();
        Ok(Self { objects, json: AvroJson::new(schema, names), progress, line: Cursor::default(), ended: false })
    }

    /// Makes the next object the current line; `false` at the end of the file.
    fn advance(&mut self) -> io::Result<bool> {
        let next = self.objects.next();
        if let Some(Ok(object)) = &next {
            let mut line = self.json.of(object);
            line.push('\n');
            self.line = Cursor::new(line.into_bytes());
            return Ok(true);
        }
        self.ended = true;
        let mut progress = lock(&self.progress);
        match progress.failure() {
            Some(failure) => Err(failure),
            // The reader takes the end of the source within a number for the end of the file, and a block without objects too.
            None if next.is_none() && progress.last != 1 && progress.is_at_end => Ok(false),
            None => {
                let message = format!("the Avro file is damaged in the block that ends at byte {}", progress.read);
                Err(io::Error::new(io::ErrorKind::InvalidData, message))
            }
        }
    }
}

impl Read for AvroContainer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.line.fill_buf()?.is_empty() {
            if self.ended || !self.advance()? {
                return Ok(0);
            }
        }
        self.line.read(buffer)
    }
}

/// What the reader of objects does not tell about the source.
#[derive(Debug, Default)]
struct Progress {
    /// The number of bytes read.
    read: u64,
    /// The number of bytes of the last read that returned any: 1 in a number, 16 for the marker after a block.
    last: usize,
    is_at_end: bool,
    failed: Option<io::Error>,
}

impl Progress {
    /// Why the source ended before the reader of objects had what it needed.
    fn failure(&mut self) -> Option<io::Error> {
        let truncated = || {
            let message = format!("the Avro file is truncated after {} bytes", self.read);
            io::Error::new(io::ErrorKind::UnexpectedEof, message)
        };
        self.failed.take().or_else(|| (self.is_at_end && self.last != MARKER).then(truncated))
    }
}

/// The size of the marker after the header and after each block.
const MARKER: usize = 16;

/// Fills the buffer unless the source ends or fails.
struct Watched<R> {
    source: R,
    progress: Arc<Mutex<Progress>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        let mut progress = lock(&self.progress);
        while read < buffer.len() {
            match self.source.read(&mut buffer[read..]) {
                Ok(0) => {
                    progress.is_at_end = true;
                    break;
                }
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // The reader of objects gets a copy, because some of its errors do not have the cause.
                    let copy = io::Error::new(error.kind(), error.to_string());
                    progress.failed = Some(error);
                    return Err(copy);
                }
            }
        }
        progress.read += read as u64;
        if read > 0 {
            progress.last = read;
        }
        Ok(read)
    }
}

fn unsupported(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, message)
}
