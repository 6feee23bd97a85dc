//! Which settings are secret, what may be shown of a value, and what librdkafka's texts are cleared of.

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

/// A value as it may be printed: not a secret, and no URL that may have a name and password in it.
pub(crate) fn redacted<'a>(name: &str, value: &'a Secret) -> &'a str {
    let text = value.expose();
    if is_secret(name) || (text.contains("://") && text.contains('@')) { HIDDEN } else { text }
}

/// Properties as who is no client of ottla's takes them.
pub(super) fn exposed(properties: &[(String, Secret)]) -> Vec<(String, String)> {
    properties.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
}

impl ClientConfig {
    /// The secret values, and the secrets that stand within values.
    pub(super) fn secrets(&self) -> Secrets {
        self.entries.iter().flat_map(|(name, entry)| secrets_in(name, &entry.value)).collect()
    }
}

fn secrets_in(name: &str, value: &Secret) -> Vec<Secret> {
    let text = value.expose();
    let mut found: Vec<Secret> = is_secret(name).then(|| value.clone()).into_iter().collect();
    match name {
        "sasl.jaas.config" => found.extend(Jaas::parse(text).iter().flat_map(Jaas::secrets).cloned()),
        // Of one that it does not understand, librdkafka repeats the rest.
        "librdkafka.sasl.oauthbearer.config" => found.extend(text.split_whitespace().map(Secret::from)),
        _ => {}
    }
    // name:password@ of a URL, which may be one of a list.
    for login in text.split(',').chain([text]).filter_map(|url| Some(url.split_once("://")?.1.rsplit_once('@')?.0)) {
        found.extend(login.split_once(':').map(|(_, password)| password.into()));
        found.push(login.into());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::config;

    #[cfg(feature = "schema-registry")]
    #[test]
    fn a_url_with_a_login_is_hidden_and_its_login_cut_out_of_texts() {
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
    fn what_librdkafka_repeats_of_an_unsecured_tokens_settings_is_cut_out() {
        let config = config(&[("librdkafka.sasl.oauthbearer.config", "principal=admin odd=hunter2")]);
        assert_eq!(config.0.secrets().redact("beginning at: odd=hunter2"), "beginning at: [hidden]");
    }
}
