//! [`MetricsAddress`]: where metrics are served.

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    str::FromStr,
};

/// An address for metrics: `9400` or `:9400` is the port on 127.0.0.1, and so is `localhost:9400` where there is IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MetricsAddress(pub(crate) SocketAddr);

impl FromStr for MetricsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let whole = with_host(text);
        whole.to_socket_addrs().ok().and_then(|addresses| chosen(&whole, addresses)).map(Self).ok_or_else(|| {
            format!("must be a port, such as 9400, or HOST:PORT, such as 0.0.0.0:9400 for all interfaces, but is {text:?}")
        })
    }
}

/// HOST:PORT: `9400` and `:9400` are ports of this machine.
pub(crate) fn with_host(address: &str) -> String {
    match address.rsplit_once(':') {
        None => format!("127.0.0.1:{address}"),
        Some(("", port)) => format!("127.0.0.1:{port}"),
        Some(_) => address.to_owned(),
    }
}

/// The first address; for `localhost` the first of IPv4, which is that of a port alone.
fn chosen(text: &str, mut addresses: impl Iterator<Item = SocketAddr>) -> Option<SocketAddr> {
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    if host.eq_ignore_ascii_case("localhost") {
        // The first of those that are equal.
        return addresses.min_by_key(SocketAddr::is_ipv6);
    }
    addresses.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_ipv4_if_there_is_one() {
        let addresses = ["[::1]:9400", "127.0.0.1:9400", "127.0.0.2:9400"].map(|address| address.parse::<SocketAddr>().unwrap());
        assert_eq!(chosen("localhost:9400", addresses.into_iter()), Some(addresses[1]));
        assert_eq!(chosen("localhost:9400", addresses[..1].iter().copied()), Some(addresses[0]));
        assert_eq!(chosen("example.org:9400", addresses.into_iter()), Some(addresses[0]));
    }

    #[test]
    fn a_port_alone_is_one_of_loopback() {
        for (text, wanted) in [
            ("9400", "127.0.0.1:9400"),
            (":9400", "127.0.0.1:9400"),
            ("0.0.0.0:9400", "0.0.0.0:9400"),
            ("[::1]:9400", "[::1]:9400"),
            ("0", "127.0.0.1:0"),
        ] {
            assert_eq!(text.parse(), Ok(MetricsAddress(wanted.parse().unwrap())), "{text}");
        }
        for text in ["", ":", "host", "1.2.3.4", "99999", "http://127.0.0.1:9400"] {
            assert!(text.parse::<MetricsAddress>().unwrap_err().starts_with("must be a port"), "{text}");
        }
    }
}
