//! A proxy in front of a broker, whose connections a test can cut.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Forwards connections to a port of this machine.
pub(super) struct Proxy {
    address: SocketAddr,
    connections: Arc<Connections>,
}

#[derive(Default)]
struct Connections {
    ended: AtomicBool,
    open: Mutex<Vec<[TcpStream; 2]>>,
}

impl Proxy {
    /// Listens at once; the port need not answer yet.
    pub(super) fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Connections::default());
        let accepting = Arc::clone(&connections);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.ended.load(Ordering::Relaxed) {
                    return;
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

    /// Cuts every connection, wherever it is in a request or an answer; gives how many there were.
    pub(super) fn cut(&self) -> usize {
        let open = std::mem::take(&mut *self.connections.open.lock().unwrap());
        // One that has ended by itself is closed on both sides.
        let cut = |pair: &[TcpStream; 2]| pair.each_ref().map(|stream| stream.shutdown(Shutdown::Both)).iter().any(Result::is_ok);
        open.iter().filter(|pair| cut(pair)).count()
    }
}

impl Connections {
    fn forward(&self, pair: [TcpStream; 2]) {
        for (from, to) in [(0, 1), (1, 0)] {
            let (mut from, mut to) = (pair[from].try_clone().unwrap(), pair[to].try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        self.open.lock().unwrap().push(pair);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.connections.ended.store(true, Ordering::Relaxed);
        self.cut();
        let _ = TcpStream::connect(self.address);
    }
}
