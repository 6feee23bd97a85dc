//! [`Tokens`]: the thread that calls a token provider.
//!
//! librdkafka requests a token at the start and after four fifths of a token's lifetime. The delivery thread passes the request on, since a
//! provider may take long. A failed provider is called again sooner than librdkafka would request it. The thread is never joined: its handle of the
//! client is stored where [`Tokens::end`] can take it.

use std::{
    error::Error as StdError,
    ffi::CString,
    sync::{Arc, Condvar, Mutex, Weak},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant, SystemTime},
};

use crate::{
    Error, ErrorKind, Token, TokenProvider,
    deadline::Deadline,
    lock::{lock, unpoisoned},
    native::{BearerToken, Client, Contained, code},
    panic::{contain, emit},
    producer::producer_state::ProducerState,
};

/// The first and the longest backoff after a failure. It doubles in between.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

pub(in crate::producer) struct Tokens {
    /// The client that gets the tokens; `None` after the end.
    client: Mutex<Option<Arc<Client>>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    wanted: bool,
    ended: bool,
    /// The thread, while it polls a provider's future.
    polling: Option<Thread>,
}

impl Tokens {
    pub(in crate::producer) fn new(client: Arc<Client>) -> Self {
        Self { client: Mutex::new(Some(client)), state: Mutex::default(), changed: Condvar::new() }
    }

    /// Starts the thread, which [`end`](Self::end) ends.
    pub(in crate::producer) fn start(
        self: &Arc<Self>,
        provider: Box<dyn TokenProvider>,
        producer_state: Weak<ProducerState>,
    ) -> Result<(), Error> {
        let (tokens, provider) = (Arc::clone(self), Contained::new(provider));
        thread::Builder::new()
            .name("ottla-token".to_owned())
            .spawn(move || tokens.run(&**provider, &producer_state))
            .map(drop)
            .map_err(|error| {
                Error::new(ErrorKind::Client, "could not start the thread for the token provider").with_source(error)
            })
    }

    /// Requests a token from the provider.
    pub(in crate::producer) fn refresh(&self) {
        lock(&self.state).wanted = true;
        self.changed.notify_all();
    }

    /// Ends the thread once the provider yields, and drops the client.
    pub(in crate::producer) fn end(&self) {
        let mut state = lock(&self.state);
        state.ended = true;
        if let Some(thread) = &state.polling {
            thread.unpark();
        }
        drop(state);
        self.changed.notify_all();
        let client = lock(&self.client).take();
        drop(client);
    }

    fn run(&self, provider: &dyn TokenProvider, producer_state: &Weak<ProducerState>) {
        let mut backoff = None;
        while self.wait(backoff) {
            let asked = match contain(|| self.ask(provider)) {
                Ok(None) => return,
                Ok(Some(asked)) => asked,
                Err(panic) => Err(format!("the provider panicked: {panic}")),
            };
            let Some(producer_state) = producer_state.upgrade() else { return };
            match asked.and_then(|token| self.set(&producer_state, &token)) {
                Ok(()) => backoff = None,
                Err(why) => {
                    let next = backoff.map_or(BACKOFF.0, |last: Duration| (last * 2).min(BACKOFF.1));
                    backoff = Some(next);
                    producer_state.tell_no_token(&why, next);
                }
            }
        }
    }

    /// Waits for a request or the end of the backoff. Returns false at the end.
    fn wait(&self, backoff: Option<Duration>) -> bool {
        let again = backoff.map(Deadline::after);
        let mut state = lock(&self.state);
        loop {
            let left = again.map(|again| again.left(Instant::now()));
            if state.ended {
                return false;
            }
            // A request of librdkafka does not shorten the backoff.
            if left.map_or(state.wanted, |left| left.is_zero()) {
                state.wanted = false;
                return true;
            }
            state = match left {
                Some(left) => unpoisoned(self.changed.wait_timeout(state, left)).0,
                None => unpoisoned(self.changed.wait(state)),
            };
        }
    }

    /// CallQueue the provider; `None` at the end.
    fn ask(&self, provider: &dyn TokenProvider) -> Option<Result<Token, String>> {
        lock(&self.state).polling = Some(thread::current());
        let mut future = provider.token();
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            if lock(&self.state).ended {
                return None;
            }
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(token) => return Some(token.map_err(|error| chain(&*error))),
                Poll::Pending => thread::park(),
            }
        }
    }

    fn set(&self, producer_state: &ProducerState, token: &Token) -> Result<(), String> {
        producer_state.authentication.broker_errors.keep_secret(token.value());
        let token = native(token)?;
        let client = lock(&self.client);
        let Some(client) = &*client else { return Ok(()) };
        client.set_token(&token)?;
        // The timeout for authentication starts again with this token.
        producer_state.authentication.state.start_over();
        Ok(())
    }
}

impl ProducerState {
    fn tell_no_token(&self, why: &str, next: Duration) {
        let text = self.authentication.broker_errors.redact(&format!("the token provider failed: {why}"));
        emit!(warn, "{text}; retrying in {} s", next.as_secs());
        self.authentication.broker_errors.note(code::AUTHENTICATION, text, None);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Converts a token for librdkafka.
fn native(token: &Token) -> Result<BearerToken, String> {
    token.check()?;
    let text = |text: &str| CString::new(text).map_err(|_| "the token must not contain NUL".to_owned());
    let expires = token.expires().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let extensions = token.extensions().iter().flat_map(|(name, value)| [text(name), text(value)]);
    Ok(BearerToken {
        value: text(token.value())?,
        // librdkafka converts this to microseconds in 64 bits.
        expires: i64::try_from(expires).unwrap_or(i64::MAX).min(i64::MAX / 1000),
        principal: text(token.name())?,
        extensions: extensions.collect::<Result<_, _>>()?,
    })
}

/// An error with its sources.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
#[cfg(feature = "tls")]
mod tests {
    use std::{future::pending, sync::mpsc};

    use super::*;
    use crate::{
        Producer, ProducerConfig,
        config::{SaslMechanism, SecurityProtocol},
    };

    fn config() -> ProducerConfig {
        ProducerConfig::new()
            .bootstrap_servers(["localhost:1"])
            .security_protocol(SecurityProtocol::SaslPlaintext)
            .sasl_mechanism(SaslMechanism::OAuthBearer)
    }

    /// Sends a message when it is dropped.
    struct Told(mpsc::Sender<&'static str>);

    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }

    #[test]
    fn a_provider_that_never_completes_is_dropped_with_the_producer() {
        let (sender, receiver) = mpsc::channel();
        let provider = move || {
            let _ = sender.send("asked");
            let told = Told(sender.clone());
            async move {
                let _told = told;
                pending::<Result<Token, std::io::Error>>().await
            }
        };
        let producer: Producer<str, str> =
            Producer::builder(config()).token_provider(provider).drop_timeout(Duration::ZERO).build().unwrap();
        let patience = Duration::from_secs(60);
        assert_eq!(receiver.recv_timeout(patience), Ok("asked"));
        drop(producer);
        assert_eq!(receiver.recv_timeout(patience), Ok("dropped"));
        // The provider had the last sender, so the thread has ended.
        assert_eq!(receiver.recv_timeout(patience), Err(mpsc::RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_failed_provider_is_called_again() {
        let (sender, receiver) = mpsc::channel();
        let provider = move || {
            let _ = sender.send(Instant::now());
            async { Err::<Token, _>(std::io::Error::other("no")) }
        };
        let producer: Producer<str, str> =
            Producer::builder(config()).token_provider(provider).drop_timeout(Duration::ZERO).build().unwrap();
        let asked = || receiver.recv_timeout(Duration::from_secs(60)).unwrap();
        let (first, second) = (asked(), asked());
        assert!(second.duration_since(first) >= BACKOFF.0);
        let error = producer.0.untyped.state.authentication.broker_errors.last().unwrap();
        assert_eq!(error.text, "the token provider failed: no");
    }

    #[test]
    fn a_token_is_converted_for_librdkafka() {
        let token = Token::new("eyJh.e30.", SystemTime::now() + Duration::from_secs(60)).principal("alice").extension("org", "x");
        let native = native(&token).unwrap_or_else(|error| panic!("{error}"));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
        let left = u128::try_from(native.expires).unwrap() - now;
        assert!((50_000..=60_000).contains(&left), "{left}");
        assert_eq!((native.value.as_c_str(), native.principal.as_c_str()), (c"eyJh.e30.", c"alice"));
        assert_eq!(native.extensions, [c"org".to_owned(), c"x".to_owned()]);
    }
}
