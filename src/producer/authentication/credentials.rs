//! [`Producer::set_credentials`]: changes the user name and the password at run time.

use std::ffi::CString;

use crate::{Error, ErrorKind, producer::Producer};

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Changes the user name and the password of the producer and all its handles. `sasl.mechanism` must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    ///
    /// They are used from the next login on. An existing connection stays until it is closed or the broker requires re-authentication
    /// (`connections.max.reauth.ms`). Records that wait because the brokers rejected the old credentials are then delivered.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) with another mechanism or none, or if an argument contains NUL; [`Closed`](ErrorKind::Closed) in a
    /// forked child process.
    pub fn set_credentials(&self, username: impl Into<String>, password: impl Into<String>) -> Result<(), Error> {
        let untyped = &self.0.untyped;
        untyped.check_process()?;
        let refused = |message: String| Err(Error::new(ErrorKind::Config, format!("set_credentials: {message}")));
        match untyped.mechanism.as_deref() {
            Some("PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512") => {}
            Some(other) => return refused(format!("sasl.mechanism must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, not {other}")),
            None => return refused("security.protocol must be SASL_PLAINTEXT or SASL_SSL".to_owned()),
        }
        let password: String = password.into();
        let (Ok(name), Ok(secret)) = (CString::new(username.into()), CString::new(password.as_str())) else {
            return refused("user name and password must not contain NUL".to_owned());
        };
        untyped.state.authentication.broker_errors.keep_secret(&password);
        untyped
            .client
            .set_credentials(&name, &secret)
            .map_err(|reason| Error::new(ErrorKind::Client, format!("set_credentials: {reason}")))?;
        // Earlier rejections do not apply to the new credentials.
        untyped.state.authentication.state.start_over();
        Ok(())
    }
}

#[cfg(test)]
#[cfg(feature = "tls")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        ProducerConfig,
        config::{SaslMechanism, SecurityProtocol},
    };

    fn producer(config: ProducerConfig) -> Producer<str, str> {
        let config = config.bootstrap_servers(["localhost:1"]);
        Producer::builder(config).drop_timeout(Duration::ZERO).build().unwrap()
    }

    #[test]
    fn only_mechanisms_with_a_password_accept_new_credentials() {
        let login = ProducerConfig::new().security_protocol(SecurityProtocol::SaslPlaintext);
        for mechanism in [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512] {
            let producer = producer(login.clone().sasl_login(mechanism, "alice", "one"));
            assert!(producer.set_credentials("alice", "two").is_ok(), "{mechanism}");
            let error = producer.set_credentials("alice", "hunter2\0").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let error = producer(ProducerConfig::new()).set_credentials("alice", "hunter2").unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains("security.protocol")), (ErrorKind::Config, true));
        let unsecured = "x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"alice\";";
        let tokens = login.sasl_mechanism(SaslMechanism::OAuthBearer).set("sasl.jaas.config", unsecured).unwrap();
        let error = producer(tokens).set_credentials("alice", "hunter2").unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains("OAUTHBEARER")), (ErrorKind::Config, true));
    }

    #[test]
    fn the_new_password_is_redacted_too() {
        let login = ProducerConfig::new().security_protocol(SecurityProtocol::SaslPlaintext);
        let producer = producer(login.sasl_login(SaslMechanism::Plain, "alice", "hunter1"));
        producer.set_credentials("alice", "hunter2").unwrap();
        let shown = producer.0.untyped.state.authentication.broker_errors.redact("hunter1, hunter2");
        assert_eq!(shown, "[hidden], [hidden]");
    }
}
