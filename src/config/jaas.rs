//! `sasl.jaas.config`: the login module and its options, in the grammar of Kafka's `JaasConfig` and Java's `StreamTokenizer`.
//! Errors show neither values nor words that may be part of one.

use std::collections::BTreeMap;

use super::{
    SaslMechanism,
    jaas_tokens::{Token, Tokens},
};
use crate::secret::Secret;

/// The supported login modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Module {
    Plain,
    Scram,
    OAuthBearer,
}

/// A parsed `sasl.jaas.config`.
pub(crate) struct Jaas {
    pub(crate) module: Module,
    options: BTreeMap<String, Secret>,
}

const UNSECURED: [(&str, &str); 5] = [
    ("unsecuredLoginStringClaim_sub", "principal"),
    ("unsecuredLoginListClaim_scope", "scope"),
    ("unsecuredLoginLifetimeSeconds", "lifeSeconds"),
    ("unsecuredLoginPrincipalClaimName", "principalClaimName"),
    ("unsecuredLoginScopeClaimName", "scopeClaimName"),
];

impl Module {
    fn parse(class: &str) -> Option<Self> {
        match class.rsplit('.').next() {
            Some("PlainLoginModule") => Some(Self::Plain),
            Some("ScramLoginModule") => Some(Self::Scram),
            Some("OAuthBearerLoginModule") => Some(Self::OAuthBearer),
            _ => None,
        }
    }

    fn knows(self, option: &str) -> bool {
        match self {
            Self::Plain => matches!(option, "username" | "password"),
            Self::Scram => matches!(option, "username" | "password" | "tokenauth"),
            Self::OAuthBearer => {
                matches!(option, "clientId" | "clientSecret" | "scope")
                    || UNSECURED.iter().any(|(name, _)| *name == option)
                    || option.strip_prefix("extension_").is_some_and(|name| !name.is_empty())
            }
        }
    }

    fn options(self) -> &'static str {
        match self {
            Self::Plain => "username, password",
            Self::Scram => "username, password, tokenauth",
            Self::OAuthBearer => "clientId, clientSecret, scope, extension_NAME, unsecuredLogin..",
        }
    }
}

impl Jaas {
    /// Parses a JAAS configuration.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Tokens::new(text);
        let class = match tokens.next()? {
            None => {
                return Err("has no login module; write \"CLASS required username=\\\"..\\\" password=\\\"..\\\";\"".to_owned());
            }
            Some(Token::Word(class)) => class,
            Some(_) => return Err("must begin with the class of a login module".to_owned()),
        };
        let module = Module::parse(class.expose()).ok_or_else(|| unknown_module(class.expose()))?;
        match tokens.next()? {
            Some(Token::Word(flag))
                if ["required", "requisite", "sufficient", "optional"]
                    .iter()
                    .any(|known| flag.expose().eq_ignore_ascii_case(known)) => {}
            _ => return Err("has no control flag after the login module; write \"required\" after it".to_owned()),
        }
        let mut options = BTreeMap::new();
        loop {
            let number = options.len() + 1;
            let token = match tokens.next()? {
                Some(Token::Sign(';')) => break,
                Some(Token::Word(token) | Token::Quoted(token)) => token,
                Some(_) => {
                    return Err(format!("expected the name of option {number}; put values in quotes"));
                }
                None => return Err("must end with a semicolon".to_owned()),
            };
            // An unknown name may be part of a value without quotes, so it is not shown.
            let option = token.expose();
            if !module.knows(option) {
                return Err(format!("option {number} is unknown; must be one of {}", module.options()));
            }
            let value = match (tokens.next()?, tokens.next()?) {
                (Some(Token::Sign('=')), Some(Token::Word(value) | Token::Quoted(value))) => value,
                _ => return Err(format!("option {option} has no value; write {option}=\"..\"")),
            };
            if options.insert(option.to_owned(), value).is_some() {
                return Err(format!("duplicate option {option}"));
            }
        }
        if tokens.next()?.is_some() {
            return Err("has text after the semicolon; only one login module is supported".to_owned());
        }
        let jaas = Self { module, options };
        jaas.validate()?;
        Ok(jaas)
    }

    fn validate(&self) -> Result<(), String> {
        match self.module {
            Module::Plain | Module::Scram => {
                for option in ["username", "password"] {
                    if self.get(option).is_none() {
                        return Err(format!("has no option {option}"));
                    }
                }
                if self.get("tokenauth").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
                    return Err(
                        "librdkafka does not support delegation tokens (tokenauth); use a user name and password".to_owned()
                    );
                }
            }
            Module::OAuthBearer => {
                let spaced =
                    UNSECURED.iter().find(|(name, _)| self.get(name).is_some_and(|value| value.contains(char::is_whitespace)));
                if let Some((name, _)) = spaced {
                    return Err(format!("the value of {name} has whitespace, which librdkafka does not support"));
                }
                // librdkafka separates extensions by commas, but those of an unsecured token by whitespace.
                let unsecured = self.get(UNSECURED[0].0).is_some();
                let separates = |c: char| if unsecured { c.is_whitespace() } else { c == ',' };
                if let Some((name, _)) = self.named_extensions().find(|(_, value)| value.contains(separates)) {
                    let what = if unsecured { "whitespace" } else { "a comma" };
                    return Err(format!("the value of extension_{name} has {what}, which librdkafka does not support"));
                }
            }
        }
        Ok(())
    }

    /// The value of an option.
    pub(crate) fn get(&self, option: &str) -> Option<&str> {
        self.options.get(option).map(Secret::expose)
    }

    /// Whether there is any option.
    pub(crate) fn has_options(&self) -> bool {
        !self.options.is_empty()
    }

    /// The SASL extensions as `NAME=VALUE`, separated by commas.
    pub(crate) fn extensions(&self) -> Option<Secret> {
        let extensions: Vec<String> = self.named_extensions().map(|(name, value)| format!("{name}={value}")).collect();
        (!extensions.is_empty()).then(|| extensions.join(",").into())
    }

    fn named_extensions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().filter_map(|(name, value)| Some((name.strip_prefix("extension_")?, value.expose())))
    }

    /// The value of librdkafka's `sasl.oauthbearer.config` for an unsecured token, if the options request one.
    pub(crate) fn unsecured(&self) -> Option<Secret> {
        self.get("unsecuredLoginStringClaim_sub")?;
        let mut parts: Vec<String> =
            UNSECURED.iter().filter_map(|(name, short)| Some(format!("{short}={}", self.get(name)?))).collect();
        parts.extend(self.named_extensions().map(|(name, value)| format!("extension_{name}={value}")));
        Some(parts.join(" ").into())
    }

    /// The values that must never be printed.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        ["password", "clientSecret"].into_iter().filter_map(|option| self.options.get(option))
    }
}

/// The check for the setting.
pub(crate) fn check(text: &str) -> Result<(), String> {
    Jaas::parse(text).map(|_| ())
}

/// The JAAS configuration for a user name and a password, which may have any characters.
pub(super) fn login(mechanism: SaslMechanism, name: &str, password: &str) -> String {
    let class = match mechanism {
        SaslMechanism::Plain => "org.apache.kafka.common.security.plain.PlainLoginModule",
        _ => "org.apache.kafka.common.security.scram.ScramLoginModule",
    };
    format!("{class} required username=\"{}\" password=\"{}\";", quoted(name), quoted(password))
}

/// Escapes a text for a quoted JAAS value.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() * 2);
    push_quoted(&mut quoted, text);
    quoted
}

pub(super) fn push_quoted(quoted: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            c => quoted.push(c),
        }
    }
}

fn unknown_module(class: &str) -> String {
    let known = "must be one of PlainLoginModule, ScramLoginModule, OAuthBearerLoginModule";
    if class.ends_with("Krb5LoginModule") {
        return "is for Kerberos; set librdkafka.sasl.kerberos.principal and librdkafka.sasl.kerberos.keytab instead".to_owned();
    }
    match class.strip_suffix("LoginModule") {
        Some(_) if class.contains('.') => format!("unknown login module {class}; {known}"),
        _ => format!("must begin with the class of a login module; {known}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
    const OAUTH: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";

    fn error(text: &str) -> String {
        match Jaas::parse(text) {
            Ok(_) => panic!("{text} was accepted"),
            Err(message) => message,
        }
    }

    #[test]
    fn user_name_and_password_in_every_notation() {
        for options in [
            r#"username="alice" password="s3\"c\\r\145t";"#,
            "username=alice password='s3\"c\\\\r\\145t' ;",
            "/* who */ username = alice // then\n password = \"s3\\\"c\\\\r\\145t\";",
        ] {
            let jaas = Jaas::parse(&format!("{PLAIN} required {options}")).unwrap();
            assert_eq!(jaas.module, Module::Plain);
            assert_eq!(jaas.get("username"), Some("alice"));
            assert_eq!(jaas.get("password"), Some("s3\"c\\ret"), "{options}");
            assert!(jaas.secrets().map(Secret::expose).eq(["s3\"c\\ret"]));
        }
        let scram =
            Jaas::parse("org.apache.kafka.common.security.scram.ScramLoginModule REQUIRED username=\"a\" password=\"b\";");
        assert_eq!(scram.map(|jaas| jaas.module), Ok(Module::Scram));
    }

    #[test]
    fn options_for_token_endpoints_and_unsecured_tokens() {
        let jaas = Jaas::parse(&format!(
            r#"{OAUTH} required clientId="me" clientSecret="shh" scope="a b" extension_org="x" extension_team="y";"#
        ))
        .unwrap();
        assert_eq!((jaas.get("clientId"), jaas.get("scope")), (Some("me"), Some("a b")));
        assert_eq!(jaas.extensions().as_ref().map(Secret::expose), Some("org=x,team=y"));
        assert!(jaas.unsecured().is_none());
        assert!(jaas.secrets().map(Secret::expose).eq(["shh"]));
        let jaas = Jaas::parse(&format!(
            r#"{OAUTH} required unsecuredLoginStringClaim_sub="alice" unsecuredLoginLifetimeSeconds="60" extension_org="x";"#
        ))
        .unwrap();
        assert_eq!(jaas.unsecured().as_ref().map(Secret::expose), Some("principal=alice lifeSeconds=60 extension_org=x"));
    }

    #[test]
    fn errors_are_those_of_java_and_show_no_value() {
        for (text, wanted) in [
            (String::new(), "has no login module"),
            (PLAIN.to_owned(), "no control flag"),
            (format!("{PLAIN} username=\"a\""), "no control flag"),
            (format!("{PLAIN} required username=\"a\" password=\"SECRET\""), "must end with a semicolon"),
            (format!("{PLAIN} required username=\"a\" password=\"SECRET;"), "not closed"),
            (format!("{PLAIN} required username=\"a\" password=1SECRET;"), "option password has no value"),
            (format!("{PLAIN} required username=\"a\" password=a SECRET;"), "option 3 is unknown"),
            (format!("{PLAIN} required username=\"a\" password=a/SECRET;"), "must end with a semicolon"),
            (format!("{PLAIN} required username=\"a\" password=a+SECRET;"), "name of option 3"),
            (format!("{PLAIN} required username=\"a\" pasword=\"SECRET\";"), "option 2 is unknown"),
            (format!("{PLAIN} required username=\"a\" username=\"SECRET\";"), "duplicate option username"),
            (format!("{PLAIN} required password=\"SECRET\";"), "no option username"),
            (format!("{PLAIN} required username=\"a\" password=\"SECRET\"; {PLAIN} required;"), "after the semicolon"),
            (format!("{OAUTH} required unsecuredLoginStringClaim_sub=\"a SECRET\";"), "has whitespace"),
            (format!("{OAUTH} required unsecuredLoginStringClaim_sub=\"a\" extension_b=\"a SECRET\";"), "has whitespace"),
            (format!("{OAUTH} required clientId=\"a\" clientSecret=\"b\" extension_b=\"a,SECRET=1\";"), "has a comma"),
            ("username=\"a\" password=\"SECRET\";".to_owned(), "must be one of PlainLoginModule"),
            ("SECRET required;".to_owned(), "must be one of PlainLoginModule"),
            ("com.sun.security.auth.module.Krb5LoginModule required keyTab=\"x\";".to_owned(), "librdkafka.sasl.kerberos.keytab"),
            ("a.b.ScramLoginModule required username=\"a\" password=\"b\" tokenauth=true;".to_owned(), "delegation tokens"),
        ] {
            let message = error(&text);
            assert!(message.contains(wanted), "{text}: {message}");
            assert!(!message.contains("SECRET"), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}", tail in "[ a-z=;\"'\\\\/*0-9]{0,60}") {
            let _ = Jaas::parse(&text);
            let _ = Jaas::parse(&format!("{PLAIN} required {tail}"));
        }

        #[test]
        fn every_quoted_password_is_parsed_back(password in "[^\\x00-\\x1f]{0,30}") {
            let quoted = password.replace('\\', "\\\\").replace('"', "\\\"");
            let jaas = Jaas::parse(&format!("{PLAIN} required username=\"a\" password=\"{quoted}\";")).unwrap();
            prop_assert_eq!(jaas.get("password"), Some(password.as_str()));
        }
    }
}
