//! TLS: converts Java's truststore and keystore settings to librdkafka's PEM and PKCS#12 files.

use std::path::Path;

use super::{
    ClientConfig,
    conversion::Conversion,
    sasl::{HAS_TLS, IS_SYSTEMS},
};
use crate::secret::Secret;

const HAS_OWN_OPENSSL: bool = cfg!(feature = "tls-vendored") && !IS_SYSTEMS;

/// The check for `ssl.cipher.suites`: OpenSSL's names, without those of TLS 1.3, which `SSL_CTX_set_cipher_list` does not accept.
pub(crate) fn check_ciphers(suites: &str) -> Result<(), String> {
    for suite in suites.split(',') {
        if suite.contains("_WITH_") {
            return Err(
                "has a Java cipher suite name (.._WITH_..); use the OpenSSL name, which `openssl ciphers -stdname` lists"
                    .to_owned(),
            );
        }
        if suite.starts_with("TLS_") {
            return Err("has a TLS 1.3 suite, which are always enabled and cannot be selected; remove it".to_owned());
        }
    }
    Ok(())
}

/// The check for `ssl.endpoint.identification.algorithm`.
pub(crate) fn check_identification(algorithm: &str) -> Result<(), String> {
    match algorithm {
        "https" | "" => Ok(()),
        _ => Err("must be https or empty".to_owned()),
    }
}

/// Adds the properties for `ssl.*`.
pub(crate) fn convert(config: &ClientConfig, conversion: &mut Conversion) {
    let protocol = config.text("security.protocol").to_ascii_uppercase();
    // Formats are checked even if TLS is off, so that enabling it later causes no new errors.
    let trust = truststore(config, conversion);
    let key = keystore(config, conversion);
    if !protocol.ends_with("SSL") {
        for name in config.entries.keys() {
            if name.strip_prefix("librdkafka.").unwrap_or(name).starts_with("ssl.") {
                conversion.warn(config, name, format!("has no effect, because security.protocol is {protocol}"));
            }
        }
        return;
    }
    if !HAS_TLS {
        conversion.fail(config, "security.protocol", format!("is {protocol}, which requires the cargo feature tls"));
        return;
    }
    // A built-in OpenSSL searches the paths of the machine it was built on, which do not exist here.
    let named = !trust.is_empty()
        || ["ssl.ca.location", "ssl.ca.pem", "ssl.ca.certificate.stores"].iter().any(|name| config.has_raw(name));
    if HAS_OWN_OPENSSL && !named {
        conversion.add("ssl.truststore.location", "ssl.ca.location", "probe");
        conversion.note("ssl.truststore.location", "the system's certificates");
    }
    for (setting, property, value) in trust.into_iter().chain(key) {
        conversion.add(setting, property, value);
    }
    if let Some(password) = config.get("ssl.key.password") {
        conversion.add("ssl.key.password", "ssl.key.password", password);
    }
    if let Some(suites) = config.get("ssl.cipher.suites").filter(|suites| !suites.is_empty()) {
        conversion.add("ssl.cipher.suites", "ssl.cipher.suites", suites.replace(',', ":"));
    }
    let name = "ssl.endpoint.identification.algorithm";
    match config.get(name) {
        Some("") => {
            conversion.warn(
                config,
                name,
                "is empty, so host names are not verified: any server with a valid certificate can impersonate a broker",
            );
            conversion.add(name, name, "none");
        }
        _ => conversion.add_default(name, name, "https"),
    }
}

type Properties = Vec<(&'static str, &'static str, Secret)>;

fn truststore(config: &ClientConfig, conversion: &mut Conversion) -> Properties {
    let mut properties = Properties::new();
    let format = config.get("ssl.truststore.type");
    let (location, certificates) = ("ssl.truststore.location", "ssl.truststore.certificates");
    match (config.get(location), config.get(certificates)) {
        (Some(_), Some(_)) => conversion.fail(config, certificates, format!("conflicts with {location}; set only one of them")),
        (Some(file), None) if format == Some("PEM") => properties.push((location, "ssl.ca.location", file.into())),
        (Some(file), None) => conversion.fail(config, location, convert_truststore(file, format)),
        (None, Some(text)) if format == Some("PEM") => properties.push((certificates, "ssl.ca.pem", pem(text))),
        (None, Some(_)) => conversion.fail(config, certificates, "requires ssl.truststore.type=PEM"),
        (None, None) => {}
    }
    properties
}

fn keystore(config: &ClientConfig, conversion: &mut Conversion) -> Properties {
    let mut properties = Properties::new();
    let (location, chain, key, password) =
        ("ssl.keystore.location", "ssl.keystore.certificate.chain", "ssl.keystore.key", "ssl.keystore.password");
    let file = config.get(location);
    // Java reads PKCS12 files with its default type too.
    let format = config.get("ssl.keystore.type").or(file.filter(|file| is_pkcs12(file)).map(|_| "PKCS12"));
    match (config.get(chain), config.get(key)) {
        (None, None) => {}
        _ if file.is_some() => {
            conversion.fail(config, location, format!("conflicts with {chain} or {key}; set only one of them"));
        }
        _ if format != Some("PEM") => {
            let name = if config.get(chain).is_some() { chain } else { key };
            conversion.fail(config, name, "requires ssl.keystore.type=PEM");
        }
        (Some(certificates), Some(text)) => {
            properties.push((chain, "ssl.certificate.pem", pem(certificates)));
            properties.push((key, "ssl.key.pem", pem(text)));
        }
        (Some(_), None) => conversion.fail(config, chain, format!("requires {key}")),
        (None, Some(_)) => conversion.fail(config, key, format!("requires {chain}")),
    }
    match (file, format) {
        (None, _) => {}
        (Some(file), Some("PEM")) => {
            properties.push((location, "ssl.certificate.location", file.into()));
            properties.push((location, "ssl.key.location", file.into()));
        }
        (Some(file), Some("PKCS12")) => {
            properties.push((location, "ssl.keystore.location", file.into()));
            match config.get(password) {
                Some(password) => properties.push(("ssl.keystore.password", "ssl.keystore.password", password.into())),
                None if config.has_raw(password) => {}
                None => conversion.fail(config, location, format!("is a PKCS12 file, which requires {password}")),
            }
        }
        (Some(file), _) => conversion.fail(config, location, convert_keystore(file)),
    }
    if format == Some("PEM") && config.get(password).is_some() {
        conversion.fail(config, password, "applies to PKCS12; set ssl.key.password for a PEM key");
    }
    properties
}

/// PEM text may be on one line with `\n` written out, as is common in environment variables.
fn pem(text: &str) -> Secret {
    if text.contains('\n') { text.into() } else { text.replace("\\n", "\n").into() }
}

fn is_pkcs12(file: &str) -> bool {
    matches!(extension(file).as_str(), "p12" | "pfx" | "pkcs12")
}

fn is_pem(file: &str) -> bool {
    matches!(extension(file).as_str(), "pem" | "crt" | "cer" | "key")
}

fn extension(file: &str) -> String {
    Path::new(file).extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

fn renamed(file: &str, extension: &str) -> String {
    Path::new(file).with_extension(extension).to_string_lossy().into_owned()
}

/// Quotes a word for a shell.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

fn convert_truststore(file: &str, format: Option<&str>) -> String {
    if format.is_none() && is_pem(file) {
        return "appears to be PEM; set ssl.truststore.type=PEM".to_owned();
    }
    let pem = renamed(file, "pem");
    if format == Some("PKCS12") || (format.is_none() && is_pkcs12(file)) {
        return format!(
            "is PKCS12, which is not supported for truststores; convert it with `openssl pkcs12 -in {} -nokeys -out {}`, and set \
             ssl.truststore.type=PEM and ssl.truststore.location={pem}",
            shell(file),
            shell(&pem)
        );
    }
    let pkcs12 = renamed(file, "p12");
    format!(
        "is JKS, which only Java can read; convert it with `keytool -importkeystore -srckeystore {} -destkeystore {1} -deststoretype PKCS12 \
         && openssl pkcs12 -in {1} -nokeys -out {2}`, and set ssl.truststore.type=PEM and ssl.truststore.location={pem}",
        shell(file),
        shell(&pkcs12),
        shell(&pem)
    )
}

fn convert_keystore(file: &str) -> String {
    if is_pem(file) {
        return "appears to be PEM; set ssl.keystore.type=PEM".to_owned();
    }
    if is_pkcs12(file) {
        return "appears to be PKCS12; set ssl.keystore.type=PKCS12".to_owned();
    }
    let pkcs12 = renamed(file, "p12");
    format!(
        "is JKS, which only Java can read; convert it with `keytool -importkeystore -srckeystore {} -destkeystore {} -deststoretype PKCS12`, \
         and set ssl.keystore.type=PKCS12 and ssl.keystore.location={pkcs12}",
        shell(file),
        shell(&pkcs12)
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, native, problems};
    use super::*;

    const SSL: (&str, &str) = ("security.protocol", "SSL");

    #[test]
    fn pem_files_and_texts() {
        let files = config(&[
            SSL,
            ("ssl.truststore.type", "pem"),
            ("ssl.truststore.location", "/etc/ca.pem"),
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.location", "/etc/client.pem"),
            ("ssl.key.password", "hunter2"),
        ]);
        assert_eq!(native(&files, "ssl.ca.location").as_deref(), Some("/etc/ca.pem"));
        assert_eq!(native(&files, "ssl.certificate.location").as_deref(), Some("/etc/client.pem"));
        assert_eq!(native(&files, "ssl.key.location").as_deref(), Some("/etc/client.pem"));
        assert_eq!(native(&files, "ssl.key.password").as_deref(), Some("hunter2"));
        let texts = config(&[
            SSL,
            ("ssl.truststore.type", "PEM"),
            ("ssl.truststore.certificates", "-----BEGIN\\nA\\n-----END"),
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.certificate.chain", "B\nB"),
            ("ssl.keystore.key", "C"),
        ]);
        assert_eq!(native(&texts, "ssl.ca.pem").as_deref(), Some("-----BEGIN\nA\n-----END"));
        assert_eq!(native(&texts, "ssl.certificate.pem").as_deref(), Some("B\nB"));
        assert_eq!(native(&texts, "ssl.key.pem").as_deref(), Some("C"));
    }

    #[test]
    fn the_truststore_defaults_to_the_systems_certificates() {
        let wanted = HAS_OWN_OPENSSL.then_some("probe");
        assert_eq!(native(&config(&[SSL]), "ssl.ca.location").as_deref(), wanted);
        let named = config(&[SSL, ("librdkafka.ssl.ca.pem", "A")]);
        assert_eq!(native(&named, "ssl.ca.location"), None);
    }

    #[test]
    fn pkcs12_keystores() {
        for extra in [("ssl.keystore.type", "PKCS12"), ("client.id", "no type, but the extension determines it")] {
            let config = config(&[SSL, ("ssl.keystore.location", "me.p12"), ("ssl.keystore.password", "hunter2"), extra]);
            assert_eq!(native(&config, "ssl.keystore.location").as_deref(), Some("me.p12"));
            assert_eq!(native(&config, "ssl.keystore.password").as_deref(), Some("hunter2"));
        }
        assert!(problems(&[SSL, ("ssl.keystore.location", "me.p12")]).contains("requires ssl.keystore.password"));
    }

    #[test]
    fn jks_is_rejected_with_the_command_that_converts_it() {
        let error = problems(&[("ssl.truststore.location", "/etc/my ca.jks")]);
        assert_eq!(
            error,
            "ssl.truststore.location: is JKS, which only Java can read; convert it with `keytool -importkeystore -srckeystore '/etc/my ca.jks' \
             -destkeystore '/etc/my ca.p12' -deststoretype PKCS12 && openssl pkcs12 -in '/etc/my ca.p12' -nokeys -out '/etc/my ca.pem'`, and \
             set ssl.truststore.type=PEM and ssl.truststore.location=/etc/my ca.pem"
        );
        let error = problems(&[("ssl.keystore.location", "me.jks"), ("ssl.keystore.type", "JKS")]);
        assert!(
            error.contains("-srckeystore me.jks -destkeystore me.p12 -deststoretype PKCS12`, and set ssl.keystore.type=PKCS12")
        );
        assert!(problems(&[("ssl.truststore.location", "ca.p12")]).contains("`openssl pkcs12 -in ca.p12 -nokeys -out ca.pem`"));
        assert!(problems(&[("ssl.truststore.location", "ca.pem")]).contains("set ssl.truststore.type=PEM"));
        assert!(problems(&[("ssl.keystore.location", "me.pem")]).contains("set ssl.keystore.type=PEM"));
    }

    #[test]
    fn pem_texts_require_their_type_and_both_parts() {
        assert!(problems(&[("ssl.truststore.certificates", "A")]).contains("requires ssl.truststore.type=PEM"));
        assert!(problems(&[("ssl.keystore.key", "A")]).contains("requires ssl.keystore.type=PEM"));
        assert!(
            problems(&[("ssl.keystore.type", "PEM"), ("ssl.keystore.key", "A")])
                .contains("requires ssl.keystore.certificate.chain")
        );
        let password = [("ssl.keystore.type", "PEM"), ("ssl.keystore.location", "a.pem"), ("ssl.keystore.password", "A")];
        assert!(problems(&password).contains("ssl.key.password"));
    }

    #[test]
    fn host_name_verification_and_ciphers() {
        let config = config(&[
            SSL,
            ("ssl.endpoint.identification.algorithm", ""),
            ("ssl.cipher.suites", "ECDHE-RSA-AES256-GCM-SHA384, ECDHE-RSA-AES128-GCM-SHA256"),
        ]);
        assert_eq!(native(&config, "ssl.endpoint.identification.algorithm").as_deref(), Some("none"));
        assert_eq!(
            native(&config, "ssl.cipher.suites").as_deref(),
            Some("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256")
        );
        assert!(config.warnings()[0].to_string().starts_with("ssl.endpoint.identification.algorithm: is empty"));
        assert!(check_ciphers("TLS_RSA_WITH_AES_128_CBC_SHA").unwrap_err().contains("openssl ciphers -stdname"));
        assert!(check_ciphers("TLS_AES_128_GCM_SHA256").unwrap_err().contains("TLS 1.3"));
        assert!(check_identification("ldaps").is_err());
    }

    #[test]
    fn without_tls_ssl_settings_are_warnings() {
        let config = config(&[("ssl.truststore.type", "PEM"), ("ssl.truststore.location", "ca.pem")]);
        assert_eq!(native(&config, "ssl.ca.location"), None);
        assert_eq!(config.warnings().len(), 2);
    }
}
