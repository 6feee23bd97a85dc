//! [`EmbeddedRegistry`]: a schema registry inside the process.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::registry_store::{Answer, Store};
use crate::{Error, ErrorKind, panic::emit};

/// A request with more bytes than this is not read.
const GREATEST_REQUEST: usize = 16 * 1024 * 1024;

/// A schema registry with Confluent's API on the loopback interface, as far as serializers, deserializers and the command ask for it:
/// registering, finding and comparing schemas, with references, ids and GUIDs.
///
/// It keeps its schemas in memory. A later Avro schema must be able to read what was written with the one before (`BACKWARD`, Confluent's
/// default); other schemas it takes as they are. It can be told to [fail](Self::fail_next), and says
/// [what it was asked](Self::requests).
///
/// ```
/// use ottla::serialize::registry::{RegistryErrorKind, Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType};
/// use ottla::testing::{EmbeddedRegistry, RegistryFault};
///
/// let embedded = EmbeddedRegistry::start()?;
/// let config = SchemaRegistryConfig::from_pairs([("schema.registry.url", embedded.url()), ("max.retries", "0")])?;
/// let registry = SchemaRegistry::new(&config)?;
///
/// embedded.fail_next(RegistryFault::Status(503), 1);
/// let schema = Schema::new(SchemaType::Avro, r#""string""#);
/// let error = registry.register("names-value", &schema).wait().unwrap_err();
/// assert_eq!(error.kind(), RegistryErrorKind::Unavailable);
/// assert_eq!(registry.register("names-value", &schema).wait()?.version(), Some(1));
/// assert_eq!(embedded.requests(), ["POST /subjects/names-value/versions", "POST /subjects/names-value/versions"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EmbeddedRegistry {
    url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What an [`EmbeddedRegistry`] does in place of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryFault {
    /// Answers with this HTTP status and an error of Confluent's form, and does nothing else.
    Status(u16),
    /// Answers 200, and no JSON.
    Garbage,
    /// Answers with what is no HTTP.
    NoHttp,
    /// Does what was asked, and answers so much later.
    Slow(Duration),
    /// Keeps the connection, and never answers.
    Never,
    /// Closes the connection without an answer.
    Disconnect,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    store: Store,
    requests: Vec<String>,
    /// For the next requests, the first first.
    next: VecDeque<RegistryFault>,
    /// For all others.
    always: Option<RegistryFault>,
    /// The header that every request must have.
    authorization: Option<String>,
    /// Connections that are never answered.
    held: Vec<TcpStream>,
}

impl EmbeddedRegistry {
    /// Starts one, on a free port.
    ///
    /// # Errors
    /// [`EmbeddedKafka`](ErrorKind::EmbeddedKafka) if it cannot listen or has no thread.
    pub fn start() -> Result<Self, Error> {
        let failed = |error: io::Error| {
            Error::new(ErrorKind::EmbeddedKafka, "the embedded registry could not be started").with_source(error)
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        thread::Builder::new()
            .name("ottla-embedded-registry".to_owned())
            .spawn(move || serve(&listener, &served))
            .map_err(failed)?;
        Ok(Self { url: format!("http://{address}"), address, shared })
    }

    /// What `schema.registry.url` is to be.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it was asked, each as `METHOD /path` with its query, in the order in which it came.
    pub fn requests(&self) -> Vec<String> {
        self.shared.lock().requests.clone()
    }

    /// Fails the next `count` requests.
    pub fn fail_next(&self, fault: RegistryFault, count: usize) {
        self.shared.lock().next.extend(std::iter::repeat_n(fault, count));
    }

    /// Fails every request from now on; `None` answers again.
    pub fn fail(&self, fault: Option<RegistryFault>) {
        self.shared.lock().always = fault;
    }

    /// Wants this name and password from now on, and answers 401 to whoever has others.
    pub fn require_login(&self, name: &str, password: &str) {
        self.shared.lock().authorization = Some(format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))));
    }

    /// Wants this bearer token from now on, and answers 401 to whoever has another.
    pub fn require_token(&self, token: &str) {
        self.shared.lock().authorization = Some(format!("Bearer {token}"));
    }

    /// Ends it: from now on its port takes no connection. So does dropping it.
    pub fn stop(&self) {
        if !self.shared.stopped.swap(true, Ordering::SeqCst) {
            // So that the thread that listens sees it.
            drop(TcpStream::connect(self.address));
            self.shared.lock().held.clear();
        }
    }
}

impl Drop for EmbeddedRegistry {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for EmbeddedRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedRegistry").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    for connection in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let (Ok(connection), shared) = (connection, Arc::clone(shared)) else { continue };
        let answering = move || {
            if let Err(error) = answer(connection, &shared) {
                emit!(debug, %error, "a connection to the embedded registry broke");
            }
        };
        if let Err(error) = thread::Builder::new().name("ottla-embedded-registry".to_owned()).spawn(answering) {
            emit!(warn, %error, "no thread for a connection to the embedded registry");
        }
    }
}

/// Answers one request, and closes the connection.
fn answer(mut connection: TcpStream, shared: &Shared) -> io::Result<()> {
    let Some(request) = Request::read(&mut connection)? else { return Ok(()) };
    let (fault, answer) = {
        let mut state = shared.lock();
        state.requests.push(format!("{} {}", request.method, request.target));
        let fault = state.next.pop_front().or(state.always);
        let is_let_in = state.authorization.is_none() || state.authorization == request.authorization;
        let answer = match fault {
            _ if !is_let_in => Answer::error(401, 401, "Unauthorized"),
            Some(RegistryFault::Status(status)) => Answer::error(status, status.into(), "the test has the registry fail"),
            Some(RegistryFault::Never) => {
                state.held.push(connection);
                return Ok(());
            }
            None | Some(RegistryFault::Slow(_)) => state.store.answer(&request.method, &request.target, &request.body),
            Some(_) => Answer::error(500, 500, ""),
        };
        (fault, answer)
    };
    match fault {
        Some(RegistryFault::Disconnect) => return Ok(()),
        Some(RegistryFault::NoHttp) => return connection.write_all(b"\x16\x03\x01 this is not HTTP\r\n\r\n"),
        Some(RegistryFault::Slow(time)) => thread::sleep(time),
        _ => {}
    }
    let (status, body) = match fault {
        Some(RegistryFault::Garbage) => (200, "<html>this is not JSON</html>".to_owned()),
        _ => (answer.status, answer.body.to_string()),
    };
    let head = format!(
        "HTTP/1.1 {status} {}\r\ncontent-type: application/vnd.schemaregistry.v1+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        if status < 300 { "OK" } else { "Refused" },
        body.len()
    );
    connection.write_all(head.as_bytes())?;
    connection.write_all(body.as_bytes())
}

struct Request {
    method: String,
    target: String,
    authorization: Option<String>,
    body: Vec<u8>,
}

impl Request {
    /// `None` for a connection that was closed, or that does not speak HTTP.
    fn read(connection: &mut TcpStream) -> io::Result<Option<Self>> {
        let mut reader = BufReader::new(connection.take(GREATEST_REQUEST as u64));
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_ascii_whitespace();
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let (method, target) = (method.to_owned(), target.to_owned());
        let (mut length, mut authorization) = (0, None);
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "authorization" => authorization = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; usize::min(length, GREATEST_REQUEST)];
        reader.read_exact(&mut body)?;
        Ok(Some(Self { method, target, authorization, body }))
    }
}
