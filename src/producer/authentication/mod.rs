//! Authentication: whether the brokers accept this client's credentials, and credentials and tokens that change while it runs.

pub(super) mod auth_state;
pub(super) mod broker_errors;
mod credentials;
pub(super) mod tokens;
