//! Accepted logins: valid credentials for each mechanism, from TOML.

use super::{
    Case, chain,
    secured::{Secured, Settings, certificate, deliver, login, producer},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("TLS", "SSL", |_| Vec::new()),
        case("TLS, the CA as text", "SSL", |secured| {
            vec![("ssl.truststore.type", "PEM".to_owned()), ("ssl.truststore.certificates", secured.pem("ca.pem"))]
        }),
        case("mutual TLS", "MTLS", |secured| certificate(secured, "client.pem")),
        case("mutual TLS, the key encrypted", "MTLS", |secured| {
            [certificate(secured, "client-encrypted.pem"), vec![("ssl.key.password", "key-secret".to_owned())]].concat()
        }),
        case("mutual TLS, key and certificate as text", "MTLS", |secured| texts(secured, "client.key")),
        case("mutual TLS, the same, the key encrypted", "MTLS", |secured| {
            [texts(secured, "client-encrypted.key"), vec![("ssl.key.password", "key-secret".to_owned())]].concat()
        }),
        Case::new("in: TLS, another host name, not looked at", |secured| {
            let more = vec![("ssl.endpoint.identification.algorithm", String::new())];
            let config = secured.config("WRONG_NAME", more);
            let warnings: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
            assert!(warnings.iter().any(|warning| warning.contains("any server with a valid certificate")), "{warnings:?}");
            deliver(&producer(config), &secured.topic(), "in").unwrap().to_string()
        }),
    ];
    for listener in ["SASL_PLAINTEXT", "SASL_SSL"] {
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            cases
                .push(case(format!("{mechanism} over {listener}"), listener, move |_| login(mechanism, "alice", "alice-secret")));
        }
        cases.push(case(format!("OAUTHBEARER over {listener}"), listener, |_| unsecured("")));
    }
    cases
}

fn case(name: impl Into<String>, listener: &'static str, more: impl FnOnce(&Secured) -> Settings + Send + 'static) -> Case {
    Case::new(format!("in: {}", name.into()), move |secured| {
        let config = secured.config_in_toml(listener, more(secured));
        match deliver(&producer(config), &secured.topic(), "in") {
            Ok(metadata) => metadata.to_string(),
            Err(error) => panic!("{}", chain(&error)),
        }
    })
}

/// A client's key and certificate as text.
fn texts(secured: &Secured, key: &str) -> Settings {
    vec![
        ("ssl.keystore.type", "PEM".to_owned()),
        ("ssl.keystore.certificate.chain", secured.pem("client.crt")),
        ("ssl.keystore.key", secured.pem(key)),
    ]
}

/// Tokens that librdkafka creates itself.
pub(super) fn unsecured(more: &str) -> Settings {
    let module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";
    let jaas = format!("{module} required unsecuredLoginStringClaim_sub=\"alice\"{more};");
    vec![("sasl.mechanism", "OAUTHBEARER".to_owned()), ("sasl.jaas.config", jaas)]
}
