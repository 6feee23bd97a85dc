//! How often the command connects to what does not let it in, and what it says of it.

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

/// A listener that ends every connection when it has read something, as a broker without TLS does that gets a TLS greeting; its address, and how
/// many connections it has seen. Its thread ends with the tests' process.
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

/// How many connections a run of six seconds makes, and what it says.
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
fn the_backoff_bounds_how_often_it_connects_and_each_reason_is_said_once() {
    // A machine that is slow connects less often, never more. Without a bound it is one in 29 ms, 200 in all.
    let (by_default, said) = connections(&[]);
    assert!((2..=50).contains(&by_default), "{by_default} connections\n{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.len() <= 6, "{} lines\n{said}", lines.len());
    // librdkafka's own timers connect once a second then.
    let (seldom, said) = connections(&["reconnect.backoff.ms=3000", "reconnect.backoff.max.ms=6000"]);
    assert!((1..=14).contains(&seldom), "{seldom} connections\n{said}");
}
