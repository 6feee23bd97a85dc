//! [`Seen`]: the texts that came out, each with the channel that it came through.

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

    /// An error in all its forms: text, `Debug`, its sources, and the panic of who did not expect it.
    pub fn error<E: Error>(&mut self, error: &E) {
        let mut source: Option<&dyn Error> = Some(error);
        while let Some(error) = source {
            self.text("error", error.to_string());
            self.debug(&error);
            source = error.source();
        }
        #[expect(clippy::unnecessary_literal_unwrap, reason = "its message is what is wanted")]
        let panic = catch_unwind(AssertUnwindSafe(|| Err::<(), _>(error).unwrap())).unwrap_err();
        self.text("panic", panic.downcast_ref::<String>().unwrap().clone());
    }

    /// What went well is shown, what did not too.
    pub fn result<T, E: Error>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.error(&error)).ok()
    }

    /// Checks that something came through each of these channels, and that no secret is in any of it.
    #[track_caller]
    pub fn search(&self, channels: &[&str]) {
        for channel in channels {
            assert!(self.0.iter().any(|(other, text)| other == channel && !text.is_empty()), "nothing came as {channel}");
        }
        // As a header has it, whichever way the three bytes fall.
        let encoded = BASE64_STANDARD.encode(LOGIN);
        let shows = |text: &str| text.contains(STEM) || text.contains(&encoded);
        // One example of each channel, in the line in which it stands.
        let shown: BTreeMap<&str, &str> = self
            .0
            .iter()
            .filter_map(|(channel, text)| Some((channel.as_str(), text.lines().find(|line| shows(line))?)))
            .collect();
        assert!(shown.is_empty(), "secrets are seen: {shown:#?}");
    }
}
