//! [`SchemaRegistryConfig`]: the settings of the connection to a registry, and of the schema lookup.

use std::{collections::BTreeMap, fmt, fs, io::Read, path::Path, sync::Arc, time::Duration};

use ottla::config::{ConfigError, HIDDEN, Origin, Problem, ProducerConfig, Setting, schema_registry_settings};

use super::{SchemaIdLocation, StrategyName, SubjectNameStrategy};
use crate::secret::Secret;

/// The largest certificate file that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// The settings of a schema registry, with Confluent's names; [`schema_registry_settings`] lists them.
///
/// `Debug` redacts secrets.
///
/// ```
/// use ottla_schema_registry::{SchemaRegistry, SchemaRegistryConfig};
///
/// let config = SchemaRegistryConfig::new()
///     .set("schema.registry.url", "http://localhost:8081")?
///     .set("auto.register.schemas", "false")?;
/// let registry = SchemaRegistry::new(&config)?;
/// # Ok::<(), ottla::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct SchemaRegistryConfig {
    entries: BTreeMap<&'static str, (Secret, Option<Origin>)>,
    /// The user name and password for the brokers, for `SASL_INHERIT`.
    login: Option<(Secret, Secret)>,
}

/// The settings of the connection.
pub(super) struct Connection {
    pub(super) urls: Vec<Secret>,
    /// The value of the header `Authorization`.
    pub(super) authorization: Option<Secret>,
    /// PEM.
    pub(super) authorities: Option<Secret>,
    /// PEM: the client's certificate chain and its private key.
    pub(super) identity: Option<(Secret, Secret)>,
    pub(super) connect_timeout: Duration,
    pub(super) read_timeout: Duration,
    pub(super) retries: u32,
    pub(super) retry_wait: Duration,
    pub(super) retry_max_wait: Duration,
    pub(super) cache_capacity: usize,
    /// `None`: cached forever.
    pub(super) latest_lifetime: Option<Duration>,
}

/// How a serializer looks up its schema.
#[derive(Clone)]
pub(crate) struct LookupPolicy {
    pub(crate) auto_register: bool,
    pub(crate) use_latest: bool,
    pub(crate) normalize: bool,
    pub(crate) schema_id: Option<i32>,
    pub(crate) key_strategy: Arc<dyn SubjectNameStrategy>,
    pub(crate) value_strategy: Arc<dyn SubjectNameStrategy>,
    pub(crate) key_location: SchemaIdLocation,
    pub(crate) value_location: SchemaIdLocation,
}

impl LookupPolicy {
    /// Whether values are written with the serializer's own schema.
    pub(super) fn writes_local(&self) -> bool {
        self.auto_register || (self.schema_id.is_none() && !self.use_latest)
    }

    /// Whether the schema may change later.
    pub(super) fn follows_latest(&self) -> bool {
        !self.auto_register && self.schema_id.is_none() && self.use_latest
    }
}

impl SchemaRegistryConfig {
    /// Creates a configuration without any setting.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a configuration from names and values, such as those of a map or a list.
    ///
    /// # Errors
    /// All unknown settings and invalid values.
    pub fn from_pairs<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError> {
        let mut config = Self::new();
        let problems: Vec<Problem> =
            pairs.into_iter().filter_map(|(name, value)| config.put(name.as_ref(), value.as_ref(), None).err()).collect();
        if problems.is_empty() { Ok(config) } else { Err(problems.into_iter().collect()) }
    }

    /// Creates a configuration from the registry settings of a producer, where Java has them. `SASL_INHERIT` uses the user name and the
    /// password of the producer's `sasl.jaas.config`.
    ///
    /// ```
    /// use ottla::ProducerConfig;
    /// use ottla_schema_registry::SchemaRegistryConfig;
    ///
    /// let producer = ProducerConfig::new()
    ///     .set("bootstrap.servers", "localhost:9092")?
    ///     .set("schema.registry.url", "http://localhost:8081")?;
    /// assert_eq!(SchemaRegistryConfig::from_producer(&producer).get("schema.registry.url"), Some("http://localhost:8081"));
    /// # Ok::<(), ottla::config::ConfigError>(())
    /// ```
    pub fn from_producer(producer: &ProducerConfig) -> Self {
        let entries = schema_registry_settings().filter_map(|setting| {
            let name = setting.name();
            Some((name, (producer.get(name)?.into(), producer.origin(name).cloned())))
        });
        Self {
            entries: entries.collect(),
            login: producer.sasl_credentials().map(|(name, password)| (name.into(), password.into())),
        }
    }

    /// Sets one setting, replacing an earlier value.
    ///
    /// # Errors
    /// If the setting is unknown, or its value has the wrong type or is out of range.
    pub fn set(mut self, name: &str, value: impl AsRef<str>) -> Result<Self, ConfigError> {
        match self.put(name, value.as_ref(), Some(&Origin::Code)) {
            Ok(()) => Ok(self),
            Err(problem) => Err([problem].into_iter().collect()),
        }
    }

    /// The value that was set; `None` if it was not set, even if it has a default. Secrets are not redacted.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(|(value, _)| value.expose())
    }

    fn put(&mut self, name: &str, value: &str, origin: Option<&Origin>) -> Result<(), Problem> {
        let origin = origin.unwrap_or(&Origin::Code);
        let Some(setting) = schema_registry_setting(name) else {
            let near =
                schema_registry_settings().map(|setting| setting.name()).min_by_key(|known| strsim::levenshtein(known, name));
            let near = near.filter(|known| strsim::levenshtein(known, name) <= 4);
            let message = match near {
                Some(near) => format!("is not a schema registry setting; did you mean {near}?"),
                None => "is not a schema registry setting".to_owned(),
            };
            return Err(Problem::new(
                Some(origin),
                Some(name).filter(|name| schema_registry_setting(name).is_some() || near.is_some()),
                message,
            ));
        };
        let value = setting.check(value).map_err(|message| Problem::new(Some(origin), Some(name), message))?;
        self.entries.insert(setting.name(), (value.into(), Some(origin.clone())));
        Ok(())
    }

    /// Checks all settings and the rules between them. Sends no request.
    ///
    /// # Errors
    /// All problems found.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.resolve().map(drop)
    }

    pub(super) fn resolve(&self) -> Result<(Connection, LookupPolicy), ConfigError> {
        let mut problems = Vec::new();
        let mut fail = |name: &str, message: &str| {
            let origin = self.entries.get(name).and_then(|(_, origin)| origin.as_ref());
            problems.push(Problem::new(origin, Some(name), message));
        };
        if self.text("schema.registry.url").is_empty() {
            fail("schema.registry.url", "is not set; set it to the URL of a schema registry, such as http://localhost:8081");
        }
        let lookup_policy = self.lookup_policy();
        if lookup_policy.auto_register && lookup_policy.use_latest {
            fail(
                "use.latest.version",
                "requires auto.register.schemas=false: a serializer either registers its schema or uses the latest version",
            );
        }
        let mut pem = |name: &str, location: &str| match (self.get(name), self.get(location)) {
            (Some(_), Some(_)) => {
                fail(name, &format!("conflicts with {location}; set only one of them"));
                None
            }
            (Some(text), None) => Some(Secret::from(text)),
            (None, Some(path)) => pem_file(path).map_err(|reason| fail(location, &format!("cannot be read: {reason}"))).ok(),
            (None, None) => None,
        };
        let authorities = pem("schema.registry.ssl.truststore.certificates", "schema.registry.ssl.truststore.location");
        let chain = pem("schema.registry.ssl.keystore.certificate.chain", "schema.registry.ssl.keystore.location");
        let key = pem("schema.registry.ssl.keystore.key", "schema.registry.ssl.keystore.location");
        if chain.is_some() != key.is_some() {
            fail("schema.registry.ssl.keystore.key", "must be set together with schema.registry.ssl.keystore.certificate.chain");
        }
        let authorization = self.authorization().map_err(|(name, message)| fail(name, message)).ok().flatten();
        if !problems.is_empty() {
            return Err(problems.into_iter().collect());
        }
        let connection = Connection {
            urls: self.text("schema.registry.url").split(',').map(|url| url.trim_end_matches('/').into()).collect(),
            authorization,
            authorities,
            identity: chain.zip(key),
            connect_timeout: self.milliseconds("http.connect.timeout.ms"),
            read_timeout: self.milliseconds("http.read.timeout.ms"),
            retries: self.number("max.retries"),
            retry_wait: self.milliseconds("retries.wait.ms"),
            retry_max_wait: self.milliseconds("retries.max.wait.ms"),
            cache_capacity: self.number("cache.capacity"),
            latest_lifetime: self.text("latest.cache.ttl.sec").parse().map(Duration::from_secs).ok(), // -1: forever
        };
        Ok((connection, lookup_policy))
    }

    fn lookup_policy(&self) -> LookupPolicy {
        let strategy = |name| Arc::new(self.text(name).parse::<StrategyName>().unwrap_or_default());
        let location = |name| match self.text(name).ends_with("HeaderSchemaIdSerializer") {
            true => SchemaIdLocation::Header,
            false => SchemaIdLocation::Prefix,
        };
        LookupPolicy {
            auto_register: self.text("auto.register.schemas") == "true",
            use_latest: self.text("use.latest.version") == "true",
            normalize: self.text("normalize.schemas") == "true",
            schema_id: self.text("use.schema.id").parse().ok().filter(|id| *id >= 0),
            key_strategy: strategy("key.subject.name.strategy"),
            value_strategy: strategy("value.subject.name.strategy"),
            key_location: location("key.schema.id.serializer"),
            value_location: location("value.schema.id.serializer"),
        }
    }

    /// The header `Authorization`. Credentials in a URL take precedence over it.
    fn authorization(&self) -> Result<Option<Secret>, (&'static str, &'static str)> {
        let user_info = self.get("basic.auth.user.info");
        let token = self.get("bearer.auth.token");
        let bearer = self.get("bearer.auth.credentials.source");
        match (self.text("basic.auth.credentials.source"), bearer) {
            ("USER_INFO", Some(_)) => {
                Err(("bearer.auth.credentials.source", "conflicts with basic.auth.credentials.source; set only one of them"))
            }
            ("USER_INFO", None) => match user_info {
                Some(info) if info.contains(':') => Ok(Some(basic(&info.into()))),
                Some(_) => Err(("basic.auth.user.info", "must be a user name and a password with a colon between them")),
                None => Err(("basic.auth.user.info", "must be set for basic.auth.credentials.source=USER_INFO")),
            },
            ("SASL_INHERIT", _) => match &self.login {
                Some((name, password)) => Ok(Some(basic(&[name.expose(), password.expose()].join(":").into()))),
                None => Err((
                    "basic.auth.credentials.source",
                    "SASL_INHERIT requires a producer's sasl.jaas.config with a username and a password",
                )),
            },
            (_, Some(_)) => match token {
                Some(token) => Ok(Some(["Bearer ", token].concat().into())),
                None => Err(("bearer.auth.token", "must be set for bearer.auth.credentials.source=STATIC_TOKEN")),
            },
            (_, None) if user_info.is_some() => {
                Err(("basic.auth.user.info", "has no effect without basic.auth.credentials.source=USER_INFO"))
            }
            (_, None) if token.is_some() => {
                Err(("bearer.auth.token", "has no effect without bearer.auth.credentials.source=STATIC_TOKEN"))
            }
            (_, None) => Ok(None),
        }
    }

    fn text(&self, name: &str) -> &str {
        self.get(name).or_else(|| schema_registry_setting(name)?.default()).unwrap_or_default()
    }

    /// Values are in range: `put` checks them, and the defaults are valid.
    fn number<N: std::str::FromStr + Default>(&self, name: &str) -> N {
        self.text(name).parse().unwrap_or_default()
    }

    fn milliseconds(&self, name: &str) -> Duration {
        Duration::from_millis(self.number(name))
    }
}

fn schema_registry_setting(name: &str) -> Option<&'static Setting> {
    schema_registry_settings().find(|setting| setting.name() == name)
}

/// The value for output: secrets and URLs that may contain a login are hidden.
fn redacted<'a>(name: &str, value: &'a Secret) -> &'a str {
    let text = value.expose();
    let is_secret = schema_registry_setting(name).is_none_or(Setting::is_secret);
    if is_secret || (text.contains("://") && text.contains('@')) { HIDDEN } else { text }
}

/// Reads a PEM file. Text outside the PEM blocks may have any encoding.
fn pem_file(path: &str) -> Result<Secret, String> {
    let path = Path::new(path);
    // To open or to read a pipe or a device may never end.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return Err("is a pipe or a device, not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    let length = read.map_err(|error| error.to_string())?;
    if length as u64 > LARGEST {
        return Err("is larger than 1 MiB, which no such file should be".to_owned());
    }
    let text = String::from_utf8(bytes);
    Ok(text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()).into())
}

/// The value of the header `Authorization` for basic authentication.
pub(super) fn basic(user_info: &Secret) -> Secret {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let encoded = Secret::from(STANDARD.encode(user_info.expose()));
    ["Basic ", encoded.expose()].concat().into()
}

impl fmt::Debug for SchemaRegistryConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries.iter().map(|(name, (value, _))| (name, redacted(name, value)))).finish()
    }
}
