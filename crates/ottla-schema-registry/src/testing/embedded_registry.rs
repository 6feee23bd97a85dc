//! [`EmbeddedRegistry`]: a schema registry in the process.

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
use crate::panic::emit;

/// The largest request in bytes.
const GREATEST_REQUEST: usize = 16 * 1024 * 1024;

/// A schema registry on the loopback interface, with the part of Confluent's API that serializers, deserializers and the command use:
/// registering, looking up and comparing schemas, with references, ids and GUIDs.
///
/// Schemas are kept in memory. A new Avro schema must be able to read data of the latest version (`BACKWARD`, Confluent's default); other
/// schemas are not checked for compatibility. Tests can inject [faults](Self::fail_next) and inspect the [requests](Self::requests).
///
/// ```
/// use ottla_schema_registry::{RegistryErrorKind, Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType};
/// use ottla_schema_registry::testing::{EmbeddedRegistry, RegistryFault};
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

/// A fault of an [`EmbeddedRegistry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryFault {
    /// Responds with this HTTP status and an error in Confluent's format, and does not execute the request.
    Status(u16),
    /// Executes the request, and responds with 409, as Apicurio does if another client registers the same schema at the same moment.
    Conflict,
    /// Responds with 200 and a body that is not JSON.
    Garbage,
    /// Responds with bytes that are not HTTP.
    NoHttp,
    /// Executes the request, and responds after this time.
    Slow(Duration),
    /// Keeps the connection open and never responds.
    Never,
    /// Closes the connection without a response.
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
    /// The faults of the next requests.
    next: VecDeque<RegistryFault>,
    /// The fault of all later requests.
    always: Option<RegistryFault>,
    /// The required header `Authorization`.
    authorization: Option<String>,
    /// The connections of [`RegistryFault::Never`].
    held: Vec<TcpStream>,
}

impl EmbeddedRegistry {
    /// Starts a registry on a free port.
    ///
    /// # Errors
    /// It cannot listen on a port or start a thread.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        thread::Builder::new().name("ottla-embedded-registry".to_owned()).spawn(move || serve(&listener, &served))?;
        Ok(Self { url: format!("http://{address}"), address, shared })
    }

    /// The value for `schema.registry.url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The requests in the order of their arrival, each as `METHOD /path` with its query.
    pub fn requests(&self) -> Vec<String> {
        self.shared.lock().requests.clone()
    }

    /// Fails the next `count` requests.
    pub fn fail_next(&self, fault: RegistryFault, count: usize) {
        self.shared.lock().next.extend(std::iter::repeat_n(fault, count));
    }

    /// Fails every request from now on; `None` ends that.
    pub fn fail(&self, fault: Option<RegistryFault>) {
        self.shared.lock().always = fault;
    }

    /// Requires this user name and password from now on, and responds with 401 to any others.
    pub fn require_login(&self, name: &str, password: &str) {
        self.shared.lock().authorization = Some(format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))));
    }

    /// Requires this bearer token from now on, and responds with 401 to any other.
    pub fn require_token(&self, token: &str) {
        self.shared.lock().authorization = Some(format!("Bearer {token}"));
    }

    /// Stops the registry, which then accepts no connections. Dropping it does the same.
    pub fn stop(&self) {
        if !self.shared.stopped.swap(true, Ordering::SeqCst) {
            // Wakes the listening thread.
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
                emit!(debug, %error, "a connection to the embedded registry failed");
            }
        };
        if let Err(error) = thread::Builder::new().name("ottla-embedded-registry".to_owned()).spawn(answering) {
            emit!(warn, %error, "could not start a thread for a connection to the embedded registry");
        }
    }
}

/// Responds to one request and closes the connection.
fn answer(mut connection: TcpStream, shared: &Shared) -> io::Result<()> {
    let Some(request) = Request::read(&mut connection)? else { return Ok(()) };
    let (fault, answer) = {
        let mut state = shared.lock();
        state.requests.push(format!("{} {}", request.method, request.target));
        let fault = state.next.pop_front().or(state.always);
        let is_let_in = state.authorization.is_none() || state.authorization == request.authorization;
        let answer = match fault {
            _ if !is_let_in => Answer::error(401, 401, "Unauthorized"),
            Some(RegistryFault::Status(status)) => Answer::error(status, status.into(), "injected by the test"),
            Some(RegistryFault::Never) => {
                state.held.push(connection);
                return Ok(());
            }
            Some(RegistryFault::Conflict) => {
                let _ = state.store.answer(&request.method, &request.target, &request.body);
                Answer::error(409, 409, "already exists")
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
    /// `None` if the connection was closed or the request is not HTTP.
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
