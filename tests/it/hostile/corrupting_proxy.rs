//! [`CorruptingProxy`]: a proxy that corrupts a number of the brokers' responses.

use std::{
    collections::HashMap,
    io::{self, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::corruption::{Corruption, framed, read_frame};

/// A proxy with one listener per broker. It replaces the ports in responses, so that clients connect only to the proxy.
pub(crate) struct CorruptingProxy {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// How to corrupt responses, and how many more, by the api key of the request.
    plan: Mutex<HashMap<i16, (Corruption, usize)>>,
    /// The ports of each broker and of its listener.
    ports: Vec<(u16, u16)>,
    ended: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl CorruptingProxy {
    /// Starts the proxy for all brokers of a cluster (`host:port,..`, all on 127.0.0.1).
    pub(crate) fn start(bootstrap_servers: &str) -> Self {
        let port = |address: &str| address.rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
        let listeners: Vec<_> =
            bootstrap_servers.split(',').map(|broker| (port(broker), TcpListener::bind("127.0.0.1:0").unwrap())).collect();
        let addresses: Vec<_> = listeners.iter().map(|(_, listener)| listener.local_addr().unwrap()).collect();
        let ports = listeners.iter().zip(&addresses).map(|((broker, _), address)| (*broker, address.port())).collect();
        let shared = Arc::new(Shared { ports, ..Shared::default() });
        for (broker, listener) in listeners {
            let accepting = Arc::clone(&shared);
            thread::spawn(move || {
                for client in listener.incoming().map_while(Result::ok) {
                    if accepting.ended.load(Ordering::Relaxed) {
                        return;
                    }
                    if let Ok(broker) = TcpStream::connect(("127.0.0.1", broker)) {
                        accepting.connect(client, broker);
                    }
                }
            });
        }
        Self { addresses, shared }
    }

    pub(crate) fn bootstrap_servers(&self) -> String {
        self.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// Corrupts the next `times` responses to requests with this api key.
    pub(crate) fn corrupt(&self, api_key: i16, corruption: Corruption, times: usize) {
        self.shared.plan.lock().unwrap().insert(api_key, (corruption, times));
    }

    /// How many responses are still to be corrupted.
    pub(crate) fn left(&self) -> usize {
        self.shared.plan.lock().unwrap().values().map(|(_, times)| times).sum()
    }
}

impl Shared {
    fn connect(self: &Arc<Self>, client: TcpStream, broker: TcpStream) {
        self.open.lock().unwrap().extend([client.try_clone().unwrap(), broker.try_clone().unwrap()]);
        let pending = Arc::new(Mutex::new(HashMap::new()));
        let ends = || [client.try_clone().unwrap(), broker.try_clone().unwrap()];
        let [mut from, mut to] = ends();
        let requests = Arc::clone(&pending);
        thread::spawn(move || {
            let _ = forward_requests(&mut from, &mut to, &requests);
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
        let [mut to, mut from] = ends();
        let shared = Arc::clone(self);
        thread::spawn(move || {
            let _ = shared.forward_responses(&mut from, &mut to, &pending);
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }

    fn forward_responses(
        &self,
        from: &mut TcpStream,
        to: &mut TcpStream,
        pending: &Mutex<HashMap<[u8; 4], i16>>,
    ) -> io::Result<()> {
        loop {
            let mut answer = read_frame(from)?;
            let id = <[u8; 4]>::try_from(&answer[..4]).unwrap();
            let api_key = pending.lock().unwrap().remove(&id).unwrap();
            self.redirect(&mut answer);
            match self.next_corruption(api_key) {
                Some(corruption) => corruption.send(&answer, to)?,
                None => to.write_all(&framed(&answer))?,
            }
        }
    }

    fn next_corruption(&self, api_key: i16) -> Option<Corruption> {
        let mut plan = self.plan.lock().unwrap();
        let (corruption, times) = plan.get_mut(&api_key).filter(|(_, times)| *times > 0)?;
        *times -= 1;
        Some(*corruption)
    }

    /// Replaces the brokers' ports in a response with ours. A port is the four bytes after the host name.
    fn redirect(&self, answer: &mut [u8]) {
        const HOST: &[u8] = b"127.0.0.1";
        let mut at = 0;
        while let Some(found) = answer[at..].windows(HOST.len()).position(|window| window == HOST) {
            at += found + HOST.len();
            let Some(port) = answer.get_mut(at..at + 4) else { return };
            if let Some((_, own)) = self.ports.iter().find(|(broker, _)| port == u32::from(*broker).to_be_bytes()) {
                port.copy_from_slice(&u32::from(*own).to_be_bytes());
            }
        }
    }
}

/// Forwards requests, and records the api key of each by its correlation id.
fn forward_requests(from: &mut TcpStream, to: &mut TcpStream, pending: &Mutex<HashMap<[u8; 4], i16>>) -> io::Result<()> {
    loop {
        let request = read_frame(from)?;
        let api_key = i16::from_be_bytes(request[..2].try_into().unwrap());
        pending.lock().unwrap().insert(request[4..8].try_into().unwrap(), api_key);
        to.write_all(&framed(&request))?;
    }
}

impl Drop for CorruptingProxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for address in &self.addresses {
            let _ = TcpStream::connect(address);
        }
    }
}
