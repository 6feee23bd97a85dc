//! [`AuthFailure`]: a broker that does not let a client in, and which of the reasons for it it is.
//!
//! librdkafka has two codes for all of them, and some come under the code of a broken connection. Its text tells more, and what is
//! wrong with a broker's certificate OpenSSL tells while it is verified.

use std::fmt;

use crate::native::code;

/// A broker that does not let a client in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthFailure {
    /// `host:port`, or what librdkafka calls it.
    broker: String,
    reason: Reason,
    /// librdkafka's own words, behind the broker's name.
    details: String,
}

/// Why a broker does not let a client in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Credentials,
    Mechanism,
    Token,
    CertificateExpired,
    CertificateNotYetValid,
    CertificateAuthority,
    CertificateName,
    Certificate,
    ClientCertificate,
    Login,
    Tls,
}

impl Reason {
    /// As the end of a sentence on the broker.
    fn details(self) -> &'static str {
        match self {
            Self::Credentials => "it does not take the user name and password",
            Self::Mechanism => "it does not offer this sasl.mechanism",
            Self::Token => "it does not take the token, which has expired or is not valid there",
            Self::CertificateExpired => "its certificate has expired",
            Self::CertificateNotYetValid => "its certificate is not valid yet",
            Self::CertificateAuthority => "its certificate is not from a CA that is trusted here",
            Self::CertificateName => "its certificate is for another host name",
            Self::Certificate => "its certificate cannot be verified",
            Self::ClientCertificate => "it does not take the client's certificate",
            Self::Login => "the login failed",
            Self::Tls => "TLS failed",
        }
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Credentials => {
                "look into user name and password, and whether the broker knows the user under this sasl.mechanism"
            }
            Self::Mechanism => "set a sasl.mechanism that the broker's listener has enabled",
            Self::Token => "look into the token's expiry, audience and issuer, and the clocks of both sides",
            Self::CertificateExpired => "renew the broker's certificate; look into this machine's clock",
            Self::CertificateNotYetValid => "look into this machine's clock",
            Self::CertificateAuthority => {
                "if it is the right broker, name the CA of its certificate in ssl.truststore.location; if not, something stands between"
            }
            Self::CertificateName => {
                "use a name in bootstrap.servers and advertised.listeners that stands in the certificate, or get one for this name"
            }
            Self::Certificate | Self::Tls => "look into security.protocol and the ssl settings of both sides",
            Self::ClientCertificate => {
                "give a certificate in ssl.keystore that the broker's CA has issued and that has not expired; the broker's log has the reason"
            }
            Self::Login => "look into the sasl settings, and whether the broker knows the user",
        }
    }

    /// librdkafka's code for it.
    pub(super) fn code(self) -> i32 {
        match self {
            Self::Credentials | Self::Mechanism | Self::Token | Self::Login => code::AUTHENTICATION,
            _ => code::SSL,
        }
    }

    fn of(code: i32, details: &str, certificate: Option<i32>) -> Option<Self> {
        let says = |parts: &[&str]| parts.iter().any(|part| details.contains(part));
        if says(&["certificate verify failed", "Failed to verify broker certificate"]) {
            return Some(certificate.map_or(Self::Certificate, Self::of_certificate));
        }
        // The broker ends the connection with an alert, which comes when the client thinks that it is made.
        if says(&["SSL routines"])
            && says(&["alert bad certificate", "alert certificate", "alert unsupported certificate", "alert unknown ca"])
        {
            return Some(Self::ClientCertificate);
        }
        match code {
            code::AUTHENTICATION if says(&["mechanism handshake failed", "Unsupported SASL mechanism"]) => Some(Self::Mechanism),
            code::AUTHENTICATION if says(&["invalid_token", "invalid_scope", "insufficient_scope"]) => Some(Self::Token),
            code::AUTHENTICATION if says(&["Invalid username or password", "invalid credentials"]) => Some(Self::Credentials),
            code::AUTHENTICATION => Some(Self::Login),
            code::SSL => Some(Self::Tls),
            _ => None,
        }
    }

    /// By OpenSSL's code (`openssl/x509_vfy.h`, `X509_V_ERR_..`).
    fn of_certificate(error: i32) -> Self {
        match error {
            9 => Self::CertificateNotYetValid,
            10 => Self::CertificateExpired,
            2 | 18..=21 | 27 => Self::CertificateAuthority,
            62 | 64 => Self::CertificateName,
            _ => Self::Certificate,
        }
    }
}

impl AuthFailure {
    /// Reads an error of a broker's connection; `None` if it is one of another kind. `certificate` gives OpenSSL's code of what is wrong
    /// with the certificate of the broker at an address.
    pub(crate) fn read(code: i32, text: &str, certificate: impl Fn(&str) -> Option<i32>) -> Option<Self> {
        let (broker, details) = broker_of(text)?;
        let (address, details) = address_of(broker, details);
        let reason = Reason::of(code, details, certificate(address))?;
        Some(Self { broker: address.to_owned(), reason, details: details.to_owned() })
    }

    pub(crate) fn code(&self) -> i32 {
        self.reason.code()
    }

    pub(super) fn reason(&self) -> Reason {
        self.reason
    }

    /// librdkafka's own words.
    pub(super) fn details(&self) -> &str {
        &self.details
    }
}

/// Says who and why; librdkafka's words are not among it.
impl fmt::Display for AuthFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the broker at {} does not let this client in: {}", self.broker, self.reason.details())
    }
}

/// What librdkafka calls a broker whose connection has an error, and what it says: `sasl_ssl://kafka-1:9093/1: ..`. `None` for a text
/// that is about no broker.
pub(crate) fn broker_of(text: &str) -> Option<(&str, &str)> {
    let (broker, details) = text.split_once(": ")?;
    // `kafka-1:9093/bootstrap`, or a role and its broker: `TxnCoordinator: kafka-1:9093: ..`.
    if broker.contains('/') || broker.ends_with("Coordinator") { Some((broker, details)) } else { None }
}

/// The address of what librdkafka calls so, and the words without it: a role's broker stands in front of them.
fn address_of<'a>(broker: &'a str, details: &'a str) -> (&'a str, &'a str) {
    let address = broker.split_once("://").map_or(broker, |(_, address)| address);
    let address = address.rsplit_once('/').map_or(address, |(address, _)| address);
    match details.split_once(": ") {
        Some((of_role, details)) if !address.contains(':') && of_role.contains(':') => (of_role, details),
        _ => (address, details),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: i32, details: &str, certificate: Option<i32>) -> Option<String> {
        let text = format!("sasl_ssl://kafka-1:9093/bootstrap: {details}");
        let refusal = AuthFailure::read(code, &text, |address| certificate.filter(|_| address == "kafka-1:9093"))?;
        assert_eq!(refusal.details(), details);
        let told = refusal.to_string();
        Some(told.strip_prefix("the broker at kafka-1:9093 does not let this client in: ").unwrap().to_owned())
    }

    #[test]
    fn the_reason_is_told_from_librdkafka_s_text_and_openssl_s_code() {
        let handshake = "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified";
        let verify = "error:0A000086:SSL routines::certificate verify failed (after 4ms in state SSL_HANDSHAKE)";
        for (code, details, certificate, wanted) in [
            (
                code::AUTHENTICATION,
                "SASL authentication error: Authentication failed: Invalid username or password",
                None,
                "user name and password",
            ),
            (
                code::AUTHENTICATION,
                "SASL authentication error: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256",
                None,
                "user name and password",
            ),
            (code::AUTHENTICATION, "SASL authentication error: {\"status\":\"invalid_token\"}", None, "the token"),
            (
                code::AUTHENTICATION,
                "SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism",
                None,
                "sasl.mechanism",
            ),
            (code::AUTHENTICATION, "Disconnected: hung up from peer in state AUTH_LEGACY", None, "the login failed"),
            (code::SSL, handshake, Some(10), "its certificate has expired"),
            (code::SSL, handshake, Some(9), "not valid yet"),
            (code::SSL, handshake, Some(19), "not from a CA"),
            (code::SSL, handshake, Some(62), "another host name"),
            (code::SSL, handshake, Some(64), "another host name"),
            (code::SSL, handshake, Some(23), "cannot be verified"),
            (code::SSL, handshake, None, "cannot be verified"),
            (code::TRANSPORT, verify, Some(20), "not from a CA"),
            (
                code::TRANSPORT,
                "Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42",
                None,
                "the client's certificate",
            ),
            (code::SSL, "SSL handshake failed: error:0A00010B:SSL routines::wrong version number", None, "TLS failed"),
        ] {
            let told = read(code, details, certificate).unwrap_or_else(|| panic!("{details}"));
            assert!(told.contains(wanted), "{details}: {told}");
        }
    }

    #[test]
    fn what_is_no_refusal_is_none() {
        for details in [
            "Connect to ipv4#127.0.0.1:9093 failed: Connection refused",
            "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?",
        ] {
            assert_eq!(read(code::TRANSPORT, details, None), None, "{details}");
        }
        assert!(AuthFailure::read(code::AUTHENTICATION, "Failed to acquire SASL OAUTHBEARER token: no", |_| None).is_none());
        assert!(AuthFailure::read(code::ALL_BROKERS_DOWN, "1/1 brokers are down", |_| None).is_none());
    }

    #[test]
    fn a_broker_has_many_names_and_one_address() {
        for (text, address) in [
            ("kafka-1:9092/1: Receive failed", "kafka-1:9092"),
            ("ssl://[::1]:9093/bootstrap: SSL handshake failed", "[::1]:9093"),
            ("TxnCoordinator: kafka-1:9093: Receive failed: Disconnected", "kafka-1:9093"),
            ("GroupCoordinator/2: kafka-1:9093: Receive failed", "kafka-1:9093"),
        ] {
            let (broker, details) = broker_of(text).unwrap();
            let (found, details) = address_of(broker, details);
            assert_eq!(found, address, "{text}");
            assert!(!details.contains(address), "{text}: {details}");
        }
        assert_eq!(broker_of("1/1 brokers are down"), None);
    }
}
