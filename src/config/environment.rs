//! Settings from the environment: `OTTLA_LINGER_MS` is `linger.ms`.

use std::{env, ffi::OsString};

use super::{
    ClientConfig, ClientKind, ConfigError, Origin, Problem, ProducerConfig, native_name, schema_registry_settings, stranger,
};

const PREFIX: &str = "OTTLA_";
const SERVERS: &str = "KAFKA_BOOTSTRAP_SERVERS";

impl ProducerConfig {
    /// Takes the environment's settings, over what is set already: every variable `OTTLA_NAME`, where `NAME` is a setting's name in
    /// upper case with `_` for `.`, and `KAFKA_BOOTSTRAP_SERVERS`, which `OTTLA_BOOTSTRAP_SERVERS` overrides.
    ///
    /// `OTTLA_LIBRDKAFKA_NAME` passes a property of librdkafka's through. Values stand as they are, without placeholders.
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
        // K stands before O: OTTLA_BOOTSTRAP_SERVERS overrides KAFKA_BOOTSTRAP_SERVERS.
        variables.sort();
        let mut problems = Vec::new();
        for (variable, value) in variables {
            problems.extend(self.put_variable(&variable, value).err());
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigError::new("the environment", problems)) }
    }

    fn put_variable(&mut self, variable: &str, value: OsString) -> Result<(), Problem> {
        let origin = Origin::Environment { variable: variable.to_owned() };
        let fail = |message: String| Err(Problem::new(Some(&origin), None, message));
        let name = if variable == SERVERS {
            if value.is_empty() {
                return Ok(());
            }
            "bootstrap.servers".to_owned()
        } else {
            let rest = variable.strip_prefix(PREFIX).unwrap_or_default();
            match name(self.kind, rest) {
                Some(name) => name,
                None => {
                    let spelled = rest.to_ascii_lowercase().replace('_', ".");
                    let own = native_name::own(self.kind).find(|property| variable_of(property) == rest);
                    return fail(match (own, stranger::nearest(self.kind, &spelled)) {
                        (Some(own), _) => stranger::explain(self.kind, own).1,
                        (None, Some(near)) => {
                            format!("no setting has this name; did you mean {PREFIX}{} ({near})?", variable_of(&near))
                        }
                        (None, None) => "no setting has this name; unset it or name it differently".to_owned(),
                    });
                }
            }
        };
        match value.into_string() {
            Ok(value) => self.put(&name, &value, None, origin),
            Err(_) => fail("is not UTF-8".to_owned()),
        }
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
        let mut seen = std::collections::HashSet::new();
        for setting in ClientKind::Producer.settings() {
            assert!(seen.insert(variable_of(setting.name())), "{}", setting.name());
            assert_eq!(name(ClientKind::Producer, &variable_of(setting.name())).as_deref(), Some(setting.name()));
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

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_refused() {
        use std::os::unix::ffi::OsStringExt;
        let variables = [(OsString::from("OTTLA_CLIENT_ID"), OsString::from_vec(vec![0xff]))];
        let error = ProducerConfig::new().with_variables(variables).unwrap_err();
        assert_eq!(error.to_string(), "OTTLA_CLIENT_ID: is not UTF-8");
    }
}
