//! `bootstrap.servers`: brokers as `host:port`.

/// The check of the table's row: every entry must be `host:port`, as Java requires; a protocol before it is allowed, as there.
pub(crate) fn check(list: &str) -> Result<(), String> {
    for (index, server) in list.split(',').filter(|server| !server.is_empty()).enumerate() {
        let number = index + 1;
        let entry = |what: &str| format!("has an entry, number {number}, {what}; write host:port");
        let address = address(server);
        let Some((host, port)) = address.rsplit_once(':') else {
            return Err(entry("without a port"));
        };
        let bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
        if bare_v6 {
            return Err(entry("that is an IPv6 address without brackets"));
        }
        if host.is_empty() || host == "[]" {
            return Err(entry("without a host"));
        }
        if !host.chars().all(|c| c.is_ascii_alphanumeric() || "-%._:[]".contains(c)) {
            return Err(entry("with a character that no host name has"));
        }
        if !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(entry("whose port is not 1 to 65535"));
        }
    }
    Ok(())
}

/// The entry without its protocol, which Java ignores as well.
fn address(server: &str) -> &str {
    server.split_once("://").map_or(server, |(_, address)| address)
}

/// The list as librdkafka gets it.
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
    fn others_are_refused_with_their_number() {
        for (list, wanted) in [
            ("localhost", "number 1, without a port"),
            ("a:1,b", "number 2, without a port"),
            ("a:1,:9092", "number 2, without a host"),
            ("::1:9092", "IPv6 address without brackets"),
            ("a:0", "whose port is not"),
            ("a:65536", "whose port is not"),
            ("a:port", "whose port is not"),
            ("user@host:1", "that no host name has"),
            ("a b:1", "that no host name has"),
        ] {
            let error = check(list).unwrap_err();
            assert!(error.contains(wanted), "{list}: {error}");
        }
    }
}
