//! A proxy in front of a broker: the network between it and its clients, which a test can make bad.

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

/// What the network is like, each way and for every connection by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Network {
    #[default]
    Clear,
    /// Everything takes so much longer.
    Delayed(Duration),
    /// It lets so many bytes a second through.
    Slow(u32),
    /// It loses packets, as TCP shows it: now and then nothing goes on until one is sent again, and a few connections break.
    Lossy,
    /// Connections stay open, new ones are accepted, and all that is sent is swallowed.
    HalfOpen,
    /// Connections are broken, and new ones are closed at once.
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
    /// Listens at once; the port need not answer yet.
    pub(super) fn start(to: u16) -> Self {
        Self::listen(([127, 0, 0, 1], 0).into(), to)
    }

    /// The same at an address of the caller's choice.
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
                // Without a broker the client sees its connection closed.
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

    /// From now on the network is like this.
    pub(super) fn set(&self, network: Network) {
        let before = std::mem::replace(&mut *self.connections.network.lock().unwrap(), network);
        // What was swallowed is missing: no connection can go on without it.
        if before == Network::HalfOpen || network == Network::Cut {
            self.cut();
        }
    }

    /// Cuts every connection, wherever it is in a request or an answer; gives how many there were.
    pub(super) fn cut(&self) -> usize {
        let open = std::mem::take(&mut *self.connections.open.lock().unwrap());
        // One that has ended by itself is closed on both sides.
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
            // Few pieces, so that a slow network is felt by whoever sends.
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

    /// Writes what was read, when its time has come.
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
                        // How long TCP waits at the least before it sends again.
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
