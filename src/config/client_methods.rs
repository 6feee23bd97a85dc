//! `client_methods!`: the methods that the configurations of all kinds of clients share.

/// Implements sources, values, checks and the common typed setters for a `struct $Config(ClientConfig)`.
macro_rules! client_methods {
    ($Config:ident, $kind:expr, $table:literal) => {
        impl $Config {
            /// Creates a configuration without any settings.
            pub fn new() -> Self {
                Self(ClientConfig::new($kind))
            }

            /// Reads names and values from a map or a list. Placeholders in values are not replaced.
            ///
            /// # Errors
            /// The errors of all pairs.
            pub fn from_pairs<K: AsRef<str>, V: AsRef<str>>(
                pairs: impl IntoIterator<Item = (K, V)>,
            ) -> Result<Self, ConfigError> {
                let mut config = Self::new();
                let mut problems = Vec::new();
                for (name, value) in pairs {
                    problems.extend(config.0.put(name.as_ref(), value.as_ref(), None, Origin::Code).err());
                }
                if problems.is_empty() { Ok(config) } else { Err(problems.into_iter().collect()) }
            }

            /// Sets one setting; replaces its previous value.
            ///
            /// # Errors
            /// The setting is unknown or not supported, or the value has the wrong type or is out of range.
            pub fn set(self, name: &str, value: impl AsRef<str>) -> Result<Self, ConfigError> {
                self.set_with_origin(name, value, Origin::Code)
            }

            /// [`set`](Self::set) with an origin, for programs that have their own sources of settings.
            ///
            /// # Errors
            /// As for [`set`](Self::set).
            pub fn set_with_origin(mut self, name: &str, value: impl AsRef<str>, origin: Origin) -> Result<Self, ConfigError> {
                match self.0.put(name, value.as_ref(), None, origin) {
                    Ok(()) => Ok(self),
                    Err(problem) => Err([problem].into_iter().collect()),
                }
            }

            /// Combines both configurations; settings of `higher` override those of `self`.
            #[must_use]
            pub fn merge(mut self, higher: Self) -> Self {
                self.0.merge(higher.0);
                self
            }

            /// The value that was set, in canonical form. `None` if it was not set, even if there is a default. Secrets are
            /// returned in plain text.
            pub fn get(&self, name: &str) -> Option<&str> {
                self.0.get(name)
            }

            /// The origin of the value that was set.
            pub fn origin(&self, name: &str) -> Option<&Origin> {
                self.0.origin(name)
            }

            #[doc = concat!("Checks all settings, including the rules between them, without starting a ", $table, ".")]
            ///
            /// # Errors
            /// All errors found.
            pub fn check(&self) -> Result<(), ConfigError> {
                self.0.check()
            }

            /// Settings that have no effect, or a surprising one.
            pub fn warnings(&self) -> Vec<Warning> {
                self.0.convert().warnings
            }

            /// The value of each setting, its origin and the librdkafka properties it becomes.
            pub fn explain(&self) -> Explanation {
                explain::explain(&self.0)
            }

            /// `bootstrap.servers`: the brokers to connect to first, as `host:port`. Required.
            #[must_use]
            pub fn bootstrap_servers<S: AsRef<str>>(self, servers: impl IntoIterator<Item = S>) -> Self {
                let servers: Vec<String> = servers.into_iter().map(|server| server.as_ref().to_owned()).collect();
                Self(self.0.keep("bootstrap.servers", servers.join(",")))
            }

            /// `client.id`: the client's name in the brokers' logs. Defaults to a generated name, as in Java.
            #[must_use]
            pub fn client_id(self, id: impl Into<String>) -> Self {
                Self(self.0.keep("client.id", id.into()))
            }

            /// `request.timeout.ms`: how long to wait for a broker's response, 10 ms to 5 minutes. Defaults to 30 seconds.
            #[must_use]
            pub fn request_timeout(self, timeout: Duration) -> Self {
                Self(self.0.keep_duration("request.timeout.ms", timeout))
            }

            /// `retry.backoff.ms`: the wait before the first retry of a request. Defaults to 100 ms.
            #[must_use]
            pub fn retry_backoff(self, wait: Duration) -> Self {
                Self(self.0.keep_duration("retry.backoff.ms", wait))
            }

            /// `security.protocol`. Defaults to [`SecurityProtocol::Plaintext`].
            #[must_use]
            pub fn security_protocol(self, protocol: SecurityProtocol) -> Self {
                Self(self.0.keep("security.protocol", protocol.to_string()))
            }

            /// `sasl.mechanism`. Required with a SASL protocol.
            #[must_use]
            pub fn sasl_mechanism(self, mechanism: SaslMechanism) -> Self {
                Self(self.0.keep("sasl.mechanism", mechanism.to_string()))
            }

            /// Sets `sasl.mechanism` and `sasl.jaas.config` for [`SaslMechanism::Plain`] or SCRAM. Name and password may have any
            /// characters.
            #[must_use]
            pub fn sasl_login(self, mechanism: SaslMechanism, name: &str, password: &str) -> Self {
                Self(self.sasl_mechanism(mechanism).0.keep("sasl.jaas.config", jaas::login(mechanism, name, password)))
            }
        }

        impl Default for $Config {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Debug for $Config {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        #[doc = concat!("Serializes the settings as a map of strings. Secrets become [`HIDDEN`](super::HIDDEN), which is rejected \
            on deserialization, so that no ", $table, " starts with it as a password.")]
        impl serde::Serialize for $Config {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize::serialize(&self.0, serializer)
            }
        }

        /// Deserializes a map of names to strings, numbers, booleans, lists of them, or nested maps, which are flattened to
        /// dotted names. The error lists every problem on its own line.
        impl<'de> serde::Deserialize<'de> for $Config {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                serialize::deserialize($kind, deserializer).map(Self)
            }
        }
    };
}

pub(super) use client_methods;
