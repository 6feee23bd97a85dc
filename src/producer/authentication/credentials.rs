//! [`Producer::set_credentials`]: another name and password while the producer runs.

use std::ffi::CString;

use crate::{Error, ErrorKind, producer::Producer};

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Changes the user name and the password under `sasl.mechanism` PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, for all handles of the
    /// producer.
    ///
    /// They count from the next login on: a connection that is there stays until it ends, or until the broker wants to know again
    /// (`connections.max.reauth.ms`). Records that wait since the brokers let this producer in no more are delivered then.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) with another mechanism or without one, and for a text with a NUL; [`Closed`](ErrorKind::Closed) in a
    /// fork of the process that the producer is of.
    pub fn set_credentials(&self, username: impl Into<String>, password: impl Into<String>) -> Result<(), Error> {
        let core = &self.0.core;
        core.check_process()?;
        let refused = |message: String| Err(Error::new(ErrorKind::Config, format!("set_credentials: {message}")));
        match core.mechanism.as_deref() {
            Some("PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512") => {}
            Some(other) => return refused(format!("sasl.mechanism is {other}, which has no user name and password")),
            None => return refused("security.protocol is one without a login".to_owned()),
        }
        let password: String = password.into();
        let (Ok(name), Ok(secret)) = (CString::new(username.into()), CString::new(password.as_str())) else {
            return refused("a user name or password has no NUL in it".to_owned());
        };
        core.shared.broker_errors.keep_secret(&password);
        core.client
            .set_credentials(&name, &secret)
            .map_err(|reason| Error::new(ErrorKind::Client, format!("set_credentials: {reason}")))?;
        // What was refused says nothing of these.
        core.shared.auth_state.start_over();
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
    fn only_a_login_with_a_name_and_a_password_has_others() {
        let login = ProducerConfig::new().security_protocol(SecurityProtocol::SaslPlaintext);
        for mechanism in [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512] {
            let producer = producer(login.clone().sasl_login(mechanism, "alice", "one"));
            assert!(producer.set_credentials("alice", "two").is_ok(), "{mechanism}");
            let error = producer.set_credentials("alice", "hunter2\0").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let error = producer(ProducerConfig::new()).set_credentials("alice", "hunter2").unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains("without a login")), (ErrorKind::Config, true));
        let unsecured = "x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"alice\";";
        let tokens = login.sasl_mechanism(SaslMechanism::OAuthBearer).set("sasl.jaas.config", unsecured).unwrap();
        let error = producer(tokens).set_credentials("alice", "hunter2").unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains("OAUTHBEARER")), (ErrorKind::Config, true));
    }

    #[test]
    fn what_texts_must_not_show_follows_the_password() {
        let login = ProducerConfig::new().security_protocol(SecurityProtocol::SaslPlaintext);
        let producer = producer(login.sasl_login(SaslMechanism::Plain, "alice", "hunter1"));
        producer.set_credentials("alice", "hunter2").unwrap();
        let shown = producer.0.core.shared.broker_errors.redact("hunter1, hunter2");
        assert_eq!(shown, "[hidden], [hidden]");
    }
}
