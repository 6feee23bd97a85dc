//! All that depends on the wording of librdkafka's and OpenSSL's texts.
//!
//! librdkafka has one code for many errors, and does not promise to keep its texts. A text that this module does not recognise costs a reason
//! or a name in an error message, never a record. A test fails if librdkafka's version changes, until the texts have been compared.

use std::ffi::CStr;

use super::{auth_failure::Reason, code};

/// `RD_KAFKA_BROKER_STATE_UP`, as librdkafka writes it (`rd_kafka_broker_state_names`).
const UP: &CStr = c"UP";

/// `RD_KAFKA_BROKER_STATE_INIT`
const INIT: &CStr = c"INIT";

/// The start of librdkafka's own text for a record of a batch in which the broker named other records as invalid. If the broker named one,
/// librdkafka gives all records its code, so only the text distinguishes them.
const BYSTANDER: &str = "Failed to append record because it was part of a batch";

/// Whether a connection is up, from the name of its state.
pub(super) fn is_up(state: &CStr) -> bool {
    state == UP
}

/// Whether a broker was just added, or is to be connected to again, from the name of its state.
pub(super) fn is_initial(state: &CStr) -> bool {
    state == INIT
}

/// Whether a record failed only because of other records of its batch, from the text of its error.
pub(super) fn is_bystander(text: &str) -> bool {
    text.starts_with(BYSTANDER)
}

/// The text of a log line about a connection that a broker has closed, without the name of the thread: `[thrd:..]: ..`. `None` for any other
/// line. Such a connection has no error event of its own; the lines of errors have.
pub(crate) fn closed_connection<'a>(level: i32, facility: &str, line: &'a str) -> Option<&'a str> {
    let thread_and_text = line.split_once("]: ").filter(|(thread, _)| thread.starts_with("[thrd:"));
    (facility == "FAIL" && (4..=6).contains(&level)).then(|| thread_and_text.map_or(line, |(_, text)| text))
}

/// Why authentication failed, if the error is about that. `certificate` is OpenSSL's verification error of the broker.
pub(super) fn reason_of(code: i32, text: &str, certificate: Option<i32>) -> Option<Reason> {
    let says = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if says(&["certificate verify failed", "Failed to verify broker certificate"]) {
        return Some(certificate.map_or(Reason::Certificate, Reason::of_certificate));
    }
    // The broker ends the connection with an alert, which arrives after the client has completed the handshake.
    if says(&["SSL routines"])
        && says(&["alert bad certificate", "alert certificate", "alert unsupported certificate", "alert unknown ca"])
    {
        return Some(Reason::ClientCertificate);
    }
    // OpenSSL cannot read that alert from Kafka 2.8 with TLS 1.3.
    if says(&["SSL routines::record layer failure"]) {
        return Some(Reason::Tls);
    }
    match code {
        code::AUTHENTICATION if says(&["mechanism handshake failed", "Unsupported SASL mechanism"]) => Some(Reason::Mechanism),
        code::AUTHENTICATION if says(&["invalid_token", "invalid_scope", "insufficient_scope"]) => Some(Reason::Token),
        code::AUTHENTICATION if says(&["Invalid username or password", "invalid credentials"]) => Some(Reason::Credentials),
        code::AUTHENTICATION => Some(Reason::Login),
        code::SSL => Some(Reason::Tls),
        _ => None,
    }
}

/// Splits librdkafka's text about a broker into the broker's name and the rest: `sasl_ssl://kafka-1:9093/1: ..`. `None` if the text is not
/// about a broker.
pub(crate) fn broker_of(text: &str) -> Option<(&str, &str)> {
    let (broker, rest) = text.split_once(": ")?;
    // `kafka-1:9093/bootstrap`, or a role and its broker: `TxnCoordinator: kafka-1:9093: ..`.
    if broker.contains('/') || broker.ends_with("Coordinator") { Some((broker, rest)) } else { None }
}

/// The broker's address, and the text without it. After the name of a role (`TxnCoordinator`) the address is at the start of the text.
pub(super) fn address_of<'a>(broker: &'a str, text: &'a str) -> (&'a str, &'a str) {
    let address = broker.split_once("://").map_or(broker, |(_, address)| address);
    let address = address.rsplit_once('/').map_or(address, |(address, _)| address);
    match text.split_once(": ") {
        Some((of_role, rest)) if !address.contains(':') && of_role.contains(':') => (of_role, rest),
        _ => (address, text),
    }
}

#[cfg(test)]
mod tests {
    use rdkafka_sys as sys;

    use super::*;

    /// The librdkafka whose texts this module knows: 2.12.1.
    const COMPARED: i32 = 0x020c_01ff;

    #[test]
    fn texts_were_compared_with_this_version_of_librdkafka() {
        assert_eq!(
            sys::RD_KAFKA_VERSION,
            COMPARED,
            "search the sources of the new librdkafka for each text of this module, correct the module, then set COMPARED"
        );
    }

    #[test]
    fn address_of_reads_all_forms_of_broker_names() {
        for (text, address) in [
            ("kafka-1:9092/1: Receive failed", "kafka-1:9092"),
            ("ssl://[::1]:9093/bootstrap: SSL handshake failed", "[::1]:9093"),
            ("TxnCoordinator: kafka-1:9093: Receive failed: Disconnected", "kafka-1:9093"),
            ("GroupCoordinator/2: kafka-1:9093: Receive failed", "kafka-1:9093"),
        ] {
            let (broker, rest) = broker_of(text).unwrap();
            let (found, rest) = address_of(broker, rest);
            assert_eq!(found, address, "{text}");
            assert!(!rest.contains(address), "{text}: {rest}");
        }
        assert_eq!(broker_of("1/1 brokers are down"), None);
    }

    #[test]
    fn closed_connections_are_read_from_log_lines() {
        let line = "[thrd:localhost:9092/bootstrap]: localhost:9092/bootstrap: Disconnected (after 1ms in state UP)";
        let text = "localhost:9092/bootstrap: Disconnected (after 1ms in state UP)";
        assert_eq!(closed_connection(6, "FAIL", line), Some(text));
        assert_eq!(closed_connection(4, "FAIL", text), Some(text), "a line without a thread");
        assert_eq!(closed_connection(3, "FAIL", line), None, "an error, which has an event");
        assert_eq!(closed_connection(6, "CONNECT", line), None);
    }

    #[test]
    fn other_texts_are_neither_a_bystanders_nor_of_a_connection_that_is_up() {
        assert!(is_up(c"UP") && !is_up(c"UPDATE") && !is_up(c"DOWN"));
        assert!(is_initial(c"INIT") && !is_initial(c"UP") && !is_initial(c"DOWN"));
        assert!(is_bystander("Failed to append record because it was part of a batch which had one more more invalid records"));
        assert!(!is_bystander("Invalid timestamp"));
    }
}
