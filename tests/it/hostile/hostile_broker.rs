//! [`HostileBroker`]: a server that accepts a client's connections and requests and never answers like a broker.

use std::{
    io::{self, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use super::harm::{Harm, read_frame};

/// The body of its responses, after the correlation id, before they are corrupted. As a response to ApiVersions it means no error and no
/// supported API.
const EMPTY: [u8; 12] = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A server that corrupts all responses in the same way, or closes each connection at once.
pub(crate) struct HostileBroker {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// `None` closes the connection before a request.
    harm: Option<Harm>,
    /// The bytes after each response.
    more: Vec<u8>,
    connections: AtomicUsize,
    ended: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl HostileBroker {
    /// A server that corrupts its responses in this way.
    pub(crate) fn answering(harm: Harm) -> Self {
        Self::start(Some(harm), Vec::new())
    }

    /// A server that corrupts its responses in this way and sends this many bytes after each.
    pub(crate) fn flooding(harm: Harm, bytes: usize) -> Self {
        Self::start(Some(harm), vec![0xa5; bytes])
    }

    /// A server that closes each connection at once.
    pub(crate) fn closing() -> Self {
        Self::start(None, Vec::new())
    }

    fn start(harm: Option<Harm>, more: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            harm,
            more,
            connections: AtomicUsize::default(),
            ended: AtomicBool::default(),
            open: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                if accepting.ended.load(Ordering::Relaxed) {
                    return;
                }
                accepting.connections.fetch_add(1, Ordering::Relaxed);
                accepting.open.lock().unwrap().push(client.try_clone().unwrap());
                let serving = Arc::clone(&accepting);
                thread::spawn(move || {
                    let _ = serving.serve(&mut client);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        Self { address, shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn serve(&self, client: &mut TcpStream) -> io::Result<()> {
        let Some(harm) = self.harm else { return Ok(()) };
        loop {
            let request = read_frame(client)?;
            // After API key and version.
            let id = request.get(4..8).ok_or(io::ErrorKind::InvalidData)?;
            harm.send(&[id, &EMPTY].concat(), client)?;
            client.write_all(&self.more)?;
        }
    }
}

impl Drop for HostileBroker {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        for client in self.shared.open.lock().unwrap().drain(..) {
            let _ = client.shutdown(Shutdown::Both);
        }
        let _ = TcpStream::connect(self.address);
    }
}
