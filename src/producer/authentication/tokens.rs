//! [`Tokens`]: the thread that asks a token provider.
//!
//! librdkafka says when it wants a token: at its start, and when four fifths of the last one's time are over. The delivery thread hears
//! it and only passes it on, since a provider takes its time. When a provider fails it is asked again sooner than librdkafka would
//! ask. Nobody waits for the thread: it has no handle of the client but in a place where the end takes it away.

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
    producer::shared::Shared,
};

/// The first and the longest wait after a failure; it doubles in between.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

pub(in crate::producer) struct Tokens {
    /// Whose tokens they are, until it ends.
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

    /// Starts the thread. It ends with [`end`](Self::end).
    pub(in crate::producer) fn start(
        self: &Arc<Self>,
        provider: Box<dyn TokenProvider>,
        shared: Weak<Shared>,
    ) -> Result<(), Error> {
        let (tokens, provider) = (Arc::clone(self), Contained::new(provider));
        thread::Builder::new()
            .name("ottla-token".to_owned())
            .spawn(move || tokens.run(&**provider, &shared))
            .map(drop)
            .map_err(|error| Error::new(ErrorKind::Client, "no thread to ask the token provider").with_source(error))
    }

    /// Has the provider asked.
    pub(in crate::producer) fn refresh(&self) {
        lock(&self.state).wanted = true;
        self.changed.notify_all();
    }

    /// Ends the thread, as soon as a provider that is being asked lets it; lets go of the client.
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

    fn run(&self, provider: &dyn TokenProvider, shared: &Weak<Shared>) {
        let mut backoff = None;
        while self.wait(backoff) {
            let asked = match contain(|| self.ask(provider)) {
                Ok(None) => return,
                Ok(Some(asked)) => asked,
                Err(panic) => Err(format!("it panicked: {panic}")),
            };
            let Some(shared) = shared.upgrade() else { return };
            match asked.and_then(|token| self.set(&shared, &token)) {
                Ok(()) => backoff = None,
                Err(why) => {
                    let next = backoff.map_or(BACKOFF.0, |last: Duration| (last * 2).min(BACKOFF.1));
                    backoff = Some(next);
                    shared.tell_no_token(&why, next);
                }
            }
        }
    }

    /// Waits until a token is wanted, or to be asked for again; false at the end.
    fn wait(&self, backoff: Option<Duration>) -> bool {
        let again = backoff.map(Deadline::after);
        let mut state = lock(&self.state);
        loop {
            let left = again.map(|again| again.left(Instant::now()));
            if state.ended {
                return false;
            }
            // While a failure is being slept over, librdkafka's wish changes nothing.
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

    /// Asks the provider; `None` at the end.
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

    fn set(&self, shared: &Shared, token: &Token) -> Result<(), String> {
        shared.broker_errors.keep_secret(token.value());
        let token = native(token)?;
        let client = lock(&self.client);
        let Some(client) = &*client else { return Ok(()) };
        client.set_token(&token)?;
        // What is not let in is tried again with this one.
        shared.auth_state.start_over();
        Ok(())
    }
}

impl Shared {
    fn tell_no_token(&self, why: &str, next: Duration) {
        let text = self.broker_errors.redact(&format!("the token provider gave no token: {why}"));
        emit!(warn, "{text}; it is asked again in {} s", next.as_secs());
        self.broker_errors.note(code::AUTHENTICATION, text, None);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The token as librdkafka takes it.
fn native(token: &Token) -> Result<BearerToken, String> {
    token.check()?;
    let text = |text: &str| CString::new(text).map_err(|_| "the token has a NUL".to_owned());
    let expires = token.expires().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let extensions = token.extensions().iter().flat_map(|(name, value)| [text(name), text(value)]);
    Ok(BearerToken {
        value: text(token.value())?,
        // librdkafka counts microseconds in 64 bits.
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

    /// Tells when it is dropped.
    struct Told(mpsc::Sender<&'static str>);

    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }

    #[test]
    fn a_provider_that_never_answers_ends_with_the_producer() {
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
        // With the provider goes the last sender: the thread has ended.
        assert_eq!(receiver.recv_timeout(patience), Err(mpsc::RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_provider_that_fails_is_asked_again() {
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
        let error = producer.0.core.shared.broker_errors.last().unwrap();
        assert_eq!(error.text, "the token provider gave no token: no");
    }

    #[test]
    fn a_token_becomes_librdkafka_s() {
        let token = Token::new("eyJh.e30.", SystemTime::now() + Duration::from_secs(60)).principal("alice").extension("org", "x");
        let native = native(&token).unwrap_or_else(|error| panic!("{error}"));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
        let left = u128::try_from(native.expires).unwrap() - now;
        assert!((50_000..=60_000).contains(&left), "{left}");
        assert_eq!((native.value.as_c_str(), native.principal.as_c_str()), (c"eyJh.e30.", c"alice"));
        assert_eq!(native.extensions, [c"org".to_owned(), c"x".to_owned()]);
    }
}
