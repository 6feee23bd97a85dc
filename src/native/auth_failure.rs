//! [`AuthFailure`]: a failed authentication with a broker, and its reason.
//!
//! librdkafka has only two codes for these errors, and reports some of them under the code of a broken connection. The reason is in its text.
//! What is wrong with a broker's certificate comes from OpenSSL, during verification.

use std::fmt;

use super::{
    code,
    wording::{address_of, broker_of, reason_of},
};

/// A failed authentication with a broker: the broker rejected the client, or the client rejected the broker's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthFailure {
    /// `host:port`, or librdkafka's name of the broker.
    broker: String,
    reason: Reason,
    /// librdkafka's text, without the broker's name.
    text: String,
}

/// Why authentication with a broker failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
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
    /// The reason as the end of the error message.
    fn description(self) -> &'static str {
        match self {
            Self::Credentials => "the broker rejected the user name and password",
            Self::Mechanism => "the broker has not enabled this sasl.mechanism",
            Self::Token => "the broker rejected the token as expired or invalid",
            Self::CertificateExpired => "the broker's certificate has expired",
            Self::CertificateNotYetValid => "the broker's certificate is not valid yet",
            Self::CertificateAuthority => "the broker's certificate is not signed by a trusted CA",
            Self::CertificateName => "the broker's certificate is for another host name",
            Self::Certificate => "the broker's certificate cannot be verified",
            Self::ClientCertificate => "the broker rejected the client's certificate",
            Self::Login => "the login failed",
            Self::Tls => "the TLS handshake failed",
        }
    }

    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Credentials => {
                "check the user name and password, and that the user exists on the broker for this sasl.mechanism"
            }
            Self::Mechanism => "set a sasl.mechanism that the broker's listener has enabled",
            Self::Token => "check the token's expiry, audience and issuer, and the clocks of both sides",
            Self::CertificateExpired => "renew the broker's certificate; check this machine's clock",
            Self::CertificateNotYetValid => "check this machine's clock",
            Self::CertificateAuthority => {
                "if this is the right broker, set ssl.truststore.location to the CA of its certificate; if not, check for a proxy in between"
            }
            Self::CertificateName => {
                "use a host name of the certificate in bootstrap.servers and advertised.listeners, or issue a certificate for this name"
            }
            Self::Certificate | Self::Tls => "check security.protocol and the ssl settings of both sides",
            Self::ClientCertificate => {
                "set ssl.keystore to a certificate that has not expired and that a CA of the broker has issued; the broker's log has the reason"
            }
            Self::Login => "check the sasl settings, and that the user exists on the broker",
        }
    }

    /// librdkafka's code for the reason.
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Credentials | Self::Mechanism | Self::Token | Self::Login => code::AUTHENTICATION,
            _ => code::SSL,
        }
    }

    /// From OpenSSL's code (`openssl/x509_vfy.h`, `X509_V_ERR_..`).
    pub(super) fn of_certificate(error: i32) -> Self {
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
    /// Parses an error of a broker connection; `None` if it is not about authentication. `certificate` returns OpenSSL's verification error
    /// for the broker at an address.
    pub(crate) fn read(code: i32, text: &str, certificate: impl Fn(&str) -> Option<i32>) -> Option<Self> {
        let (broker, text) = broker_of(text)?;
        let (address, text) = address_of(broker, text);
        let reason = reason_of(code, text, certificate(address))?;
        Some(Self { broker: address.to_owned(), reason, text: text.to_owned() })
    }

    pub(crate) fn code(&self) -> i32 {
        self.reason.code()
    }

    pub(crate) fn reason(&self) -> Reason {
        self.reason
    }

    /// librdkafka's text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// The broker and the reason, without librdkafka's text.
impl fmt::Display for AuthFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "authentication with the broker at {} failed: {}", self.broker, self.reason.description())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: i32, text: &str, certificate: Option<i32>) -> Option<String> {
        let full = format!("sasl_ssl://kafka-1:9093/bootstrap: {text}");
        let failure = AuthFailure::read(code, &full, |address| certificate.filter(|_| address == "kafka-1:9093"))?;
        assert_eq!(failure.text(), text);
        let shown = failure.to_string();
        Some(shown.strip_prefix("authentication with the broker at kafka-1:9093 failed: ").unwrap().to_owned())
    }

    #[test]
    fn reason_comes_from_librdkafka_text_and_openssl_code() {
        let handshake = "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified";
        let verify = "error:0A000086:SSL routines::certificate verify failed (after 4ms in state SSL_HANDSHAKE)";
        for (code, text, certificate, expected) in [
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
                "this sasl.mechanism",
            ),
            (code::AUTHENTICATION, "Disconnected: hung up from peer in state AUTH_LEGACY", None, "the login failed"),
            (code::SSL, handshake, Some(10), "the broker's certificate has expired"),
            (code::SSL, handshake, Some(9), "not valid yet"),
            (code::SSL, handshake, Some(19), "not signed by a trusted CA"),
            (code::SSL, handshake, Some(62), "another host name"),
            (code::SSL, handshake, Some(64), "another host name"),
            (code::SSL, handshake, Some(23), "cannot be verified"),
            (code::SSL, handshake, None, "cannot be verified"),
            (code::TRANSPORT, verify, Some(20), "not signed by a trusted CA"),
            (
                code::TRANSPORT,
                "Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42",
                None,
                "the client's certificate",
            ),
            (
                code::TRANSPORT,
                "Receive failed: error:0A000139:SSL routines::record layer failure (after 0ms in state APIVERSION_QUERY)",
                None,
                "the TLS handshake failed",
            ),
            (
                code::SSL,
                "SSL handshake failed: error:0A00010B:SSL routines::wrong version number",
                None,
                "the TLS handshake failed",
            ),
        ] {
            let shown = read(code, text, certificate).unwrap_or_else(|| panic!("{text}"));
            assert!(shown.contains(expected), "{text}: {shown}");
        }
    }

    #[test]
    fn other_errors_are_not_authentication_failures() {
        for text in [
            "Connect to ipv4#127.0.0.1:9093 failed: Connection refused",
            "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?",
        ] {
            assert_eq!(read(code::TRANSPORT, text, None), None, "{text}");
        }
        assert!(AuthFailure::read(code::AUTHENTICATION, "Failed to acquire SASL OAUTHBEARER token: no", |_| None).is_none());
        assert!(AuthFailure::read(code::ALL_BROKERS_DOWN, "1/1 brokers are down", |_| None).is_none());
    }
}
