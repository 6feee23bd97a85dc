//! [`HostileBroker`]: a peer that takes a client's connections and requests, and never does what a broker does.

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

/// What stands behind the correlation id of its answers before harm is done to them: to ApiVersions it says that there is no error and no
/// kind of request that is known.
const EMPTY: [u8; 12] = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A peer that answers every request with the same harm, or closes each connection at once.
pub(crate) struct HostileBroker {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// `None` closes before anything is asked.
    harm: Option<Harm>,
    /// What comes behind each answer.
    more: Vec<u8>,
    connections: AtomicUsize,
    ended: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl HostileBroker {
    /// One that does this to each of its answers.
    pub(crate) fn answering(harm: Harm) -> Self {
        Self::start(Some(harm), Vec::new())
    }

    /// One that does this to each of its answers, and sends as many bytes behind it.
    pub(crate) fn flooding(harm: Harm, bytes: usize) -> Self {
        Self::start(Some(harm), vec![0xa5; bytes])
    }

    /// One that closes each connection at once.
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

    /// How often somebody has come.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn serve(&self, client: &mut TcpStream) -> io::Result<()> {
        let Some(harm) = self.harm else { return Ok(()) };
        loop {
            let request = read_frame(client)?;
            // Behind api key and version.
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
