//! [`TokenProvider`]: where a client's tokens come from, if the program gets them itself.

use std::{error::Error as StdError, fmt, future::Future, pin::Pin, time::SystemTime};

/// A token to log in with under `sasl.mechanism=OAUTHBEARER`. Its `Debug` does not show its value.
#[derive(Clone)]
pub struct Token {
    value: String,
    expires: SystemTime,
    principal: String,
    extensions: Vec<(String, String)>,
}

impl Token {
    /// A token, most often a JWT in its compact form, and when it expires. The producer asks for the next one when four fifths of the time
    /// until then are over, as Java does by default (`sasl.login.refresh.window.factor`); librdkafka looks once a second.
    pub fn new(value: impl Into<String>, expires: SystemTime) -> Self {
        Self { value: value.into(), expires, principal: String::new(), extensions: Vec::new() }
    }

    /// Sets whose token it is, for librdkafka's log; the broker reads it in the token. Defaults to nobody.
    #[must_use]
    pub fn principal(mut self, principal: impl Into<String>) -> Self {
        self.principal = principal.into();
        self
    }

    /// Adds a SASL extension, which is sent with the token (KIP-342). Its name has letters only, its value what ASCII prints.
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

    /// What is wrong with it, without anything of its value. RFC 7628 has the characters (section 3.1); librdkafka would quote them.
    pub(crate) fn check(&self) -> Result<(), String> {
        let may_stand = |text: &str| text.bytes().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'));
        if self.value.is_empty() {
            return Err("the token is empty".to_owned());
        }
        if !may_stand(&self.value) {
            return Err("the token has characters that a token cannot have (RFC 7628, section 3.1)".to_owned());
        }
        if self.expires <= SystemTime::now() {
            return Err("the token has expired".to_owned());
        }
        if self.principal.contains('\0') {
            return Err("the token's principal has a NUL".to_owned());
        }
        for (name, value) in &self.extensions {
            if name.is_empty() || name == "auth" || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                return Err(format!("{name:?} cannot be the name of a SASL extension: it has letters only, and is not \"auth\""));
            }
            if !may_stand(value) {
                return Err(format!(
                    "the SASL extension {name} has characters that its value cannot have (RFC 7628, section 3.1)"
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

/// Why there is no token, as a provider's own error.
pub type TokenError = Box<dyn StdError + Send + Sync>;

/// The future of a token.
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<Token, TokenError>> + Send + 'a>>;

/// Gives a producer the tokens that it logs in with, under `sasl.mechanism=OAUTHBEARER` (Java: `AuthenticateCallbackHandler` in
/// `sasl.login.callback.handler.class`, KIP-255). [`ProducerBuilder::token_provider`](crate::ProducerBuilder::token_provider) takes one; a closure
/// that returns a future is one, too.
///
/// The producer asks when it starts, and again before a token expires. An error is logged, and is the source of the errors of records that
/// wait too long for it; the producer asks again after a second, then after two, and so on up to ten. A token that has not expired stays
/// in use meanwhile. A panic is an error like the others.
///
/// The future is polled on a thread of the producer's own, `ottla-token`, which nothing else waits for, and it is dropped when the producer
/// ends. There is no runtime on that thread: what needs one is spawned there and its handle awaited.
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
    /// Gets a token.
    ///
    /// # Errors
    /// Whatever keeps the provider from one. It is shown, with its sources: it must not hold a secret.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn token(value: &str) -> Token {
        Token::new(value, SystemTime::now() + Duration::from_secs(60))
    }

    #[test]
    fn what_is_wrong_with_a_token_is_told_without_its_value() {
        assert_eq!(token("eyJh.e30.").principal("alice").extension("org", "x y").check(), Ok(()));
        for (token, wanted) in [
            (token(""), "empty"),
            (token("hunter2\u{e9}"), "characters"),
            (token("hunter2\0"), "characters"),
            (Token::new("hunter2", SystemTime::now()), "expired"),
            (token("hunter2").principal("a\0"), "NUL"),
            (token("hunter2").extension("auth", "x"), "SASL extension"),
            (token("hunter2").extension("o.r.g", "x"), "SASL extension"),
            (token("hunter2").extension("org", "hunter2\u{1}"), "the SASL extension org"),
        ] {
            let error = token.check().unwrap_err();
            assert!(error.contains(wanted) && !error.contains("hunter2"), "{error}");
            assert!(!format!("{token:?}").contains("hunter2"), "{token:?}");
        }
    }
}
