//! Redaction: which settings are secret, how values are shown, and which secrets are removed from librdkafka's messages.

use super::{ClientConfig, ClientKind, HIDDEN, jaas::Jaas, librdkafka_property};
use crate::secret::{Secret, Secrets};

/// Whether the value of a setting is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    match (ClientKind::setting_of_any(name), name.strip_prefix("librdkafka.")) {
        (Some(setting), _) => setting.is_secret(),
        (None, Some(property)) => librdkafka_property::is_secret(property),
        (None, None) => true,
    }
}

/// A value for printing: hides secrets, and URLs that may contain a user name and password.
pub(crate) fn redacted<'a>(name: &str, value: &'a Secret) -> &'a str {
    let text = value.expose();
    if is_secret(name) || (text.contains("://") && text.contains('@')) { HIDDEN } else { text }
}

/// Properties in plain text, for clients other than ottla's.
pub(super) fn exposed(properties: &[(String, Secret)]) -> Vec<(String, String)> {
    properties.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
}

impl ClientConfig {
    /// All secret values, and secrets within values.
    pub(super) fn secrets(&self) -> Secrets {
        self.entries.iter().flat_map(|(name, entry)| secrets_in(name, &entry.value)).collect()
    }
}

fn secrets_in(name: &str, value: &Secret) -> Vec<Secret> {
    let text = value.expose();
    let mut found: Vec<Secret> = is_secret(name).then(|| value.clone()).into_iter().collect();
    match name {
        "sasl.jaas.config" => found.extend(Jaas::parse(text).iter().flat_map(Jaas::secrets).cloned()),
        // librdkafka's error message quotes the part of the value that it cannot parse.
        "librdkafka.sasl.oauthbearer.config" => found.extend(text.split_whitespace().map(Secret::from)),
        _ => {}
    }
    // name:password@ in a URL, which may be one of a list.
    for login in text.split(',').chain([text]).filter_map(|url| Some(url.split_once("://")?.1.rsplit_once('@')?.0)) {
        found.extend(login.split_once(':').map(|(_, password)| password.into()));
        found.push(login.into());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::config;

    #[test]
    fn urls_with_credentials_are_hidden_and_redacted_from_messages() {
        let url = "https://alice:p/w,d@tokens.example/oauth";
        let config =
            config(&[("sasl.oauthbearer.token.endpoint.url", url), ("schema.registry.url", "http://a:1,http://bob:hunter2@b:1")]);
        let shown = format!("{config:?} {}", config.explain());
        assert!(!shown.contains("p/w") && !shown.contains("hunter2") && shown.contains("[hidden]"), "{shown}");
        let secrets = config.0.secrets();
        assert_eq!(secrets.redact("cannot ask http://bob:hunter2@b:1 (hunter2)"), "cannot ask http://[hidden]@b:1 ([hidden])");
        assert!(!secrets.redact(url).contains("p/w"));
    }

    #[test]
    fn parts_of_sasl_oauthbearer_config_are_redacted() {
        let config = config(&[("librdkafka.sasl.oauthbearer.config", "principal=admin odd=hunter2")]);
        assert_eq!(config.0.secrets().redact("beginning at: odd=hunter2"), "beginning at: [hidden]");
    }
}
