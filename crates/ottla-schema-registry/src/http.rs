//! [`Transport`]: sends one request to the registry's URLs in turn, with retries.

use std::{io, thread, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::de::DeserializeOwned;
use ureq::{
    Agent,
    http::HeaderValue,
    tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem},
};

use super::{
    config::{Connection, basic},
    error::{About, RegistryError, RegistryErrorKind},
};
use crate::{panic::emit, secret::Secret};

const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// The largest response body that is read, in bytes.
const GREATEST_ANSWER: u64 = 16 * 1024 * 1024;

/// Characters that a path segment may contain unescaped (RFC 3986, "unreserved").
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) about: About,
    /// Path and query, without the registry's own URL.
    pub(super) path: String,
    /// The JSON of a POST; `None` for a GET.
    pub(super) body: Option<Vec<u8>>,
}

pub(super) struct Transport {
    agent: Agent,
    bases: Vec<Base>,
    retries: u32,
    retry_wait: Duration,
    retry_max_wait: Duration,
}

/// One of the registry's URLs.
struct Base {
    /// Without user name and password.
    url: String,
    authorization: Option<HeaderValue>,
}

/// A subject, escaped for a path.
pub(super) fn encoded(subject: &str) -> String {
    utf8_percent_encode(subject, PLAIN).to_string()
}

impl Transport {
    pub(super) fn new(connection: &Connection) -> Result<Self, RegistryError> {
        let mut tls = TlsConfig::builder();
        if let Some(pem) = &connection.authorities {
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates(pem.expose(), "truststore")?));
        }
        if let Some((chain, key)) = &connection.identity {
            let key = PrivateKey::from_pem(key.expose().as_bytes())
                .map_err(|_| unreadable("schema.registry.ssl.keystore must contain an unencrypted private key in PEM"))?;
            tls = tls.client_cert(Some(ClientCert::new_with_certs(&certificates(chain.expose(), "keystore")?, key)));
        }
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            // As in Java, the proxies of the environment variables are ignored.
            .proxy(None)
            .user_agent(concat!("ottla/", env!("CARGO_PKG_VERSION")))
            .accept(CONTENT_TYPE)
            .timeout_connect(Some(connection.connect_timeout))
            .timeout_resolve(Some(connection.connect_timeout))
            .timeout_per_call(Some(connection.connect_timeout.saturating_add(connection.read_timeout)))
            .timeout_recv_response(Some(connection.read_timeout))
            .timeout_recv_body(Some(connection.read_timeout))
            .build();
        Ok(Self {
            agent: config.into(),
            bases: connection
                .urls
                .iter()
                .map(|url| Base::new(url, connection.authorization.as_ref()))
                .collect::<Result<_, _>>()?,
            retries: connection.retries,
            retry_wait: connection.retry_wait,
            retry_max_wait: connection.retry_max_wait,
        })
    }

    /// Sends the request with retries. Blocks until it succeeds or fails.
    pub(super) fn call<T: DeserializeOwned>(&self, call: &Call) -> Result<T, RegistryError> {
        let mut round = 0;
        loop {
            let error = match self.ask_each(call) {
                Err(error) if error.is_retriable() => error,
                answered => {
                    return serde_json::from_slice(&answered?).map_err(|error| {
                        let message = format!("unexpected JSON: {error}");
                        RegistryError::new(RegistryErrorKind::UnexpectedAnswer, &call.about, message)
                    });
                }
            };
            if round == self.retries {
                return Err(error);
            }
            let wait = self.wait(round);
            emit!(debug, %error, ?wait, "retrying the request to the schema registry");
            thread::sleep(wait);
            round += 1;
        }
    }

    /// Tries the URLs in order, until one does not fail with a retriable error.
    fn ask_each(&self, call: &Call) -> Result<Vec<u8>, RegistryError> {
        let mut last = None;
        for base in &self.bases {
            match self.ask(base, call) {
                Err(error) if error.is_retriable() => last = Some(error),
                answered => return answered,
            }
        }
        Err(last.unwrap_or_else(|| RegistryError::new(RegistryErrorKind::Request, &call.about, "no URL is configured")))
    }

    fn ask(&self, base: &Base, call: &Call) -> Result<Vec<u8>, RegistryError> {
        let failed = |error| failure(error, &base.url, &call.about);
        let url = format!("{}{}", base.url, call.path);
        let response = match &call.body {
            Some(body) => {
                let mut request = self.agent.post(url).header("content-type", CONTENT_TYPE);
                if let Some(authorization) = &base.authorization {
                    request = request.header("authorization", authorization);
                }
                request.send(body.as_slice())
            }
            None => {
                let mut request = self.agent.get(url);
                if let Some(authorization) = &base.authorization {
                    request = request.header("authorization", authorization);
                }
                request.call()
            }
        };
        let mut response = response.map_err(failed)?;
        let body = response.body_mut().with_config().limit(GREATEST_ANSWER).read_to_vec().map_err(failed)?;
        match response.status().as_u16() {
            200..=299 => Ok(body),
            status => Err(RegistryError::answered(&call.about, status, &body)),
        }
    }

    /// Exponential backoff. A random reduction of up to half spreads the retries of clients that failed at the same time.
    fn wait(&self, round: u32) -> Duration {
        let longest = self.retry_wait.saturating_mul(2_u32.saturating_pow(round)).min(self.retry_max_wait);
        longest.mul_f64(1.0 - fastrand::f64() / 2.0)
    }
}

impl Base {
    /// Moves the user name and the password of the URL, if it has them, into the header.
    fn new(url: &Secret, authorization: Option<&Secret>) -> Result<Self, RegistryError> {
        let url = url.expose();
        let split = url.split_once("://").and_then(|(scheme, rest)| {
            let authority = rest.split('/').next().unwrap_or(rest);
            let (user_info, _) = authority.rsplit_once('@')?;
            let user_info = percent_decode_str(user_info).decode_utf8_lossy().into_owned().into();
            Some((format!("{scheme}://{}", &rest[authority.rfind('@')? + 1..]), basic(&user_info)))
        });
        Ok(match split {
            Some((url, own)) => Self { url, authorization: Some(header(&own)?) },
            None => Self { url: url.to_owned(), authorization: authorization.map(header).transpose()? },
        })
    }
}

/// The value of a header, marked as sensitive so that it is not printed.
fn header(text: &Secret) -> Result<HeaderValue, RegistryError> {
    let mut value = HeaderValue::from_str(text.expose())
        .map_err(|_| unreadable("bearer.auth.token contains a character that is not allowed in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn certificates(pem: &str, store: &str) -> Result<Vec<Certificate<'static>>, RegistryError> {
    let mut found = Vec::new();
    for item in parse_pem(pem.as_bytes()) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|_| unreadable(&format!("schema.registry.ssl.{store} is not valid PEM")))?
        {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        Err(unreadable(&format!("schema.registry.ssl.{store} contains no certificate in PEM")))
    } else {
        Ok(found)
    }
}

fn unreadable(message: &str) -> RegistryError {
    RegistryError::new(RegistryErrorKind::Request, &About::Registry, message)
}

/// The error of a request without a response. `url` is without credentials.
fn failure(error: ureq::Error, url: &str, about: &About) -> RegistryError {
    let kind = match &error {
        ureq::Error::Timeout(_) => RegistryErrorKind::Timeout,
        ureq::Error::Tls(_) | ureq::Error::Pem(_) | ureq::Error::Rustls(_) => RegistryErrorKind::Tls,
        // rustls reports certificate errors through the stream.
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => RegistryErrorKind::Tls,
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => RegistryErrorKind::Timeout,
        ureq::Error::Io(_) | ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => RegistryErrorKind::Network,
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => RegistryErrorKind::Request,
        _ => RegistryErrorKind::UnexpectedAnswer,
    };
    RegistryError::new(kind, about, format!("{url}: {error}")).with_source(error)
}
