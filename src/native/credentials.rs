//! Changes of a running client's credentials.

use std::{
    ffi::{CString, c_char},
    ptr,
};

use rdkafka_sys as sys;

use super::{client::Client, code, ffi, returned_error::ReturnedError, text_buffer::TextBuffer};

/// A token for librdkafka. It is a secret, so it has no `Debug`.
pub(crate) struct BearerToken {
    pub(crate) value: CString,
    /// Milliseconds since the epoch.
    pub(crate) expires: i64,
    pub(crate) principal: CString,
    /// Names and values in turn.
    pub(crate) extensions: Vec<CString>,
}

impl Client {
    /// Sets user name and password for the next logins. Existing connections are kept.
    pub(crate) fn set_credentials(&self, username: &CString, password: &CString) -> Result<(), String> {
        // SAFETY: `self` keeps the client alive; librdkafka copies both texts; the error that the call returns is ours.
        let result = unsafe {
            ReturnedError::check(sys::rd_kafka_sasl_set_credentials(self.handle(), username.as_ptr(), password.as_ptr()))
        };
        result.map_err(|error| error.text())
    }

    /// Sets the token for the next logins. librdkafka requests another one after 80 % of its lifetime.
    ///
    /// librdkafka's errors quote invalid tokens, so check the token's characters (RFC 7628) first.
    pub(crate) fn set_token(&self, token: &BearerToken) -> Result<(), String> {
        let mut extensions: Vec<*const c_char> = token.extensions.iter().map(|text| text.as_ptr()).collect();
        let pointers = if extensions.is_empty() { ptr::null_mut() } else { extensions.as_mut_ptr() };
        let mut reason = TextBuffer::new();
        // SAFETY: `self` keeps the client alive; librdkafka copies the texts; `extensions` has as many pointers, and `reason` as many bytes, as
        // are said here.
        let code = unsafe {
            ffi::rd_kafka_oauthbearer_set_token(
                self.handle(),
                token.value.as_ptr(),
                token.expires,
                token.principal.as_ptr(),
                pointers,
                extensions.len(),
                reason.as_mut_ptr(),
                TextBuffer::SIZE,
            )
        };
        if code == code::NO_ERROR { Ok(()) } else { Err(reason.text()) }
    }
}
