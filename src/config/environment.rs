//! Settings from the environment: `OTTLA_LINGER_MS` is `linger.ms`.

use std::{env, ffi::OsString};

#[cfg(feature = "consumer")]
use super::ConsumerConfig;
use super::{
    ClientConfig, ClientKind, ConfigError, Origin, Problem, ProducerConfig, native_name, schema_registry_settings, stranger,
};

const PREFIX: &str = "OTTLA_";
const SERVERS: &str = "KAFKA_BOOTSTRAP_SERVERS";

impl ProducerConfig {
    /// Takes the environment's settings, over what is set already: every variable `OTTLA_NAME`, where `NAME` is a setting's name in
    /// upper case with `_` for `.`, and `KAFKA_BOOTSTRAP_SERVERS`, which `OTTLA_BOOTSTRAP_SERVERS` overrides.
    ///
    /// One environment may serve producers and consumers: `OTTLA_CLIENT_ID` is for both, `OTTLA_PRODUCER_CLIENT_ID` and
    /// `OTTLA_CONSUMER_CLIENT_ID`, which override it, are for one. Settings that only a consumer has are left to it.
    ///
    /// `OTTLA_LIBRDKAFKA_NAME` passes a property of librdkafka through. Values stand as they are, without placeholders.
    ///
    /// # Errors
    /// All that is wrong: a variable `OTTLA_..` that is no setting, a value that is not UTF-8, of the wrong type or out of range.
    pub fn with_environment(self) -> Result<Self, ConfigError> {
        self.with_variables(env::vars_os())
    }

    /// [`with_environment`](Self::with_environment), with variables from elsewhere.
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
    /// As [`with_environment`](Self::with_environment).
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
    /// Takes the environment's settings, as [`ProducerConfig::with_environment`] does those of a producer: `OTTLA_GROUP_ID` is
    /// `group.id`.
    ///
    /// # Errors
    /// As [`ProducerConfig::with_environment`].
    pub fn with_environment(self) -> Result<Self, ConfigError> {
        self.with_variables(env::vars_os())
    }

    /// [`with_environment`](Self::with_environment), with variables from elsewhere.
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
    /// As [`with_environment`](Self::with_environment).
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
        // K stands before O: OTTLA_BOOTSTRAP_SERVERS overrides KAFKA_BOOTSTRAP_SERVERS. What is for one kind alone comes last.
        variables.sort_by_key(|(variable, _)| (of_kind(self.kind, variable).is_some(), variable.clone()));
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
        if of_kind(other, variable).is_some() || (variable == SERVERS && value.is_empty()) {
            return Ok(());
        }
        let own = of_kind(self.kind, variable);
        let rest = own.or(variable.strip_prefix(PREFIX)).unwrap_or_default();
        let name = if variable == SERVERS { Some("bootstrap.servers".to_owned()) } else { name(self.kind, rest) };
        // A variable that names no kind may be meant for the other one alone.
        if own.is_none() && name.as_deref().map_or(self::name(other, rest).is_some(), |name| is_others(self.kind, name)) {
            return Ok(());
        }
        let Some(name) = name else {
            let prefix = &variable[..variable.len() - rest.len()];
            return fail(unknown(self.kind, prefix, rest));
        };
        match value.into_string() {
            Ok(value) => self.put(&name, &value, None, origin),
            Err(_) => fail("is not UTF-8".to_owned()),
        }
    }
}

/// What a variable names that is for one kind of client alone, as `OTTLA_CONSUMER_NAME` is.
fn of_kind(kind: ClientKind, variable: &str) -> Option<&str> {
    variable.strip_prefix(PREFIX)?.strip_prefix(&kind.noun().to_ascii_uppercase())?.strip_prefix('_')
}

fn is_others(kind: ClientKind, name: &str) -> bool {
    stranger::is_others(kind, name.strip_prefix("librdkafka.").unwrap_or(name))
}

/// What to say of a variable that names no setting.
fn unknown(kind: ClientKind, prefix: &str, rest: &str) -> String {
    let spelled = rest.to_ascii_lowercase().replace('_', ".");
    if let Some(own) = native_name::own(kind).find(|property| variable_of(property) == rest) {
        return stranger::explain(kind, own).1;
    }
    match stranger::nearest(kind, &spelled).or_else(|| stranger::nearest(kind.other(), &spelled)) {
        Some(near) => format!("no setting has this name; did you mean {prefix}{} ({near})?", variable_of(&near)),
        None => "no setting has this name; unset it or name it differently".to_owned(),
    }
}

/// The setting that a variable without its prefix names.
fn name(kind: ClientKind, rest: &str) -> Option<String> {
    if let Some(setting) = kind.settings().chain(schema_registry_settings()).find(|setting| variable_of(setting.name()) == rest) {
        return Some(setting.name().to_owned());
    }
    let property = rest.strip_prefix("LIBRDKAFKA_").filter(|property| !property.is_empty())?;
    let known = native_name::own(kind).find(|own| variable_of(own) == property).map(str::to_owned);
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
    fn every_setting_has_its_variable_and_no_two_share_one() {
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
    fn variables_override_and_kafkas_own_is_the_weaker() {
        let config = ProducerConfig::new().set("linger.ms", "1").unwrap();
        let config = config.with_variables([("OTTLA_LINGER_MS", "2"), ("KAFKA_BOOTSTRAP_SERVERS", "a:1")]).unwrap();
        assert_eq!((config.get("linger.ms"), config.get("bootstrap.servers")), (Some("2"), Some("a:1")));
        assert_eq!(config.origin("linger.ms").map(ToString::to_string).as_deref(), Some("OTTLA_LINGER_MS"));
        let both = read(&[("OTTLA_BOOTSTRAP_SERVERS", "b:1"), ("KAFKA_BOOTSTRAP_SERVERS", "a:1")]).unwrap();
        assert_eq!(both.get("bootstrap.servers"), Some("b:1"));
        assert_eq!(read(&[("KAFKA_BOOTSTRAP_SERVERS", "")]).unwrap().get("bootstrap.servers"), None);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let error =
            read(&[("OTTLA_LIGER_MS", "5"), ("OTTLA_ACKS", "two"), ("OTTLA_NOTHING_LIKE_IT", "x"), ("OTHER", "y")]).unwrap_err();
        assert_eq!(
            error,
            "OTTLA_ACKS: acks: \"two\" is none of all, -1, 0, 1\n\
             OTTLA_LIGER_MS: no setting has this name; did you mean OTTLA_LINGER_MS (linger.ms)?\n\
             OTTLA_NOTHING_LIKE_IT: no setting has this name; unset it or name it differently"
        );
        let error = read(&[("OTTLA_SASL_PASSWORD", "hunter2")]).unwrap_err();
        assert!(error.contains("use sasl.jaas.config, or librdkafka.sasl.password") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn one_environment_serves_both_kinds() {
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
        // What names a kind is read by that kind alone, and must be one of its settings.
        assert!(read(&[("OTTLA_CONSUMER_GROPU_ID", "g")]).is_ok());
        for (variable, wanted) in [
            ("OTTLA_CONSUMER_GROPU_ID", "did you mean OTTLA_CONSUMER_GROUP_ID (group.id)?"),
            ("OTTLA_CONSUMER_LINGER_MS", "no setting has this name"),
            ("OTTLA_LIGER_MS", "did you mean OTTLA_LINGER_MS (linger.ms)?"),
        ] {
            let error = consumer.put_variables([(variable, "1")]).unwrap_err().to_string();
            assert!(error.starts_with(variable) && error.contains(wanted), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_refused() {
        use std::os::unix::ffi::OsStringExt;
        let variables = [(OsString::from("OTTLA_CLIENT_ID"), OsString::from_vec(vec![0xff]))];
        let error = ProducerConfig::new().with_variables(variables).unwrap_err();
        assert_eq!(error.to_string(), "OTTLA_CLIENT_ID: is not UTF-8");
    }
}
