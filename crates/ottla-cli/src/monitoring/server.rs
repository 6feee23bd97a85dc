//! Answers HTTP requests for the metrics and the health of a run.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use super::{MetricsAddress, Monitoring};
use crate::exit::{Exit, Failure};

/// The maximum size of a request's head.
const MAX_HEAD: usize = 16 * 1024;

/// The maximum number of header lines.
const MAX_HEADERS: usize = 64;

/// How long one read or write of a connection may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How many connections are served at a time; others are closed.
const MAX_CONNECTIONS: usize = 16;

/// Listens on a thread. Returns the address, with the port if the system has chosen it.
///
/// # Errors
/// The address cannot be used.
pub(super) fn serve(MetricsAddress(address): MetricsAddress, monitoring: Monitoring) -> Result<SocketAddr, Failure> {
    let failed = |error: io::Error| Failure::usage(format!("--metrics {address}: cannot listen: {error}; give another address"));
    let listener = TcpListener::bind(address).map_err(failed)?;
    let served = listener.local_addr().map_err(failed)?;
    let listen = move || {
        let open = Arc::new(AtomicUsize::new(0));
        for stream in listener.incoming() {
            match stream {
                Ok(stream) if open.load(Ordering::Relaxed) < MAX_CONNECTIONS => {
                    open.fetch_add(1, Ordering::Relaxed);
                    let (counted, monitoring) = (Arc::clone(&open), monitoring.clone());
                    let answer = move || {
                        // The client closed the connection.
                        let _ = answer(stream, &monitoring);
                        counted.fetch_sub(1, Ordering::Relaxed);
                    };
                    if thread::Builder::new().name("ottla-metrics".to_owned()).spawn(answer).is_err() {
                        open.fetch_sub(1, Ordering::Relaxed);
                    }
                }
                Ok(_) => {}
                // For example too many open files.
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
    };
    let started = thread::Builder::new().name("ottla-metrics".to_owned()).spawn(listen);
    started.map_err(|error| Failure::new(Exit::Failed, format!("cannot start the thread that serves metrics: {error}")))?;
    Ok(served)
}

/// An answer: its status, the type of its content, and the content.
type Answer = (&'static str, &'static str, String);

const PLAIN: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers one request.
fn answer(mut stream: TcpStream, monitoring: &Monitoring) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    let request = loop {
        match parse(&head) {
            Some(request) => break request,
            None if head.len() >= MAX_HEAD => break Err("the request is too long"),
            None => {}
        }
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        head.extend_from_slice(&chunk[..read]);
    };
    let is_head = matches!(&request, Ok((method, _)) if method == "HEAD");
    let (status, kind, content) = match request {
        Ok((method, target)) => content(&method, &target, monitoring),
        Err(reason) => ("400 Bad Request", PLAIN, format!("{reason}\n")),
    };
    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
    let length = content.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    if !is_head {
        stream.write_all(content.as_bytes())?;
    }
    // A connection that is closed with unread bytes is reset, and the client may not get the answer.
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream.take(MAX_HEAD as u64), &mut io::sink()).map(drop)
}

/// The method and the target of a request; `None` if more bytes are needed.
fn parse(head: &[u8]) -> Option<Result<(String, String), &'static str>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(status) if status.is_partial() => None,
        Ok(_) => match (request.method, request.path) {
            (Some(method), Some(path)) => Some(Ok((method.to_owned(), path.to_owned()))),
            _ => Some(Err("the request has no method or no path")),
        },
        Err(_) => Some(Err("the request is not HTTP/1.1")),
    }
}

fn content(method: &str, target: &str, monitoring: &Monitoring) -> Answer {
    if !matches!(method, "GET" | "HEAD") {
        return ("405 Method Not Allowed", PLAIN, "only GET and HEAD are supported\n".to_owned());
    }
    match target.split('?').next() {
        Some("/metrics") => ("200 OK", METRICS, monitoring.metrics()),
        Some("/healthz") => match monitoring.unhealthy() {
            None => ("200 OK", PLAIN, "healthy\n".to_owned()),
            Some(reason) => ("503 Service Unavailable", PLAIN, format!("{reason}\n")),
        },
        _ => ("404 Not Found", PLAIN, "there are /metrics and /healthz\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::monitoring::State;

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn requests_are_answered_before_the_run() {
        let monitoring = Monitoring(Arc::new(State { run: Mutex::default(), health: Mutex::default() }));
        let address = serve("0".parse().unwrap(), monitoring.clone()).unwrap();
        let metrics = ask(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(metrics.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{metrics}");
        assert!(metrics.ends_with("ottla_healthy 0\n") && metrics.contains("ottla_build_info{version="), "{metrics}");
        for (request, status) in [
            ("GET /healthz HTTP/1.1\r\n\r\n", "503 Service Unavailable"),
            ("GET /healthz?full=1 HTTP/1.0\r\n\r\n", "503 Service Unavailable"),
            ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
            ("\x16\x03\x01\x02\r\n\r\n", "400 Bad Request"),
        ] {
            let answer = ask(address, request);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:?}: {answer}");
        }
        let head = ask(address, "HEAD /metrics HTTP/1.1\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        let long = ask(address, &format!("GET /{} HTTP/1.1\r\n", "x".repeat(MAX_HEAD)));
        assert!(long.starts_with("HTTP/1.1 400 Bad Request\r\n") && long.contains("too long"), "{long}");
        let error = serve(MetricsAddress(address), monitoring).unwrap_err().text();
        assert!(error.contains("cannot listen") && error.contains("give another address"), "{error}");
    }
}
