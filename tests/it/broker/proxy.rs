//! A proxy between a broker and its clients, which simulates network faults.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// The state of the network, in each direction and for each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Network {
    #[default]
    Clear,
    /// All data is delayed by this time.
    Delayed(Duration),
    /// The bandwidth in bytes per second.
    Slow(u32),
    /// Packet loss as visible through TCP: now and then data is delayed until a retransmission, and a few connections break.
    Lossy,
    /// Connections stay open and new ones are accepted, but all data is dropped.
    HalfOpen,
    /// Connections are closed, and new ones are closed at once.
    Cut,
}

/// Forwards connections to a port of this machine.
pub(super) struct Proxy {
    address: SocketAddr,
    connections: Arc<Connections>,
}

#[derive(Default)]
struct Connections {
    ended: AtomicBool,
    network: Mutex<Network>,
    open: Mutex<Vec<[TcpStream; 2]>>,
}

impl Proxy {
    /// Listens at once. The port need not be open yet.
    pub(super) fn start(to: u16) -> Self {
        Self::listen(([127, 0, 0, 1], 0).into(), to)
    }

    /// The same at a given address.
    pub(super) fn listen(at: SocketAddr, to: u16) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Connections::default());
        let accepting = Arc::clone(&connections);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.ended.load(Ordering::Relaxed) {
                    return;
                }
                if accepting.network() == Network::Cut {
                    continue;
                }
                // Without a broker the client's connection is closed.
                if let Ok(broker) = TcpStream::connect(("127.0.0.1", to)) {
                    accepting.forward([client, broker]);
                }
            }
        });
        Self { address, connections }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the state of the network.
    pub(super) fn set(&self, network: Network) {
        let before = std::mem::replace(&mut *self.connections.network.lock().unwrap(), network);
        // Dropped data is missing, so no connection can continue.
        if before == Network::HalfOpen || network == Network::Cut {
            self.cut();
        }
    }

    /// Closes all connections, in the middle of requests and responses. Returns their number.
    pub(super) fn cut(&self) -> usize {
        let open = std::mem::take(&mut *self.connections.open.lock().unwrap());
        // A connection that has ended by itself is closed on both sides.
        let cut = |pair: &[TcpStream; 2]| pair.each_ref().map(|stream| stream.shutdown(Shutdown::Both)).iter().any(Result::is_ok);
        open.iter().filter(|pair| cut(pair)).count()
    }
}

impl Connections {
    fn network(&self) -> Network {
        *self.network.lock().unwrap()
    }

    fn forward(self: &Arc<Self>, pair: [TcpStream; 2]) {
        for (from, to) in [(0, 1), (1, 0)] {
            let (mut from, to) = (pair[from].try_clone().unwrap(), pair[to].try_clone().unwrap());
            // A small queue, so that the sender notices a slow network.
            let (sender, receiver) = sync_channel(8);
            let (reading, writing) = (Arc::clone(self), Arc::clone(self));
            thread::spawn(move || {
                let mut buffer = vec![0; 16 * 1024];
                while let Ok(read @ 1..) = from.read(&mut buffer) {
                    let delay = if let Network::Delayed(delay) = reading.network() { delay } else { Duration::ZERO };
                    if sender.send((Instant::now() + delay, buffer[..read].to_vec())).is_err() {
                        break;
                    }
                }
                let _ = from.shutdown(Shutdown::Both);
            });
            thread::spawn(move || writing.write(&receiver, to));
        }
        self.open.lock().unwrap().push(pair);
    }

    /// Writes data when its delay is over.
    fn write(&self, pieces: &Receiver<(Instant, Vec<u8>)>, mut to: TcpStream) {
        let mut random = 0;
        for (due, bytes) in pieces {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            match self.network() {
                Network::HalfOpen => continue,
                Network::Slow(bytes_a_second) => thread::sleep(Duration::from_secs(bytes.len() as u64) / bytes_a_second),
                Network::Lossy => {
                    random = (random * 381 + 127) % 1000;
                    match random {
                        // TCP's minimum retransmission timeout.
                        0..10 => thread::sleep(Duration::from_millis(200)),
                        10..12 => break,
                        _ => {}
                    }
                }
                Network::Clear | Network::Delayed(_) | Network::Cut => {}
            }
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.connections.ended.store(true, Ordering::Relaxed);
        self.cut();
        let _ = TcpStream::connect(self.address);
    }
}
