//! How often the command connects to a listener that rejects it, and what it prints.

use std::{
    io::Read as _,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use ottla_test_support::folder::Folder;

use crate::{arguments, command::run};

/// A listener that closes each connection after the first bytes, as a plaintext broker does after a TLS handshake. Returns its
/// address and the counter of connections. Its thread ends with the test process.
fn closing_listener() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::Relaxed);
            let mut connection = connection;
            let _ = connection.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = connection.read(&mut [0; 512]);
        }
    });
    (address, seen)
}

/// The number of connections that a run of six seconds makes, and its stderr.
fn connections(settings: &[&str]) -> (usize, String) {
    let (address, seen) = closing_listener();
    let folder = Folder::new();
    let config = folder.file(
        "producer.properties",
        format!("bootstrap.servers={address}\nsecurity.protocol=SSL\nmax.block.ms=6000\n{}\n", settings.join("\n")),
    );
    let input = folder.file("orders.txt", "one\n");
    let ended = run(arguments!["produce", "-c", config, "--topic", "orders", "--input", input]).with(3);
    (seen.load(Ordering::Relaxed), ended.stderr)
}

#[test]
fn the_backoff_limits_reconnects_and_each_reason_is_logged_once() {
    // A slow machine connects less often, never more often. Without a backoff it would connect every 29 ms, 200 times in all.
    let (by_default, stderr) = connections(&[]);
    assert!((2..=50).contains(&by_default), "{by_default} connections\n{stderr}");
    let lines: Vec<&str> = stderr.lines().collect();
    assert!(lines.len() <= 6, "{} lines\n{stderr}", lines.len());
    // With these settings librdkafka's own timers still connect once a second.
    let (seldom, stderr) = connections(&["reconnect.backoff.ms=3000", "reconnect.backoff.max.ms=6000"]);
    assert!((1..=14).contains(&seldom), "{seldom} connections\n{stderr}");
}
