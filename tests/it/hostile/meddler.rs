//! [`Meddler`]: a proxy that corrupts the responses of brokers until it is told to stop.

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

use super::harm::{Harm, framed, read_frame};

/// Proxies for some brokers. Clients see only the proxies' addresses.
pub(crate) struct Meddler {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// What to do to responses, by API key, and how many are left.
    plan: Mutex<HashMap<i16, (Harm, usize)>>,
    /// The port of the broker and that of its proxy.
    ports: Vec<(u16, u16)>,
    ended: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Meddler {
    /// Starts a proxy for each of these brokers (`host:port,..`, all on 127.0.0.1, and all brokers of the cluster).
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
                        accepting.stand_between(client, broker);
                    }
                }
            });
        }
        Self { addresses, shared }
    }

    pub(crate) fn bootstrap_servers(&self) -> String {
        self.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    /// Corrupts the next `times` responses to requests of this kind (the protocol's API key).
    pub(crate) fn harm(&self, api_key: i16, harm: Harm, times: usize) {
        self.shared.plan.lock().unwrap().insert(api_key, (harm, times));
    }

    /// The number of responses still to be corrupted.
    pub(crate) fn left(&self) -> usize {
        self.shared.plan.lock().unwrap().values().map(|(_, times)| times).sum()
    }
}

impl Shared {
    fn stand_between(self: &Arc<Self>, client: TcpStream, broker: TcpStream) {
        self.open.lock().unwrap().extend([client.try_clone().unwrap(), broker.try_clone().unwrap()]);
        let asked = Arc::new(Mutex::new(HashMap::new()));
        let ends = || [client.try_clone().unwrap(), broker.try_clone().unwrap()];
        let [mut from, mut to] = ends();
        let requests = Arc::clone(&asked);
        thread::spawn(move || {
            let _ = ask(&mut from, &mut to, &requests);
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
        let [mut to, mut from] = ends();
        let shared = Arc::clone(self);
        thread::spawn(move || {
            let _ = shared.answer(&mut from, &mut to, &asked);
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }

    fn answer(&self, from: &mut TcpStream, to: &mut TcpStream, asked: &Mutex<HashMap<[u8; 4], i16>>) -> io::Result<()> {
        loop {
            let mut answer = read_frame(from)?;
            let id = <[u8; 4]>::try_from(&answer[..4]).unwrap();
            let api_key = asked.lock().unwrap().remove(&id).unwrap();
            self.redirect(&mut answer);
            match self.next_harm(api_key) {
                Some(harm) => harm.send(&answer, to)?,
                None => to.write_all(&framed(&answer))?,
            }
        }
    }

    fn next_harm(&self, api_key: i16) -> Option<Harm> {
        let mut plan = self.plan.lock().unwrap();
        let (harm, times) = plan.get_mut(&api_key).filter(|(_, times)| *times > 0)?;
        *times -= 1;
        Some(*harm)
    }

    /// Replaces the ports in a response that contains broker addresses. A port is the four bytes after a host name.
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

/// Forwards requests, and remembers their API keys by correlation id.
fn ask(from: &mut TcpStream, to: &mut TcpStream, asked: &Mutex<HashMap<[u8; 4], i16>>) -> io::Result<()> {
    loop {
        let request = read_frame(from)?;
        let api_key = i16::from_be_bytes(request[..2].try_into().unwrap());
        asked.lock().unwrap().insert(request[4..8].try_into().unwrap(), api_key);
        to.write_all(&framed(&request))?;
    }
}

impl Drop for Meddler {
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
