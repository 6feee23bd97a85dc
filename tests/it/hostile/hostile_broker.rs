//! [`HostileBroker`]: a peer that accepts connections and requests and never responds correctly.

use std::{
    io::{self, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use super::corruption::{Corruption, read_frame};

/// The response after its correlation id, before it is corrupted. As an ApiVersions response it means: no error, and no supported
/// API.
const EMPTY: [u8; 12] = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A peer that corrupts every response in the same way, or closes each connection at once.
pub(crate) struct HostileBroker {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// `None` closes the connection before the first request.
    corruption: Option<Corruption>,
    /// The bytes to send after each response.
    more: Vec<u8>,
    connections: AtomicUsize,
    ended: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl HostileBroker {
    /// A broker that corrupts each response in this way.
    pub(crate) fn answering(corruption: Corruption) -> Self {
        Self::start(Some(corruption), Vec::new())
    }

    /// A broker that corrupts each response in this way and sends this many bytes after it.
    pub(crate) fn flooding(corruption: Corruption, bytes: usize) -> Self {
        Self::start(Some(corruption), vec![0xa5; bytes])
    }

    /// A broker that closes each connection at once.
    pub(crate) fn closing() -> Self {
        Self::start(None, Vec::new())
    }

    fn start(corruption: Option<Corruption>, more: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            corruption,
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
        let Some(corruption) = self.corruption else { return Ok(()) };
        loop {
            let request = read_frame(client)?;
            // The id follows the api key and version.
            let id = request.get(4..8).ok_or(io::ErrorKind::InvalidData)?;
            corruption.send(&[id, &EMPTY].concat(), client)?;
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
