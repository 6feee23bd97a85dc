//! `ottla health`: asks a run with `--metrics` whether it is healthy, for a container without a shell.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    time::Duration,
};

use crate::{
    exit::{Exit, Failure},
    monitoring::with_host,
};

/// The longest wait for the connection to an address, and for each part of the answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest answer that is read.
const LONGEST: u64 = 64 * 1024;

/// Requests `/healthz` from the address.
pub(crate) fn check(address: &str) -> Result<Exit, Failure> {
    let address = with_host(address);
    let answer = ask(&address).map_err(|error| Failure::new(Exit::Failed, format!("{address}: {error}")))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) == Some("200") {
        return Ok(Exit::Done);
    }
    let reason = if body.trim().is_empty() { status } else { body.trim() };
    Err(Failure::new(Exit::Failed, format!("{address}: not healthy: {reason}")))
}

/// Connects to the first address that accepts: `localhost` may be `::1` as well as 127.0.0.1.
fn connect(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let mut failed = io::Error::other("the host name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn ask(address: &str) -> io::Result<String> {
    let mut stream = connect(address.to_socket_addrs()?)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// The outcome for a server that gives this answer to one request.
    fn outcome(answer: &'static str) -> Result<Exit, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        let outcome = check(&format!(":{}", address.port())).map_err(|failure| failure.text());
        assert!(server.join().unwrap().starts_with("GET /healthz HTTP/1.1\r\n"));
        outcome.map_err(|text| text.replace(&address.to_string(), "HOST:PORT"))
    }

    #[test]
    fn only_200_is_healthy() {
        assert_eq!(outcome("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Ok(Exit::Done));
        assert_eq!(
            outcome("HTTP/1.1 503 Service Unavailable\r\n\r\nno broker\n"),
            Err("HOST:PORT: not healthy: no broker".to_owned())
        );
        assert_eq!(outcome("HTTP/1.0 404 Not Found\r\n\r\n"), Err("HOST:PORT: not healthy: HTTP/1.0 404 Not Found".to_owned()));
        assert_eq!(outcome(""), Err("HOST:PORT: not healthy: ".to_owned()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn each_address_of_a_name_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap();
        // On another address of loopback nothing listens on this port.
        let closed = SocketAddr::from(([127, 0, 0, 2], open.port()));
        assert_eq!(connect([closed, open].into_iter()).unwrap().peer_addr().unwrap(), open);
        assert_eq!(connect([closed].into_iter()).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(connect([].into_iter()).unwrap_err().to_string(), "the host name has no address");
    }

    #[test]
    fn a_port_without_a_server_is_not_healthy() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = check(&port.to_string()).unwrap_err().text();
        assert!(text.starts_with(&format!("127.0.0.1:{port}: ")), "{text}");
    }
}
