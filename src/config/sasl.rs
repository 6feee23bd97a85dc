//! The SASL mechanism: converts `sasl.*` and `sasl.jaas.config` to librdkafka properties.

use super::{
    ClientConfig,
    conversion::Conversion,
    jaas::{Jaas, Module},
};

/// Kafka's callback handlers that request a token from `sasl.oauthbearer.token.endpoint.url`, as librdkafka's method oidc does.
pub(crate) const TOKEN_HANDLERS: &[&str] = &[
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
    "org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler",
    "OAuthBearerLoginCallbackHandler",
];

/// Kafka's client-side token validators, which check a token's form as librdkafka does.
pub(crate) const VALIDATORS: &[&str] = &[
    "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator",
    "org.apache.kafka.common.security.oauthbearer.ClientJwtValidator",
    "DefaultJwtValidator",
    "ClientJwtValidator",
];

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Whether librdkafka is built with TLS, and so with SCRAM and OAUTHBEARER. The system's librdkafka is assumed to have all
/// features.
pub(crate) const HAS_TLS: bool = cfg!(feature = "tls") || IS_SYSTEMS;
const HAS_OIDC: bool = cfg!(feature = "oidc") || IS_SYSTEMS;
pub(crate) const IS_SYSTEMS: bool = cfg!(feature = "dynamic-linking");

/// The check for `sasl.mechanism`.
pub(crate) fn check_mechanism(mechanism: &str) -> Result<(), String> {
    match mechanism {
        "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" | "OAUTHBEARER" | "GSSAPI" => Ok(()),
        _ => Err("must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, GSSAPI".to_owned()),
    }
}

/// The check for `sasl.oauthbearer.jwt.retriever.class`.
pub(crate) fn check_retriever(class: &str) -> Result<(), String> {
    grant_type(class).map(|_| ())
}

fn grant_type(class: &str) -> Result<&'static str, String> {
    let name = class.strip_prefix("org.apache.kafka.common.security.oauthbearer.").unwrap_or(class);
    match name {
        "DefaultJwtRetriever" | "ClientCredentialsJwtRetriever" => Ok("client_credentials"),
        "JwtBearerJwtRetriever" => Ok(JWT_BEARER),
        _ => Err("must be one of Kafka's DefaultJwtRetriever, ClientCredentialsJwtRetriever, JwtBearerJwtRetriever, because \
                  Java classes cannot be loaded"
            .to_owned()),
    }
}

/// The check for `sasl.oauthbearer.token.endpoint.url`.
pub(crate) fn check_endpoint(url: &str) -> Result<(), String> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    Err("must begin with https:// or http://; tokens from files (file:) are not supported".to_owned())
}

/// Adds the properties for `sasl.*`.
pub(crate) fn convert(config: &ClientConfig, conversion: &mut Conversion) {
    let protocol = config.text("security.protocol").to_ascii_lowercase();
    let mechanism = config.found("sasl.mechanism");
    let given: Vec<&str> = config
        .entries
        .keys()
        .map(String::as_str)
        .filter(|name| name.strip_prefix("librdkafka.").unwrap_or(name).starts_with("sasl."))
        .collect();
    if config.has_token_provider
        && (!protocol.starts_with("sasl_") || mechanism.as_ref().is_none_or(|it| it.value != "OAUTHBEARER"))
    {
        let wanted = "and security.protocol must be OAUTHBEARER and SASL_SSL or SASL_PLAINTEXT, because a token provider was set";
        conversion.fail(config, "sasl.mechanism", wanted);
        return;
    }
    if !protocol.starts_with("sasl_") {
        for name in given {
            conversion.warn(
                config,
                name,
                format!("has no effect, because security.protocol is {}", protocol.to_ascii_uppercase()),
            );
        }
        return;
    }
    let name = mechanism.as_ref().map_or("GSSAPI", |found| found.value);
    if let Some(missing) = missing(name) {
        let what = if mechanism.is_some() { "" } else { "is not set and defaults to GSSAPI: " };
        conversion.fail(config, "sasl.mechanism", format!("{what}{missing}"));
        return;
    }
    conversion.add("sasl.mechanism", "sasl.mechanisms", name);
    let jaas = config.get("sasl.jaas.config").and_then(|text| Jaas::parse(text).ok());
    if let Some(jaas) = &jaas {
        let fits = match jaas.module {
            Module::Plain => name == "PLAIN",
            Module::Scram => name.starts_with("SCRAM-"),
            Module::OAuthBearer => name == "OAUTHBEARER",
        };
        if !fits {
            conversion.fail(config, "sasl.jaas.config", format!("the login module does not match sasl.mechanism {name}"));
            return;
        }
    }
    match name {
        "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" => password(config, jaas.as_ref(), conversion),
        "OAUTHBEARER" => token(config, jaas.as_ref(), conversion),
        _ => kerberos(config, conversion),
    }
}

/// Why this build does not support a mechanism.
fn missing(mechanism: &str) -> Option<&'static str> {
    match mechanism {
        "GSSAPI" if !IS_SYSTEMS => Some(
            "the built-in librdkafka has no Kerberos; set sasl.mechanism to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER, \
             or link the system's librdkafka with the cargo feature dynamic-linking",
        ),
        "SCRAM-SHA-256" | "SCRAM-SHA-512" | "OAUTHBEARER" if !HAS_TLS => Some("this mechanism requires the cargo feature tls"),
        _ => None,
    }
}

fn password(config: &ClientConfig, jaas: Option<&Jaas>, conversion: &mut Conversion) {
    match jaas {
        Some(jaas) => {
            conversion.add("sasl.jaas.config", "sasl.username", jaas.get("username").unwrap_or_default());
            conversion.add("sasl.jaas.config", "sasl.password", jaas.get("password").unwrap_or_default());
        }
        None if config.has_raw("sasl.username") && config.has_raw("sasl.password") => {}
        None => conversion.fail(
            config,
            "sasl.jaas.config",
            "is not set, so user name and password are missing; write \"..LoginModule required username=\\\"..\\\" password=\\\"..\\\";\"",
        ),
    }
}

fn token(config: &ClientConfig, jaas: Option<&Jaas>, conversion: &mut Conversion) {
    let jaas_option = |option: &str| jaas.and_then(|jaas| jaas.get(option));
    let endpoint = config.found("sasl.oauthbearer.token.endpoint.url");
    if config.has_token_provider {
        return provided(config, jaas, conversion);
    }
    if let Some(unsecured) = jaas.and_then(Jaas::unsecured) {
        if endpoint.is_some() {
            conversion.fail(
                config,
                "sasl.jaas.config",
                "requests unsecured tokens, but sasl.oauthbearer.token.endpoint.url is set too",
            );
            return;
        }
        conversion.warn(config, "sasl.jaas.config", "creates unsecured tokens, which anybody can forge; use them for tests only");
        conversion.add("sasl.jaas.config", "enable.sasl.oauthbearer.unsecure.jwt", "true");
        conversion.add("sasl.jaas.config", "sasl.oauthbearer.config", unsecured);
        return;
    }
    let Some(endpoint) = endpoint else {
        let by_hand =
            ["sasl.oauthbearer.method", "enable.sasl.oauthbearer.unsecure.jwt", "sasl.oauthbearer.metadata.authentication.type"];
        if !by_hand.iter().any(|property| config.has_raw(property)) {
            let wanted =
                "is not set, so there is no source of tokens; set it, or pass a token provider to the producer's builder";
            conversion.fail(config, "sasl.oauthbearer.token.endpoint.url", wanted);
        }
        return;
    };
    if !HAS_OIDC {
        conversion.fail(config, endpoint.name, "requires libcurl; build with the cargo feature oidc");
        return;
    }
    conversion.add("sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.token.endpoint.url", endpoint.value);
    conversion.add("sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.method", "oidc");
    for (setting, property, option) in [
        ("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id", "clientId"),
        ("sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret", "clientSecret"),
        ("sasl.oauthbearer.scope", "sasl.oauthbearer.scope", "scope"),
    ] {
        match (config.get(setting), jaas_option(option)) {
            (Some(_), Some(_)) => {
                conversion.fail(config, setting, format!("conflicts with {option} in sasl.jaas.config; set only one of them"));
            }
            (Some(value), None) => conversion.add(setting, property, value),
            (None, Some(value)) => conversion.add("sasl.jaas.config", property, value),
            (None, None) => {}
        }
    }
    if let Some(extensions) = jaas.and_then(Jaas::extensions) {
        conversion.add("sasl.jaas.config", "sasl.oauthbearer.extensions", extensions);
    }
    let retriever = config.get("sasl.oauthbearer.jwt.retriever.class");
    let grant = retriever.and_then(|class| grant_type(class).ok()).unwrap_or("client_credentials");
    if retriever.is_some() {
        conversion.add("sasl.oauthbearer.jwt.retriever.class", "sasl.oauthbearer.grant.type", grant);
    }
    let bearer = grant == JWT_BEARER || config.has_raw("sasl.oauthbearer.grant.type");
    for (name, entry) in config.entries.iter().filter(|(name, _)| name.starts_with("sasl.oauthbearer.assertion.")) {
        if !bearer {
            let wanted = "has an effect only with sasl.oauthbearer.jwt.retriever.class=JwtBearerJwtRetriever";
            conversion.fail(config, name, wanted);
        } else if let Some((setting, property)) =
            config.kind.setting(name).and_then(|setting| Some((setting.name(), *setting.properties().first()?)))
        {
            conversion.add(setting, property, entry.value.clone());
        }
    }
    let credentials = ["sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret"];
    if !bearer && !credentials.iter().all(|property| config.has_raw(property) || conversion.becomes(property).is_some()) {
        conversion.fail(
            config,
            "sasl.oauthbearer.client.credentials.client.id",
            "and sasl.oauthbearer.client.credentials.client.secret must be set for the token endpoint",
        );
    }
}

/// With a token provider, no other source of tokens may be configured.
fn provided(config: &ClientConfig, jaas: Option<&Jaas>, conversion: &mut Conversion) {
    if jaas.is_some_and(Jaas::has_options) {
        conversion.fail(config, "sasl.jaas.config", "has options, but a token provider was set; remove the options");
    }
    let sources = ["enable.sasl.oauthbearer.unsecure.jwt", "sasl.oauthbearer."];
    for name in config.entries.keys() {
        let property = name.strip_prefix("librdkafka.").unwrap_or(name);
        if sources.iter().any(|source| property.starts_with(source)) {
            conversion.fail(config, name, "conflicts with the token provider; set only one of them");
        }
    }
}

fn kerberos(config: &ClientConfig, conversion: &mut Conversion) {
    for name in ["sasl.kerberos.service.name", "sasl.kerberos.min.time.before.relogin"] {
        if let Some(value) = config.get(name) {
            conversion.add(name, name, value);
        }
    }
    if let Some(kinit) = config.get("sasl.kerberos.kinit.cmd") {
        let arguments = "-t \"%{sasl.kerberos.keytab}\" -k %{sasl.kerberos.principal}";
        let name = "sasl.kerberos.kinit.cmd";
        conversion.add(name, name, format!("\"{kinit}\" -R {arguments} || \"{kinit}\" {arguments}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, native, problems};

    const PLAIN: &str =
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"alice\" password=\"hunter2\";";

    #[test]
    fn user_name_and_password_are_passed_to_librdkafka() {
        let config = config(&[("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", PLAIN)]);
        assert_eq!(native(&config, "security.protocol").as_deref(), Some("sasl_plaintext"));
        assert_eq!(native(&config, "sasl.mechanisms").as_deref(), Some("PLAIN"));
        assert_eq!(native(&config, "sasl.username").as_deref(), Some("alice"));
        assert_eq!(native(&config, "sasl.password").as_deref(), Some("hunter2"));
        assert_eq!(config.parameters().unwrap().secrets.redact("is hunter2"), "is [hidden]");
    }

    #[test]
    fn the_login_module_must_match_the_mechanism() {
        let error =
            problems(&[("security.protocol", "SASL_SSL"), ("sasl.mechanism", "SCRAM-SHA-512"), ("sasl.jaas.config", PLAIN)]);
        assert_eq!(error, "sasl.jaas.config: the login module does not match sasl.mechanism SCRAM-SHA-512");
        let error = problems(&[("security.protocol", "SASL_SSL"), ("sasl.mechanism", "PLAIN")]);
        assert!(error.starts_with("sasl.jaas.config: is not set"), "{error}");
    }

    #[test]
    #[cfg(not(feature = "dynamic-linking"))]
    fn kerberos_is_not_built_in() {
        let error = problems(&[("security.protocol", "SASL_SSL"), ("sasl.jaas.config", PLAIN)]);
        assert!(
            error.starts_with("sasl.mechanism: is not set and defaults to GSSAPI: the built-in librdkafka has no Kerberos"),
            "{error}"
        );
    }

    #[test]
    fn without_a_sasl_protocol_sasl_settings_are_warnings() {
        let config = config(&[("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", PLAIN)]);
        assert_eq!(native(&config, "sasl.password"), None);
        let warnings: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            [
                "sasl.jaas.config: has no effect, because security.protocol is PLAINTEXT",
                "sasl.mechanism: has no effect, because security.protocol is PLAINTEXT"
            ]
        );
    }

    #[test]
    fn unsecured_tokens() {
        let jaas = "x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"alice\";";
        let config =
            config(&[("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "OAUTHBEARER"), ("sasl.jaas.config", jaas)]);
        assert_eq!(native(&config, "enable.sasl.oauthbearer.unsecure.jwt").as_deref(), Some("true"));
        assert_eq!(native(&config, "sasl.oauthbearer.config").as_deref(), Some("principal=alice"));
        assert!(config.warnings()[0].message().contains("for tests only"));
    }

    #[test]
    fn a_token_provider_excludes_other_sources() {
        let mechanism = |more: &[(&str, &str)]| {
            let mut config = config(more);
            config.expect_tokens();
            config.parameters().map(|parameters| parameters.mechanism).map_err(|error| error.to_string())
        };
        let oauth = [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "OAUTHBEARER")];
        assert_eq!(mechanism(&oauth), Ok(Some("OAUTHBEARER".to_owned())));
        assert!(config(&oauth).check().unwrap_err().to_string().contains("pass a token provider to the producer's builder"));
        for (more, wanted) in [
            (("sasl.jaas.config", "x.OAuthBearerLoginModule required;"), None),
            (("sasl.jaas.config", "x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"a\";"), Some("has options")),
            (("sasl.oauthbearer.token.endpoint.url", "https://idp.example/token"), Some("set only one of them")),
            (("librdkafka.enable.sasl.oauthbearer.unsecure.jwt", "true"), Some("set only one of them")),
            (("sasl.mechanism", "PLAIN"), Some("must be OAUTHBEARER")),
            (("security.protocol", "SSL"), Some("must be OAUTHBEARER")),
        ] {
            let result = mechanism(&[oauth[0], oauth[1], more]);
            match wanted {
                None => assert!(result.is_ok(), "{more:?}: {result:?}"),
                Some(wanted) => assert!(result.as_ref().is_err_and(|error| error.contains(wanted)), "{more:?}: {result:?}"),
            }
        }
    }

    #[test]
    fn a_token_endpoint() {
        let with = |more: &[(&str, &str)]| {
            let mut pairs = vec![
                ("security.protocol", "SASL_SSL"),
                ("sasl.mechanism", "OAUTHBEARER"),
                ("sasl.oauthbearer.token.endpoint.url", "https://idp.example/token"),
                (
                    "sasl.login.callback.handler.class",
                    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
                ),
            ];
            pairs.extend_from_slice(more);
            config(&pairs)
        };
        let jaas =
            "x.OAuthBearerLoginModule required clientId=\"me\" clientSecret=\"hunter2\" scope=\"a b\" extension_org=\"x\";";
        let config = with(&[("sasl.jaas.config", jaas)]);
        if !super::HAS_OIDC {
            assert!(config.check().unwrap_err().to_string().contains("cargo feature oidc"));
            return;
        }
        for (property, wanted) in [
            ("sasl.oauthbearer.method", "oidc"),
            ("sasl.oauthbearer.client.id", "me"),
            ("sasl.oauthbearer.client.secret", "hunter2"),
            ("sasl.oauthbearer.scope", "a b"),
            ("sasl.oauthbearer.extensions", "org=x"),
        ] {
            assert_eq!(native(&config, property).as_deref(), Some(wanted));
        }
        assert!(with(&[]).check().unwrap_err().to_string().contains("client.secret must be set"));
        let file = ("sasl.oauthbearer.assertion.private.key.file", "key.pem");
        assert!(with(&[file]).check().unwrap_err().to_string().contains("JwtBearerJwtRetriever"));
        let config = with(&[file, ("sasl.oauthbearer.jwt.retriever.class", "JwtBearerJwtRetriever")]);
        assert_eq!(native(&config, "sasl.oauthbearer.grant.type").as_deref(), Some(super::JWT_BEARER));
        assert_eq!(native(&config, "sasl.oauthbearer.assertion.private.key.file").as_deref(), Some("key.pem"));
    }

    #[test]
    fn java_classes_and_unsupported_values_are_rejected() {
        for (name, value) in [
            ("sasl.login.callback.handler.class", "com.acme.Handler"),
            ("sasl.oauthbearer.jwt.retriever.class", "com.acme.Retriever"),
            ("sasl.oauthbearer.token.endpoint.url", "file:///token"),
            ("sasl.mechanism", "DIGEST"),
        ] {
            assert!(super::super::ProducerConfig::new().set(name, value).is_err(), "{name}");
        }
    }
}
