//! `client_methods!`: what the configuration of every kind of client offers.

/// Gives a `struct $Config(ClientConfig)` its sources, its values, its checks and the typed setters that all kinds have.
macro_rules! client_methods {
    ($Config:ident, $kind:expr, $table:literal) => {
        impl $Config {
            /// A configuration in which nothing is set.
            pub fn new() -> Self {
                Self(ClientConfig::new($kind))
            }

            /// Reads a file; its extension tells the format: `.toml`, `.yaml`, `.yml`, `.json` or `.properties`.
            ///
            #[doc = concat!("In TOML, YAML and JSON the settings stand in the table `", $table, "`, or at the top of a file that has")]
            /// neither a table `producer` nor one `consumer`; nested tables and dotted names are the same, numbers, booleans and lists of
            /// texts are taken as well as texts. `${NAME}` stands for an environment variable, `${file:PATH}` for a file's text without
            /// its last line end, `$${` for a plain `${`. A `.properties` file is read as Java does, as UTF-8 if it is that, else as
            /// ISO-8859-1.
            ///
            /// The file, and each that `${file:PATH}` names, is a regular file of at most 1 MiB, and placeholders give a value no more than
            /// that: to read it never waits and takes little memory, whatever stands there. What an environment variable or a file holds is
            /// not looked through for placeholders again. Tables are nested 24 deep at most; YAML's aliases are not followed.
            ///
            /// # Errors
            /// All that is wrong in the file, each with its line: what cannot be read or parsed, unknown names, wrong types, values out
            /// of range, names that stand twice, placeholders that stand for nothing. Behind a hundred problems reading stops.
            pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
                source::from_file($kind, path.as_ref()).map(Self)
            }

            /// Reads a text of the given format, as [`from_file`](Self::from_file) does.
            ///
            /// # Errors
            /// As [`from_file`](Self::from_file).
            pub fn from_str(text: &str, format: Format) -> Result<Self, ConfigError> {
                source::from_str($kind, text, format).map(Self)
            }

            /// Takes names and values from a map or a list; values stand as they are, without placeholders.
            ///
            /// # Errors
            /// All that is wrong with any of them.
            pub fn from_pairs<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError> {
                let mut config = Self::new();
                let mut problems = Vec::new();
                for (name, value) in pairs {
                    problems.extend(config.0.put(name.as_ref(), value.as_ref(), None, Origin::Code).err());
                }
                if problems.is_empty() { Ok(config) } else { Err(problems.into_iter().collect()) }
            }

            /// Sets one setting; a value that was set before is replaced.
            ///
            /// # Errors
            /// If there is no such setting, if it has no equal here, or if the value is of the wrong type or out of range.
            pub fn set(self, name: &str, value: impl AsRef<str>) -> Result<Self, ConfigError> {
                self.set_with_origin(name, value, Origin::Code)
            }

            /// [`set`](Self::set), saying where the value comes from; for programs with sources of their own.
            ///
            /// # Errors
            /// As [`set`](Self::set).
            pub fn set_with_origin(mut self, name: &str, value: impl AsRef<str>, origin: Origin) -> Result<Self, ConfigError> {
                match self.0.put(name, value.as_ref(), None, origin) {
                    Ok(()) => Ok(self),
                    Err(problem) => Err([problem].into_iter().collect()),
                }
            }

            /// Everything that is set here, and over it everything that is set in `higher`.
            #[must_use]
            pub fn merge(mut self, higher: Self) -> Self {
                self.0.merge(higher.0);
                self
            }

            /// The value that was set, in its canonical spelling; `None` if it was not set, whatever the default is. Secrets are not
            /// hidden.
            pub fn get(&self, name: &str) -> Option<&str> {
                self.0.get(name)
            }

            /// Where the value that was set came from.
            pub fn origin(&self, name: &str) -> Option<&Origin> {
                self.0.origin(name)
            }

            #[doc = concat!("Checks everything, also the rules between settings, without starting a ", $table, ".")]
            ///
            /// # Errors
            /// All that is wrong.
            pub fn check(&self) -> Result<(), ConfigError> {
                self.0.check()
            }

            /// What works, but not as the author of the configuration may think.
            pub fn warnings(&self) -> Vec<Warning> {
                self.0.resolution().warnings
            }

            /// What each setting is, where it came from and what it becomes.
            pub fn explain(&self) -> Explanation {
                explain::explain(&self.0)
            }

            /// `bootstrap.servers`: the brokers to ask first, as `host:port`. Required.
            #[must_use]
            pub fn bootstrap_servers<S: AsRef<str>>(self, servers: impl IntoIterator<Item = S>) -> Self {
                let servers: Vec<String> = servers.into_iter().map(|server| server.as_ref().to_owned()).collect();
                self.keep("bootstrap.servers", servers.join(","))
            }

            /// `client.id`: the name under which brokers log this client. Made up as in Java by default.
            #[must_use]
            pub fn client_id(self, id: impl Into<String>) -> Self {
                self.keep("client.id", id.into())
            }

            /// `request.timeout.ms`: how long a broker may take to answer, 10 ms to 5 minutes. Defaults to 30 seconds.
            #[must_use]
            pub fn request_timeout(self, timeout: Duration) -> Self {
                self.keep_duration("request.timeout.ms", timeout)
            }

            /// `retry.backoff.ms`: the first wait before a request is sent again. Defaults to 100 ms.
            #[must_use]
            pub fn retry_backoff(self, wait: Duration) -> Self {
                self.keep_duration("retry.backoff.ms", wait)
            }

            /// `security.protocol`. Defaults to [`SecurityProtocol::Plaintext`].
            #[must_use]
            pub fn security_protocol(self, protocol: SecurityProtocol) -> Self {
                self.keep("security.protocol", protocol.to_string())
            }

            /// `sasl.mechanism`. Must be set with a protocol that logs in.
            #[must_use]
            pub fn sasl_mechanism(self, mechanism: SaslMechanism) -> Self {
                self.keep("sasl.mechanism", mechanism.to_string())
            }

            /// `sasl.mechanism` and `sasl.jaas.config` for [`SaslMechanism::Plain`] and SCRAM, with any characters in name and password.
            #[must_use]
            pub fn sasl_login(self, mechanism: SaslMechanism, name: &str, password: &str) -> Self {
                self.sasl_mechanism(mechanism).keep("sasl.jaas.config", jaas::login(mechanism, name, password))
            }

            fn keep_duration(mut self, name: &'static str, duration: Duration) -> Self {
                self.0.keep_duration(name, duration);
                self
            }

            fn keep(mut self, name: &'static str, value: String) -> Self {
                self.0.keep(name, &value);
                self
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

        #[doc = concat!("Writes what was set as a map of texts. Secrets become [`HIDDEN`](super::HIDDEN), which is refused when it is read back, so that no ", $table)]
        /// starts with it as its password.
        impl serde::Serialize for $Config {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize::serialize(&self.0, serializer)
            }
        }

        /// Reads a map of names to texts, numbers, booleans, lists of them, or maps, which are flattened to dotted names. The error has
        /// every problem on a line of its own.
        impl<'de> serde::Deserialize<'de> for $Config {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                serialize::deserialize($kind, deserializer).map(Self)
            }
        }
    };
}

pub(super) use client_methods;
