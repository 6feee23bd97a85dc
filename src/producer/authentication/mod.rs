//! Authentication: whether the brokers accept this client's credentials, and credentials and tokens that change while it runs.

pub(super) mod auth_state;
pub(super) mod broker_errors;
mod credentials;
pub(super) mod tokens;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use auth_state::AuthState;
use broker_errors::BrokerErrors;
use tokens::Tokens;

use crate::{
    native::{AuthFailure, Client},
    secret::Secrets,
};

/// The state of authentication, shared by the handles and the delivery thread.
pub(super) struct Authentication {
    pub(super) state: AuthState,
    pub(super) broker_errors: BrokerErrors,
    /// The authentication error for which queued records were purged.
    pub(super) refusal: Mutex<Option<Arc<AuthFailure>>>,
    /// With a token provider.
    pub(super) tokens: Option<Arc<Tokens>>,
}

impl Authentication {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self {
            state: AuthState::new(Duration::ZERO),
            broker_errors: BrokerErrors::new(secrets),
            refusal: Mutex::default(),
            tokens: None,
        }
    }

    /// The authentication error, if authentication never succeeded and has failed for the timeout since `asked`.
    pub(super) fn denied(&self, client: &Client, asked: Instant) -> Option<Arc<AuthFailure>> {
        self.state.denied(asked, Instant::now()).filter(|_| !client.connections().has_been_up())
    }
}
