//! [`TokenProvider`]: a source of OAUTHBEARER tokens in the program.

use std::{error::Error as StdError, fmt, future::Future, pin::Pin, time::SystemTime};

/// An access token for `sasl.mechanism=OAUTHBEARER`. Its `Debug` does not show its value.
#[derive(Clone)]
pub struct Token {
    value: String,
    expires: SystemTime,
    principal: String,
    extensions: Vec<(String, String)>,
}

impl Token {
    /// A token (usually a JWT in compact form) and its expiry time.
    ///
    /// The producer requests the next token after 80 % of the time until then, as Java does by default
    /// (`sasl.login.refresh.window.factor`). librdkafka checks once a second.
    pub fn new(value: impl Into<String>, expires: SystemTime) -> Self {
        Self { value: value.into(), expires, principal: String::new(), extensions: Vec::new() }
    }

    /// Sets the principal that librdkafka shows in its log. The broker reads the principal from the token. Defaults to an empty string.
    #[must_use]
    pub fn principal(mut self, principal: impl Into<String>) -> Self {
        self.principal = principal.into();
        self
    }

    /// Adds a SASL extension, which is sent with the token (KIP-342). Its name has letters only, its value printable ASCII.
    #[must_use]
    pub fn extension(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extensions.push((name.into(), value.into()));
        self
    }

    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    pub(crate) fn expires(&self) -> SystemTime {
        self.expires
    }

    pub(crate) fn name(&self) -> &str {
        &self.principal
    }

    pub(crate) fn extensions(&self) -> &[(String, String)] {
        &self.extensions
    }

    /// Checks the token by RFC 7628, section 3.1. The error does not contain the value, which librdkafka's own would quote.
    pub(crate) fn check(&self) -> Result<(), String> {
        let is_allowed = |text: &str| text.bytes().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'));
        if self.value.is_empty() {
            return Err("the token is empty".to_owned());
        }
        if !is_allowed(&self.value) {
            return Err("the token contains characters that are not allowed (RFC 7628, section 3.1)".to_owned());
        }
        if self.expires <= SystemTime::now() {
            return Err("the token has expired".to_owned());
        }
        if self.principal.contains('\0') {
            return Err("the token's principal contains a NUL".to_owned());
        }
        for (name, value) in &self.extensions {
            if name.is_empty() || name == "auth" || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                return Err(format!("the SASL extension name {name:?} must consist of letters and must not be \"auth\""));
            }
            if !is_allowed(value) {
                return Err(format!(
                    "the value of the SASL extension {name} contains characters that are not allowed (RFC 7628, section 3.1)"
                ));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("expires", &self.expires)
            .field("principal", &self.principal)
            .field("extensions", &self.extensions.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The error of a provider that has no token.
pub type TokenError = Box<dyn StdError + Send + Sync>;

/// The future that a [`TokenProvider`] returns.
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<Token, TokenError>> + Send + 'a>>;

/// Supplies access tokens for `sasl.mechanism=OAUTHBEARER`. In Java this is an `AuthenticateCallbackHandler` in
/// `sasl.login.callback.handler.class` (KIP-255).
///
/// Pass one to [`ProducerBuilder::token_provider`](crate::ProducerBuilder::token_provider). A closure that returns a future is a provider.
///
/// The producer requests a token when it starts and again before the token expires. If that fails, the error is logged, and it is the source
/// of the errors of records that time out because of it. The producer retries after 1 s, then after 2 s, and so on up to 10 s. Until then
/// it keeps using a token that has not expired. A panic counts as an error.
///
/// The future is polled on the producer's thread `ottla-token`, which does nothing else. It is dropped when the producer ends. This thread
/// has no async runtime: wrap a provider that needs tokio in `on_tokio` (feature `tokio`); for another runtime, spawn a task there and
/// await its handle.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use ottla::{
///     Producer, ProducerConfig, Token,
///     config::{SaslMechanism, SecurityProtocol},
/// };
///
/// # async fn ask_the_identity_provider() -> Result<String, std::io::Error> { Ok("eyJhbGciOiJub25lIn0.e30.".to_owned()) }
/// let config = ProducerConfig::new()
///     .bootstrap_servers(["localhost:9093"])
///     .security_protocol(SecurityProtocol::SaslSsl)
///     .sasl_mechanism(SaslMechanism::OAuthBearer);
/// let producer: Producer<str, str> = Producer::builder(config)
///     .token_provider(|| async {
///         let token = ask_the_identity_provider().await?;
///         Ok::<_, std::io::Error>(Token::new(token, SystemTime::now() + Duration::from_secs(300)))
///     })
///     .drop_timeout(Duration::ZERO)
///     .build()?;
/// # Ok::<(), ottla::Error>(())
/// ```
pub trait TokenProvider: Send + Sync + 'static {
    /// Returns a token.
    ///
    /// # Errors
    /// Any reason why there is no token. The error and its sources are logged, so they must not contain a secret.
    fn token(&self) -> TokenFuture<'_>;
}

impl<F, R, E> TokenProvider for F
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<Token, E>> + Send + 'static,
    E: Into<TokenError>,
{
    fn token(&self) -> TokenFuture<'_> {
        let token = self();
        Box::pin(async { token.await.map_err(Into::into) })
    }
}

/// A provider whose futures run in a tokio runtime: made by [`on_tokio`].
#[cfg(feature = "tokio")]
#[derive(Debug)]
pub struct OnTokio<P> {
    provider: P,
    runtime: tokio::runtime::Handle,
}

/// Gives a provider's futures the context of a tokio runtime, so that they may use its timers and sockets, as most HTTP clients do. The
/// futures are polled on the producer's own thread; the runtime must be running elsewhere meanwhile.
///
/// ```no_run
/// # use std::time::{Duration, SystemTime};
/// # use ottla::{Producer, ProducerConfig, Token};
/// # async fn ask_the_identity_provider() -> Result<String, std::io::Error> { Ok(String::new()) }
/// # #[tokio::main]
/// # async fn main() -> ottla::Result<()> {
/// # let config = ProducerConfig::new();
/// let provider = || async {
///     tokio::time::sleep(Duration::from_millis(10)).await;
///     let token = ask_the_identity_provider().await?;
///     Ok::<_, std::io::Error>(Token::new(token, SystemTime::now() + Duration::from_secs(300)))
/// };
/// let runtime = tokio::runtime::Handle::current();
/// let producer: Producer<str, str> = Producer::builder(config).token_provider(ottla::on_tokio(runtime, provider)).build()?;
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "tokio")]
pub fn on_tokio<P: TokenProvider>(runtime: tokio::runtime::Handle, provider: P) -> OnTokio<P> {
    OnTokio { provider, runtime }
}

#[cfg(feature = "tokio")]
impl<P: TokenProvider> TokenProvider for OnTokio<P> {
    fn token(&self) -> TokenFuture<'_> {
        let mut token = {
            let _entered = self.runtime.enter();
            self.provider.token()
        };
        Box::pin(std::future::poll_fn(move |context| {
            let _entered = self.runtime.enter();
            token.as_mut().poll(context)
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[cfg(feature = "tokio")]
    #[test]
    fn a_provider_on_tokio_may_use_its_timers_on_another_thread() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let provider = on_tokio(runtime.handle().clone(), || async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok::<_, std::io::Error>(token("a.b."))
        });
        let token = std::thread::spawn(move || futures::executor::block_on(provider.token()).unwrap()).join().unwrap();
        assert_eq!(token.value(), "a.b.");
    }

    fn token(value: &str) -> Token {
        Token::new(value, SystemTime::now() + Duration::from_secs(60))
    }

    #[test]
    fn check_error_does_not_contain_the_token() {
        assert_eq!(token("eyJh.e30.").principal("alice").extension("org", "x y").check(), Ok(()));
        for (token, expected) in [
            (token(""), "empty"),
            (token("hunter2\u{e9}"), "characters"),
            (token("hunter2\0"), "characters"),
            (Token::new("hunter2", SystemTime::now()), "expired"),
            (token("hunter2").principal("a\0"), "NUL"),
            (token("hunter2").extension("auth", "x"), "the SASL extension name \"auth\""),
            (token("hunter2").extension("o.r.g", "x"), "must consist of letters"),
            (token("hunter2").extension("org", "hunter2\u{1}"), "the SASL extension org"),
        ] {
            let error = token.check().unwrap_err();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
            assert!(!format!("{token:?}").contains("hunter2"), "{token:?}");
        }
    }
}
