//! `bootstrap.servers`: brokers as `host:port`.

/// The check for the setting: each entry must be `host:port`, as in Java; it may have a protocol prefix.
pub(crate) fn check(list: &str) -> Result<(), String> {
    for (index, server) in list.split(',').filter(|server| !server.is_empty()).enumerate() {
        let number = index + 1;
        let entry = |what: &str| format!("{what} in entry {number}; write host:port");
        let address = address(server);
        let Some((host, port)) = address.rsplit_once(':') else {
            return Err(entry("has no port"));
        };
        let bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
        if bare_v6 {
            return Err(entry("has an IPv6 address without brackets"));
        }
        if host.is_empty() || host == "[]" {
            return Err(entry("has no host"));
        }
        if !host.chars().all(|c| c.is_ascii_alphanumeric() || "-%._:[]".contains(c)) {
            return Err(entry("has an invalid character in the host name"));
        }
        if !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(entry("has a port that is not 1 to 65535"));
        }
    }
    Ok(())
}

/// The entry without its protocol prefix, which Java ignores too.
fn address(server: &str) -> &str {
    server.split_once("://").map_or(server, |(_, address)| address)
}

/// The list in librdkafka's notation.
pub(crate) fn addresses(list: &str) -> String {
    list.split(',').map(address).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_ports_are_accepted() {
        for list in ["localhost:9092", "a.example:9092,b-2.example:9093", "[::1]:9092", "PLAINTEXT://10.0.0.1:9092", ""] {
            assert_eq!(check(list), Ok(()), "{list}");
        }
        assert_eq!(addresses("SSL://a:1,b:2"), "a:1,b:2");
    }

    #[test]
    fn invalid_entries_are_rejected_with_their_number() {
        for (list, wanted) in [
            ("localhost", "has no port in entry 1"),
            ("a:1,b", "has no port in entry 2"),
            ("a:1,:9092", "has no host in entry 2"),
            ("::1:9092", "IPv6 address without brackets"),
            ("a:0", "has a port that is not"),
            ("a:65536", "has a port that is not"),
            ("a:port", "has a port that is not"),
            ("user@host:1", "invalid character in the host name"),
            ("a b:1", "invalid character in the host name"),
        ] {
            let error = check(list).unwrap_err();
            assert!(error.contains(wanted), "{list}: {error}");
        }
    }
}
