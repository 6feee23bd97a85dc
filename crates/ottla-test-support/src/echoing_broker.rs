//! [`EchoingBroker`]: a broker that rejects every login, or every login after the first record, and repeats the name and password
//! in its error message.

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::corruption::{framed, read_frame};

const PRODUCE: i16 = 0;
const METADATA: i16 = 3;
const SASL_HANDSHAKE: i16 = 17;
const API_VERSIONS: i16 = 18;
const SASL_AUTHENTICATE: i16 = 36;
/// Kafka's error codes.
const UNSUPPORTED_VERSION: i16 = 35;
const SASL_AUTHENTICATION_FAILED: i16 = 58;

/// A broker that listens until the process ends.
pub struct EchoingBroker {
    address: String,
}

impl EchoingBroker {
    /// A broker that rejects all logins.
    pub fn start() -> Self {
        Self::letting_in(false)
    }

    /// A broker that accepts logins until the first record, and has a topic `orders` with one partition. It accepts no record.
    pub fn turning() -> Self {
        Self::letting_in(true)
    }

    fn letting_in(lets_in: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let lets_in = Arc::new(AtomicBool::new(lets_in));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let lets_in = Arc::clone(&lets_in);
                // The thread ends when the client disconnects.
                thread::spawn(move || serve(stream, address, &lets_in));
            }
        });
        Self { address: address.to_string() }
    }

    /// The address for `bootstrap.servers`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn serve(mut stream: TcpStream, address: SocketAddr, lets_in: &AtomicBool) -> io::Result<()> {
    loop {
        let request = read_frame(&mut stream)?;
        let short = |at: usize| i16::from_be_bytes([request[at], request[at + 1]]);
        let (api, version, correlation) = (short(0), short(2), &request[4..8]);
        let body = &request[10 + usize::try_from(short(8)).unwrap_or_default()..];
        let answer = match api {
            API_VERSIONS if version > 0 => [UNSUPPORTED_VERSION.to_be_bytes().to_vec(), vec![0; 4]].concat(),
            API_VERSIONS => api_versions(),
            // No error, one mechanism.
            SASL_HANDSHAKE => [vec![0, 0, 0, 0, 0, 1], text("PLAIN")].concat(),
            // No error, no message, no bytes.
            SASL_AUTHENTICATE if lets_in.load(Ordering::SeqCst) => vec![0, 0, 0xff, 0xff, 0, 0, 0, 0],
            SASL_AUTHENTICATE => {
                // A length, then name and password, each preceded by NUL.
                let login = String::from_utf8_lossy(&body[4..]).replace('\0', " ");
                let message = text(&format!("no access with{login}"));
                [SASL_AUTHENTICATION_FAILED.to_be_bytes().to_vec(), message, vec![0; 4]].concat()
            }
            METADATA => metadata(address),
            PRODUCE => {
                lets_in.store(false, Ordering::SeqCst);
                return Err(io::Error::other("records are rejected"));
            }
            other => return Err(io::Error::other(format!("unknown API {other}"))),
        };
        stream.write_all(&framed(&[correlation, &answer].concat()))?;
    }
}

/// An ApiVersions response, version 0: no error, and the versions of each API.
fn api_versions() -> Vec<u8> {
    let apis = [(PRODUCE, 7), (METADATA, 1), (SASL_HANDSHAKE, 1), (API_VERSIONS, 0), (SASL_AUTHENTICATE, 0)];
    let count = u32::try_from(apis.len()).unwrap();
    let versions = apis.iter().flat_map(|(api, newest)| [*api, 0, *newest]).flat_map(i16::to_be_bytes);
    [0, 0].into_iter().chain(count.to_be_bytes()).chain(versions).collect()
}

/// A Metadata response, version 1: this broker, with id 1, is the controller and leads the topic's only partition.
fn metadata(address: SocketAddr) -> Vec<u8> {
    let one = 1_i32.to_be_bytes();
    let broker = [&one[..], &text(&address.ip().to_string()), &i32::from(address.port()).to_be_bytes(), &[0xff, 0xff]].concat();
    // No error, partition id, leader, replicas, in-sync replicas.
    let partition = [&[0, 0][..], &[0; 4], &one, &one, &one, &one, &one].concat();
    let topic = [&[0, 0][..], &text("orders"), &[0], &one, &partition].concat();
    [&one[..], &broker, &one, &one, &topic].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}
