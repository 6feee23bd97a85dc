//! Settings from environment variables: `OTTLA_LINGER_MS` sets `linger.ms`.

use std::{env, ffi::OsString};

#[cfg(feature = "consumer")]
use super::ConsumerConfig;
use super::{
    ClientConfig, ClientKind, ConfigError, Origin, Problem, ProducerConfig, librdkafka_property, schema_registry_settings,
    unknown_setting,
};

const PREFIX: &str = "OTTLA_";
const SERVERS: &str = "KAFKA_BOOTSTRAP_SERVERS";

impl ProducerConfig {
    /// Applies the environment variables over the settings so far: each variable `OTTLA_NAME`, where `NAME` is a setting's name
    /// in upper case with `_` for `.`.
    ///
    /// `KAFKA_BOOTSTRAP_SERVERS`, a variable shared with other programs, sets `bootstrap.servers` only if neither
    /// `OTTLA_BOOTSTRAP_SERVERS` nor an earlier source does.
    ///
    /// The variables that Kubernetes sets for a service whose name begins with `ottla`, such as `OTTLA_PORT=tcp://10.0.0.1:80`
    /// and `OTTLA_SERVICE_HOST`, are ignored.
    ///
    /// One environment may configure producers and consumers: `OTTLA_CLIENT_ID` applies to both, `OTTLA_PRODUCER_CLIENT_ID` and
    /// `OTTLA_CONSUMER_CLIENT_ID` override it for one of them. Settings that only a consumer has are ignored here.
    ///
    /// `OTTLA_LIBRDKAFKA_NAME` sets a librdkafka property. Placeholders in values are not replaced.
    ///
    /// # Errors
    /// The errors of all variables: an `OTTLA_..` variable that names no setting, and values that are not UTF-8, of the wrong
    /// type or out of range.
    pub fn with_environment(self) -> Result<Self, ConfigError> {
        self.with_variables(env::vars_os())
    }

    /// [`with_environment`](Self::with_environment) with the given variables instead of those of the process.
    ///
    /// ```
    /// use ottla::ProducerConfig;
    ///
    /// let config = ProducerConfig::new().with_variables([("OTTLA_LINGER_MS", "20"), ("HOME", "/root")])?;
    /// assert_eq!(config.get("linger.ms"), Some("20"));
    /// # Ok::<(), ottla::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`with_environment`](Self::with_environment).
    pub fn with_variables<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError>
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        self.0.put_variables(variables)?;
        Ok(self)
    }
}

#[cfg(feature = "consumer")]
impl ConsumerConfig {
    /// Applies the environment variables as [`ProducerConfig::with_environment`] does for a producer: `OTTLA_GROUP_ID` sets
    /// `group.id`.
    ///
    /// # Errors
    /// As for [`ProducerConfig::with_environment`].
    pub fn with_environment(self) -> Result<Self, ConfigError> {
        self.with_variables(env::vars_os())
    }

    /// [`with_environment`](Self::with_environment) with the given variables instead of those of the process.
    ///
    /// ```
    /// use ottla::config::ConsumerConfig;
    ///
    /// let variables = [("OTTLA_CLIENT_ID", "both"), ("OTTLA_CONSUMER_CLIENT_ID", "reader"), ("OTTLA_LINGER_MS", "20")];
    /// let config = ConsumerConfig::new().with_variables(variables)?;
    /// assert_eq!(config.get("client.id"), Some("reader"));
    /// # Ok::<(), ottla::config::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`with_environment`](Self::with_environment).
    pub fn with_variables<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError>
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        self.0.put_variables(variables)?;
        Ok(self)
    }
}

impl ClientConfig {
    /// See [`ProducerConfig::with_variables`].
    fn put_variables<K, V>(&mut self, variables: impl IntoIterator<Item = (K, V)>) -> Result<(), ConfigError>
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let mut variables: Vec<(String, OsString)> = variables
            .into_iter()
            .filter_map(|(variable, value)| Some((variable.into().into_string().ok()?, value.into())))
            .filter(|(variable, _)| variable.starts_with(PREFIX) || variable == SERVERS)
            .collect();
        // Variables for one kind override those for both. KAFKA_BOOTSTRAP_SERVERS is last, and applies only if the setting is not
        // set.
        variables.sort_by_key(|(variable, _)| (variable == SERVERS, of_kind(self.kind, variable).is_some(), variable.clone()));
        let mut problems = Vec::new();
        for (variable, value) in variables {
            problems.extend(self.put_variable(&variable, value).err());
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigError::new("the environment", problems)) }
    }

    fn put_variable(&mut self, variable: &str, value: OsString) -> Result<(), Problem> {
        let origin = Origin::Environment { variable: variable.to_owned() };
        let fail = |message: String| Err(Problem::new(Some(&origin), None, message));
        let other = self.kind.other();
        let is_idle = variable == SERVERS && (value.is_empty() || self.get("bootstrap.servers").is_some());
        if of_kind(other, variable).is_some() || is_idle {
            return Ok(());
        }
        let own = of_kind(self.kind, variable);
        let rest = own.or(variable.strip_prefix(PREFIX)).unwrap_or_default();
        let name = if variable == SERVERS { Some("bootstrap.servers".to_owned()) } else { name(self.kind, rest) };
        // A variable without a kind may be meant only for the other kind.
        if own.is_none() && name.as_deref().map_or(self::name(other, rest).is_some(), |name| is_others(self.kind, name)) {
            return Ok(());
        }
        let Some(name) = name else {
            if is_kubernetes(variable.strip_prefix(PREFIX).unwrap_or_default(), &value) {
                return Ok(());
            }
            let prefix = &variable[..variable.len() - rest.len()];
            return fail(unknown(self.kind, prefix, rest));
        };
        match value.into_string() {
            Ok(value) => self.put(&name, &value, None, origin),
            Err(_) => fail("is not UTF-8".to_owned()),
        }
    }
}

/// The rest of a variable for one kind of client, such as `OTTLA_CONSUMER_NAME`.
fn of_kind(kind: ClientKind, variable: &str) -> Option<&str> {
    variable.strip_prefix(PREFIX)?.strip_prefix(&kind.noun().to_ascii_uppercase())?.strip_prefix('_')
}

/// Whether Kubernetes sets this variable for a service. `rest` is the variable without `OTTLA_`: `SERVICE_HOST`, `SERVICE_PORT`,
/// `SERVICE_PORT_NAME`, `PORT`, `PORT_80_TCP`, `PORT_80_TCP_PROTO`, `_PORT` and `_ADDR`, each possibly preceded by more of the
/// service's name. The value must have the matching form, so that a misspelled setting does not match.
fn is_kubernetes(rest: &str, value: &OsString) -> bool {
    let Some(value) = value.to_str() else { return false };
    let words: Vec<&str> = rest.split('_').collect();
    let is_number = |text: &str| text.parse::<u16>().is_ok();
    let is_address = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
    let is_protocol = |text: &str| matches!(text, "TCP" | "UDP" | "SCTP");
    let is_url = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    (0..words.len()).any(|at| match &words[at..] {
        ["SERVICE", "HOST"] => is_address(value) || value == "None",
        ["SERVICE", "PORT", ..] => is_number(value),
        ["PORT"] => is_url,
        ["PORT", port, protocol, what @ ..] if is_number(port) && is_protocol(protocol) => match what {
            [] => is_url,
            ["PROTO"] => is_protocol(&value.to_ascii_uppercase()),
            ["PORT"] => is_number(value),
            ["ADDR"] => is_address(value),
            _ => false,
        },
        _ => false,
    })
}

fn is_others(kind: ClientKind, name: &str) -> bool {
    librdkafka_property::is_others(kind, name.strip_prefix("librdkafka.").unwrap_or(name))
}

/// The error for a variable that names no setting.
fn unknown(kind: ClientKind, prefix: &str, rest: &str) -> String {
    let spelled = rest.to_ascii_lowercase().replace('_', ".");
    if let Some(own) = librdkafka_property::own(kind).find(|property| variable_of(property) == rest) {
        return unknown_setting::explain(kind, own).1;
    }
    match unknown_setting::nearest(kind, &spelled).or_else(|| unknown_setting::nearest(kind.other(), &spelled)) {
        Some(near) => format!("unknown setting; did you mean {prefix}{} ({near})?", variable_of(&near)),
        None => "unknown setting; unset or rename the variable".to_owned(),
    }
}

/// The setting that a variable without its prefix names.
fn name(kind: ClientKind, rest: &str) -> Option<String> {
    if let Some(setting) = kind.settings().chain(schema_registry_settings()).find(|setting| variable_of(setting.name()) == rest) {
        return Some(setting.name().to_owned());
    }
    let property = rest.strip_prefix("LIBRDKAFKA_").filter(|property| !property.is_empty())?;
    let known = librdkafka_property::own(kind).find(|own| variable_of(own) == property).map(str::to_owned);
    Some(format!("librdkafka.{}", known.unwrap_or_else(|| property.to_ascii_lowercase().replace('_', "."))))
}

fn variable_of(name: &str) -> String {
    name.to_ascii_uppercase().replace(['.', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<ProducerConfig, String> {
        ProducerConfig::new().with_variables(variables.iter().copied()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_setting_has_a_unique_variable() {
        for kind in ClientKind::ALL {
            let mut seen = std::collections::HashSet::new();
            for setting in kind.settings() {
                let variable = variable_of(setting.name());
                assert_eq!(name(kind, &variable).as_deref(), Some(setting.name()));
                assert!(
                    ClientKind::ALL.iter().all(|kind| of_kind(*kind, &format!("{PREFIX}{variable}")).is_none()),
                    "{variable}"
                );
                assert!(seen.insert(variable), "{}", setting.name());
            }
        }
        assert_eq!(name(ClientKind::Producer, "LIBRDKAFKA_LOG_LEVEL").as_deref(), Some("librdkafka.log_level"));
        assert_eq!(name(ClientKind::Producer, "LIBRDKAFKA_NEVER_HEARD").as_deref(), Some("librdkafka.never.heard"));
    }

    #[test]
    fn variables_override_and_kafka_bootstrap_servers_is_a_fallback() {
        let config = ProducerConfig::new().set("linger.ms", "1").unwrap();
        let config = config.with_variables([("OTTLA_LINGER_MS", "2"), ("KAFKA_BOOTSTRAP_SERVERS", "a:1")]).unwrap();
        let set = ProducerConfig::new().set("bootstrap.servers", "c:1").unwrap();
        let set = set.with_variables([("KAFKA_BOOTSTRAP_SERVERS", "a:1")]).unwrap();
        assert_eq!(set.get("bootstrap.servers"), Some("c:1"), "the program and files take precedence");
        let set = set.with_variables([("OTTLA_BOOTSTRAP_SERVERS", "b:1")]).unwrap();
        assert_eq!(set.get("bootstrap.servers"), Some("b:1"));
        assert_eq!((config.get("linger.ms"), config.get("bootstrap.servers")), (Some("2"), Some("a:1")));
        assert_eq!(config.origin("linger.ms").map(ToString::to_string).as_deref(), Some("OTTLA_LINGER_MS"));
        let both = read(&[("OTTLA_BOOTSTRAP_SERVERS", "b:1"), ("KAFKA_BOOTSTRAP_SERVERS", "a:1")]).unwrap();
        assert_eq!(both.get("bootstrap.servers"), Some("b:1"));
        assert_eq!(read(&[("KAFKA_BOOTSTRAP_SERVERS", "")]).unwrap().get("bootstrap.servers"), None);
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let error =
            read(&[("OTTLA_LIGER_MS", "5"), ("OTTLA_ACKS", "two"), ("OTTLA_NOTHING_LIKE_IT", "x"), ("OTHER", "y")]).unwrap_err();
        assert_eq!(
            error,
            "OTTLA_ACKS: acks: \"two\" is invalid; must be one of all, -1, 0, 1\n\
             OTTLA_LIGER_MS: unknown setting; did you mean OTTLA_LINGER_MS (linger.ms)?\n\
             OTTLA_NOTHING_LIKE_IT: unknown setting; unset or rename the variable"
        );
        let error = read(&[("OTTLA_SASL_PASSWORD", "hunter2")]).unwrap_err();
        assert!(error.contains("use sasl.jaas.config, or librdkafka.sasl.password") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn kubernetes_variables_are_ignored_and_misspelled_settings_are_not() {
        for (variable, value) in [
            ("OTTLA_SERVICE_HOST", "10.96.3.7"),
            ("OTTLA_SERVICE_HOST", "fd00::7"),
            ("OTTLA_SERVICE_PORT", "9092"),
            ("OTTLA_SERVICE_PORT_HTTP_METRICS", "9092"),
            ("OTTLA_PORT", "tcp://10.96.3.7:9092"),
            ("OTTLA_PORT_9092_TCP", "tcp://10.96.3.7:9092"),
            ("OTTLA_PORT_9092_TCP_PROTO", "tcp"),
            ("OTTLA_PORT_9092_TCP_PORT", "9092"),
            ("OTTLA_PORT_9092_TCP_ADDR", "10.96.3.7"),
            ("OTTLA_PORT_53_UDP", "udp://10.96.3.7:53"),
            ("OTTLA_ORDERS_V2_SERVICE_HOST", "10.96.3.7"),
            ("OTTLA_ORDERS_V2_PORT", "tcp://10.96.3.7:80"),
            ("OTTLA_PRODUCER_SERVICE_HOST", "10.96.3.7"),
            ("OTTLA_PRODUCER_PORT_80_TCP_ADDR", "10.96.3.7"),
            ("OTTLA_CONSUMER_PORT", "tcp://10.96.3.7:80"),
        ] {
            for kind in ClientKind::ALL {
                let mut config = ClientConfig::new(kind);
                config.put_variables([(variable, value)]).unwrap_or_else(|error| panic!("{error}"));
                assert!(config.entries.is_empty(), "{variable}");
            }
        }
        for (variable, value) in [
            ("OTTLA_LIGNER_MS", "5"),
            ("OTTLA_PORT", "9092"),
            ("OTTLA_PORT", "http://a:1"),
            ("OTTLA_SERVICE_PORT", "tcp"),
            ("OTTLA_SERVICE_HOST", "kafka-1:9092"),
            ("OTTLA_BOOTSTRAP_SERVICE", "10.96.3.7"),
            ("OTTLA_PORT_9092", "tcp://10.96.3.7:9092"),
            ("OTTLA_PORT_9092_TLS", "tcp://10.96.3.7:9092"),
        ] {
            assert!(read(&[(variable, value)]).is_err(), "{variable}={value}");
        }
    }

    #[test]
    fn one_environment_configures_both_kinds() {
        let variables = [
            ("OTTLA_CLIENT_ID", "both"),
            ("OTTLA_CONSUMER_CLIENT_ID", "reader"),
            ("OTTLA_GROUP_ID", "g"),
            ("OTTLA_LINGER_MS", "20"),
            ("OTTLA_LIBRDKAFKA_QUEUED_MIN_MESSAGES", "7"),
            ("OTTLA_LIBRDKAFKA_BATCH_NUM_MESSAGES", "8"),
        ];
        let producer = read(&variables).unwrap();
        let names: Vec<&str> = producer.0.entries.keys().map(String::as_str).collect();
        assert_eq!(names, ["client.id", "librdkafka.batch.num.messages", "linger.ms"]);
        assert_eq!(producer.get("client.id"), Some("both"));
        let mut consumer = ClientConfig::new(ClientKind::Consumer);
        consumer.put_variables(variables).unwrap();
        let names: Vec<&str> = consumer.entries.keys().map(String::as_str).collect();
        assert_eq!(names, ["client.id", "group.id", "librdkafka.queued.min.messages"]);
        assert_eq!(consumer.get("client.id"), Some("reader"));
        // A variable for one kind is read only for that kind, and must name one of its settings.
        assert!(read(&[("OTTLA_CONSUMER_GROPU_ID", "g")]).is_ok());
        for (variable, wanted) in [
            ("OTTLA_CONSUMER_GROPU_ID", "did you mean OTTLA_CONSUMER_GROUP_ID (group.id)?"),
            ("OTTLA_CONSUMER_LINGER_MS", "unknown setting"),
            ("OTTLA_LIGER_MS", "did you mean OTTLA_LINGER_MS (linger.ms)?"),
        ] {
            let error = consumer.put_variables([(variable, "1")]).unwrap_err().to_string();
            assert!(error.starts_with(variable) && error.contains(wanted), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn values_that_are_not_utf8_are_rejected() {
        use std::os::unix::ffi::OsStringExt;
        let variables = [(OsString::from("OTTLA_CLIENT_ID"), OsString::from_vec(vec![0xff]))];
        let error = ProducerConfig::new().with_variables(variables).unwrap_err();
        assert_eq!(error.to_string(), "OTTLA_CLIENT_ID: is not UTF-8");
    }
}
