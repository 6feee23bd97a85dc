//! [`Seen`]: the recorded output, with the channel of each text.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt::{Debug, Display},
    panic::{AssertUnwindSafe, catch_unwind},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::secrets::{LOGIN, STEM};

#[derive(Default)]
pub struct Seen(Vec<(String, String)>);

impl Seen {
    pub fn text(&mut self, channel: impl Display, text: impl Into<String>) {
        self.0.push((channel.to_string(), text.into()));
    }

    pub fn debug(&mut self, what: &dyn Debug) {
        self.text("Debug", format!("{what:?}\n{what:#?}"));
    }

    /// Records an error in all its forms: text, `Debug`, sources, and the panic message of `unwrap`.
    pub fn error<E: Error>(&mut self, error: &E) {
        let mut source: Option<&dyn Error> = Some(error);
        while let Some(error) = source {
            self.text("error", error.to_string());
            self.debug(&error);
            source = error.source();
        }
        #[expect(clippy::unnecessary_literal_unwrap, reason = "the panic message is needed")]
        let panic = catch_unwind(AssertUnwindSafe(|| Err::<(), _>(error).unwrap())).unwrap_err();
        self.text("panic", panic.downcast_ref::<String>().unwrap().clone());
    }

    /// Records the error, or returns the value.
    pub fn result<T, E: Error>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.error(&error)).ok()
    }

    /// Checks that each of these channels has output, and that no text has a secret.
    #[track_caller]
    pub fn search(&self, channels: &[&str]) {
        for channel in channels {
            assert!(self.0.iter().any(|(other, text)| other == channel && !text.is_empty()), "no output in {channel}");
        }
        // The credentials as in an HTTP header.
        let encoded = BASE64_STANDARD.encode(LOGIN);
        let shows = |text: &str| text.contains(STEM) || text.contains(&encoded);
        // The first line with a secret, per channel.
        let shown: BTreeMap<&str, &str> = self
            .0
            .iter()
            .filter_map(|(channel, text)| Some((channel.as_str(), text.lines().find(|line| shows(line))?)))
            .collect();
        assert!(shown.is_empty(), "secrets are shown: {shown:#?}");
    }
}
