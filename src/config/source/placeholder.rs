//! Placeholders in the values of a configuration file: `${NAME}`, `${NAME:-DEFAULT}`, `${file:PATH}` and those of Java's [`Providers`]; `$${` is a
//! plain `${`.
//!
//! Substituted values are never parsed as syntax: the file is parsed before, and so are values with their own grammar
//! (`jaas::substituted`).

use std::{env, path::Path};

use super::{
    file::{self, MAX_SIZE},
    provider::Providers,
};
use crate::secret::Secret;

/// A part of a text with placeholders.
pub(crate) enum Part {
    /// As written in the file.
    Text(Secret),
    /// The value of a placeholder.
    Value(Secret),
}

impl Part {
    fn secret(self) -> Secret {
        match self {
            Self::Text(secret) | Self::Value(secret) => secret,
        }
    }
}

/// Replaces the placeholders of `text`. `None` if there are none, so that the caller can tell which values came from elsewhere.
///
/// Errors show the names of variables and files, never their content.
pub(super) fn expand(text: &str, providers: &Providers) -> Result<Option<Secret>, String> {
    Ok(parts(text, providers)?.map(joined))
}

/// The parts of a text with placeholders, for values with their own grammar; `None` as for [`expand`].
pub(super) fn parts(text: &str, providers: &Providers) -> Result<Option<Vec<Part>>, String> {
    parts_with(text, providers, &|name| match env::var(name) {
        Ok(value) => Ok(Some(value.into())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(format!("the environment variable {name} is not UTF-8")),
    })
}

fn joined(parts: Vec<Part>) -> Secret {
    let parts: Vec<Secret> = parts.into_iter().map(Part::secret).collect();
    Secret::join(&parts, "")
}

fn parts_with(
    text: &str,
    providers: &Providers,
    variable: &dyn Fn(&str) -> Result<Option<Secret>, String>,
) -> Result<Option<Vec<Part>>, String> {
    let mut parts: Vec<Part> = Vec::new();
    let mut rest = text;
    let (mut found, mut size) = (false, 0);
    while let Some(start) = rest.find("${") {
        found = true;
        if let Some(before) = rest[..start].strip_suffix('$') {
            parts.push(Part::Text(before.into()));
            parts.push(Part::Text("${".into()));
            rest = &rest[start + 2..];
            continue;
        }
        parts.push(Part::Text(rest[..start].into()));
        let inside = &rest[start + 2..];
        let end = inside.find('}').ok_or("has an unclosed ${; write $${ for a plain ${")?;
        let name = &inside[..end];
        let part = match (providers.value(name), name.split_once(':')) {
            (Some(value), _) => value?,
            (None, Some(("file", path))) => text_of(path)?,
            // As in a shell, the default also applies to a variable that is empty.
            (None, Some((name, default))) if default.starts_with('-') && is_variable(name) => {
                if default.contains("${") {
                    return Err(format!("the default of ${{{name}:-..}} has a ${{, which is not replaced there; set {name}"));
                }
                let value = variable(name)?.filter(|value| !value.expose().is_empty());
                value.unwrap_or_else(|| default[1..].into())
            }
            (None, Some(_)) => {
                return Err("has a ${..:..} that names no provider in config.providers; write $${ for a plain ${".to_owned());
            }
            (None, None) if is_variable(name) => {
                variable(name)?.ok_or_else(|| format!("the environment variable {name} is not set"))?
            }
            (None, None) => return Err("has a ${..} with an invalid variable name; write $${ for a plain ${".to_owned()),
        };
        size += part.expose().len();
        if size > MAX_SIZE {
            return Err("the placeholders expand to more than 1 MiB".to_owned());
        }
        parts.push(Part::Value(part));
        rest = &inside[end + 1..];
    }
    parts.push(Part::Text(rest.into()));
    Ok(found.then_some(parts))
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The content of a file without the line end that editors and `echo` add. The path is relative to the working directory, like
/// all other paths in a configuration.
pub(super) fn text_of(path: &str) -> Result<Secret, String> {
    if path.is_empty() || path.contains('\0') {
        return Err("has a ${file:} without a path".to_owned());
    }
    let text = whole_text_of(path)?;
    let text = text.expose().strip_suffix('\n').unwrap_or(text.expose());
    Ok(text.strip_suffix('\r').unwrap_or(text).into())
}

/// The content of a file.
pub(super) fn whole_text_of(path: &str) -> Result<Secret, String> {
    let bytes = file::read(Path::new(path)).map_err(|reason| format!("cannot read the file {path}: {reason}"))?;
    String::from_utf8(bytes).map(Secret::from).map_err(|_| format!("the file {path} is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn expand(text: &str) -> Result<Option<String>, String> {
        let expanded = parts_with(text, &Providers::default(), &|name| match name {
            "HOST" => Ok(Some("broker".into())),
            "ODD" => Ok(Some("${HOST}".into())),
            "EMPTY" => Ok(Some("".into())),
            "BINARY" => Err("is not UTF-8".to_owned()),
            _ => Ok(None),
        });
        expanded.map(|expanded| expanded.map(|parts| joined(parts).expose().to_owned()))
    }

    #[test]
    fn variables_and_escapes() {
        assert_eq!(expand("plain $ { } $HOST"), Ok(None));
        assert_eq!(expand("${HOST}:9092,${HOST}:9093"), Ok(Some("broker:9092,broker:9093".to_owned())));
        assert_eq!(expand("$${HOST} and $$${HOST}"), Ok(Some("${HOST} and $${HOST}".to_owned())));
        assert_eq!(expand("<${EMPTY}>"), Ok(Some("<>".to_owned())));
        assert_eq!(expand("${ODD}"), Ok(Some("${HOST}".to_owned())), "substituted values are not expanded again");
    }

    #[test]
    fn a_default_replaces_a_variable_that_is_not_set_or_empty() {
        let expanded = |text: &str| expand(text).map(Option::unwrap);
        assert_eq!(expanded("${HOST:-localhost}:${PORT:-9092}"), Ok("broker:9092".to_owned()));
        assert_eq!(expanded("<${EMPTY:-a:-b}${NONE:-}>"), Ok("<a:-b>".to_owned()));
        for text in ["${NONE:-${HOST}}", "${HOST:-${NONE}}", "${NONE:-a${HOST:-b}}", "${NONE:-$${HOST}}"] {
            assert!(expand(text).unwrap_err().contains(":-..} has a ${, which is not replaced there; set "), "{text}");
        }
        assert_eq!(expand("${BINARY:-x}"), Err("is not UTF-8".to_owned()));
        assert!(expand("${1:-x}").unwrap_err().contains("names no provider"));
        assert!(expand("${HOST:x}").unwrap_err().contains("names no provider"));
    }

    #[test]
    fn the_last_line_end_of_files_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, "s3cret \r\n").unwrap();
        assert_eq!(expand(&format!("<${{file:{}}}>", path.display())), Ok(Some("<s3cret >".to_owned())));
        fs::write(&path, [0xff]).unwrap();
        assert!(expand(&format!("${{file:{}}}", path.display())).unwrap_err().ends_with("password is not UTF-8"));
        let missing = expand(&format!("${{file:{}/none}}", folder.path().display())).unwrap_err();
        assert!(missing.contains("/none: no such file"), "{missing}");
    }

    #[test]
    fn invalid_placeholders_are_errors() {
        assert_eq!(expand("${NONE}"), Err("the environment variable NONE is not set".to_owned()));
        assert!(expand("pass${word").unwrap_err().contains("$${"));
        let odd = expand("a${not a name}b").unwrap_err();
        assert!(odd.contains("$${") && !odd.contains("not a name"), "{odd}");
        assert!(expand("${}").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics_and_escaped_text_is_unchanged(text in "[a$ {}é]{0,30}") {
            let _ = expand(&text);
            let escaped = text.replace("${", "$${");
            prop_assert_eq!(expand(&escaped).map(|value| value.unwrap_or_else(|| escaped.clone())), Ok(text));
        }
    }
}
