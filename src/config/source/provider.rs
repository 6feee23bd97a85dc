//! [`Providers`]: the standard providers of Java's `config.providers`, in a `.properties` file (KIP-297, KIP-421, KIP-993).
//!
//! Java leaves a placeholder without a value as it is. Here it is an error, as for the other placeholders.

use std::{
    borrow::Cow,
    collections::HashMap,
    env,
    path::{self, Component, Path, PathBuf},
};

use super::{Pair, name_pattern::NamePattern, placeholder, properties};
use crate::secret::Secret;

/// The setting that names the providers, and the beginning of the names of their own settings.
const PROVIDERS: &str = "config.providers";

/// The providers of a file, by alias.
#[derive(Default)]
pub(super) struct Providers(HashMap<String, Provider>);

struct Provider {
    kind: Kind,
    /// Absolute and without `..`; `None` for all.
    allowed_paths: Option<Vec<PathBuf>>,
    allowed_names: Option<NamePattern>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
    Environment,
}

/// An error in a provider's setting.
pub(super) struct Rejected {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) message: String,
}

/// Whether a name is `config.providers`, or the setting of a provider.
pub(super) fn owns(name: &str) -> bool {
    name.strip_prefix(PROVIDERS).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Providers {
    /// Reads the providers' settings. With an error, the provider is left out.
    pub(super) fn read(pairs: &[Pair]) -> (Self, Vec<Rejected>) {
        let settings: Vec<(usize, &str, &str)> = pairs
            .iter()
            .filter(|pair| owns(&pair.name))
            .filter_map(|pair| Some((pair.line, pair.name.as_str(), pair.value.as_ref().ok()?.expose().trim())))
            .collect();
        let mut rejected = Vec::new();
        let mut reject = |line, name: &str, message: String| rejected.push(Rejected { line, name: name.to_owned(), message });
        let mut providers = HashMap::new();
        let listed = settings.iter().find(|(_, name, _)| *name == PROVIDERS);
        let aliases: Vec<&str> = listed
            .into_iter()
            .flat_map(|(_, _, list)| list.split(','))
            .map(str::trim)
            .filter(|alias| !alias.is_empty())
            .collect();
        if let Some((line, ..)) = listed {
            if (1..aliases.len()).any(|index| aliases[..index].contains(&aliases[index])) {
                reject(*line, PROVIDERS, "has a duplicate; remove it".to_owned());
            }
        }
        for alias in &aliases {
            let class = format!("{PROVIDERS}.{alias}.class");
            let Some((line, name, value)) = settings.iter().find(|(_, name, _)| *name == class) else {
                let line = listed.map_or(0, |(line, ..)| *line);
                reject(line, PROVIDERS, format!("{class} is not set; set it to the provider's class"));
                continue;
            };
            match Kind::of_class(value) {
                Some(kind) => drop(providers.insert((*alias).to_owned(), Provider { kind, allowed_paths: None, allowed_names: None })),
                None => reject(*line, name, "is not supported; must be FileConfigProvider, DirectoryConfigProvider or EnvVarConfigProvider of org.apache.kafka.common.config.provider. Write the secrets to files with a program of the store, and use one of these".to_owned()),
            }
        }
        for (line, name, value) in &settings {
            let Some((alias, setting)) = name.strip_prefix(PROVIDERS).and_then(|rest| rest.strip_prefix('.')?.split_once('.'))
            else {
                continue;
            };
            let known = aliases.contains(&alias);
            let message = match (providers.get_mut(alias), setting) {
                (_, "class") if known => continue,
                (Some(provider), setting) => provider.set(setting, value).err(),
                (None, _) if known => None,
                (None, _) => {
                    Some(format!("belongs to no provider: {PROVIDERS} does not contain this alias; add it or remove the setting"))
                }
            };
            message.into_iter().for_each(|message| reject(*line, name, message));
        }
        (Self(providers), rejected)
    }

    /// The value of a placeholder `${ALIAS:..}`; `None` if there is no such provider.
    pub(super) fn value(&self, name: &str) -> Option<Result<Secret, String>> {
        let (alias, rest) = name.split_once(':')?;
        Some(self.0.get(alias)?.value(rest))
    }
}

impl Kind {
    fn of_class(class: &str) -> Option<Self> {
        match class.strip_prefix("org.apache.kafka.common.config.provider.").unwrap_or(class) {
            "FileConfigProvider" => Some(Self::File),
            "DirectoryConfigProvider" => Some(Self::Directory),
            "EnvVarConfigProvider" => Some(Self::Environment),
            _ => None,
        }
    }
}

impl Provider {
    fn set(&mut self, setting: &str, value: &str) -> Result<(), String> {
        match (setting, self.kind) {
            ("param.allowed.paths", Kind::File | Kind::Directory) => {
                let paths = value.split(',').map(str::trim).filter(|path| !path.is_empty());
                let paths: Result<Vec<PathBuf>, String> = paths
                    .map(|path| match Path::new(path) {
                        path if !path.is_absolute() => Err(format!("{} is not an absolute path", path.display())),
                        path if !path.exists() => Err(format!("{} does not exist", path.display())),
                        path => Ok(normal(path)),
                    })
                    .collect();
                self.allowed_paths = Some(paths?).filter(|paths| !paths.is_empty());
            }
            ("param.allowlist.pattern", Kind::Environment) => {
                self.allowed_names = Some(NamePattern::parse(value)?);
            }
            _ => {
                return Err(match self.kind {
                    Kind::File | Kind::Directory => {
                        "unknown setting; a provider of files has class and param.allowed.paths".to_owned()
                    }
                    Kind::Environment => {
                        "unknown setting; a provider of environment variables has class and param.allowlist.pattern".to_owned()
                    }
                });
            }
        }
        Ok(())
    }

    /// The value of a placeholder; `rest` is what follows the alias. Errors do not contain values.
    fn value(&self, rest: &str) -> Result<Secret, String> {
        match (self.kind, rest.split_once(':')) {
            (Kind::Environment, None) => self.variable(rest),
            (Kind::Environment, Some(_)) => {
                Err("has a path for a provider of environment variables; write ${ALIAS:NAME}".to_owned())
            }
            (Kind::File, Some((path, key))) => self.property(path, key),
            // ottla's own placeholder for a whole file.
            (Kind::File, None) => self.allowed(rest).and_then(|path| placeholder::text_of(&path)),
            (Kind::Directory, Some((path, key))) => self.entry(path, key),
            (Kind::Directory, None) => Err("has no key; write ${ALIAS:DIRECTORY:FILE}".to_owned()),
        }
    }

    fn variable(&self, name: &str) -> Result<Secret, String> {
        if self.allowed_names.as_ref().is_some_and(|allowed| !allowed.matches(name)) {
            return Err(format!("the environment variable {name} is not allowed by allowlist.pattern"));
        }
        match env::var(name) {
            Ok(value) => Ok(value.into()),
            Err(env::VarError::NotPresent) => Err(format!("the environment variable {name} is not set")),
            Err(env::VarError::NotUnicode(_)) => Err(format!("the environment variable {name} is not UTF-8")),
        }
    }

    /// A property of a file. The last one counts, as in Java.
    fn property(&self, path: &str, key: &str) -> Result<Secret, String> {
        let text = placeholder::whole_text_of(&self.allowed(path)?)?;
        let (pairs, broken) = properties::parse(text.expose());
        if let Some(broken) = broken.first() {
            return Err(format!("the file {path} is invalid: line {} {}", broken.line, broken.what));
        }
        let found = pairs.into_iter().rev().find(|pair| pair.name == key).and_then(|pair| pair.value.ok());
        found.ok_or_else(|| format!("the file {path} has no key {key}"))
    }

    /// The content of a file in a directory.
    fn entry(&self, directory: &str, file: &str) -> Result<Secret, String> {
        if file.is_empty() || file == "." || file == ".." || file.contains(['/', path::MAIN_SEPARATOR]) {
            return Err("has a key that is not the name of a file in the directory; write ${ALIAS:DIRECTORY:FILE}".to_owned());
        }
        let path = Path::new(&*self.allowed(directory)?).join(file);
        placeholder::whole_text_of(&path.to_string_lossy())
    }

    /// Checks a path against `allowed.paths`, and returns the one to open. As in Java that is the path without `..`: behind a symbolic link
    /// `..` leads elsewhere.
    fn allowed<'a>(&self, path: &'a str) -> Result<Cow<'a, str>, String> {
        let Some(allowed) = &self.allowed_paths else { return Ok(path.into()) };
        let normal = path::absolute(path).ok().map(|path| normal(&path));
        let within = normal.filter(|path| allowed.iter().any(|allowed| path.starts_with(allowed)));
        let within = within.and_then(|path| path.into_os_string().into_string().ok());
        within.map(Cow::from).ok_or_else(|| format!("the path {path} is not within allowed.paths"))
    }
}

/// An absolute path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, part| {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            part => normal.push(part),
        }
        normal
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::config::{Format, ProducerConfig};

    const CLASS: &str = "org.apache.kafka.common.config.provider.";

    fn read(text: &str) -> Result<ProducerConfig, String> {
        ProducerConfig::from_str(text, Format::Properties).map_err(|error| error.to_string())
    }

    fn provider(alias: &str, class: &str) -> String {
        format!("config.providers={alias}\nconfig.providers.{alias}.class={CLASS}{class}\n")
    }

    #[test]
    fn values_are_read_from_files_directories_and_variables() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        fs::write(folder.path().join("keys.properties"), "id=old\npass word = x \nid = alice\n").unwrap();
        fs::write(folder.path().join("name"), "bob").unwrap();
        let text = format!(
            "client.id=${{file:{path}/keys.properties:id}}-${{d:{path}:name}}\ntransactional.id=<${{env:CARGO_PKG_NAME}}>\n\
             config.providers = file, d , env\nconfig.providers.file.class={CLASS}FileConfigProvider\n\
             config.providers.d.class={CLASS}DirectoryConfigProvider\nconfig.providers.env.class=EnvVarConfigProvider\n"
        );
        let config = read(&text).unwrap();
        assert_eq!(config.get("client.id"), Some("alice-bob"));
        assert_eq!(config.get("transactional.id"), Some("<ottla>"));
        assert_eq!(config.get("config.providers"), None, "it is only about the file");
        // ottla's own placeholders still work, and a value from a file is not expanded again.
        fs::write(folder.path().join("own"), "${env:CARGO_PKG_NAME}\n").unwrap();
        let own = read(&format!("{}client.id=${{file:{path}/own}}${{CARGO_PKG_NAME}}", provider("file", "FileConfigProvider")));
        assert_eq!(own.unwrap().get("client.id"), Some("${env:CARGO_PKG_NAME}ottla"));
    }

    #[test]
    fn a_password_from_a_provider_may_have_any_character() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "hun\"ter;2").unwrap();
        let text = format!(
            "{}sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" \
             password=\"${{dir:{}:secret}}\";",
            provider("dir", "DirectoryConfigProvider"),
            folder.path().display()
        );
        let config = read(&text).unwrap();
        assert_eq!(config.sasl_credentials(), Some(("u".to_owned(), "hun\"ter;2".to_owned())));
    }

    #[test]
    fn missing_values_are_errors_that_show_no_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        fs::write(folder.path().join("keys"), "password=hunter2\n").unwrap();
        fs::write(folder.path().join("broken"), "password=hunter2\\u12\n").unwrap();
        let file = provider("file", "FileConfigProvider");
        let directory = provider("dir", "DirectoryConfigProvider");
        let variables = provider("env", "EnvVarConfigProvider");
        for (providers, placeholder, wanted) in [
            (&file, format!("file:{path}/keys:user"), "/keys has no key user"),
            (&file, format!("file:{path}/none:user"), "/none: no such file"),
            (&file, format!("file:{path}/broken:user"), "/broken is invalid: line 1 has a \\u without four hexadecimal digits"),
            (&directory, format!("dir:{path}:none"), "/none: no such file"),
            (&directory, format!("dir:{path}:../keys"), "has a key that is not the name of a file"),
            (&directory, format!("dir:{path}"), "has no key; write ${ALIAS:DIRECTORY:FILE}"),
            (&variables, "env:OTTLA_TEST_NONE".to_owned(), "the environment variable OTTLA_TEST_NONE is not set"),
            (&variables, "env:a:b".to_owned(), "has a path for a provider of environment variables"),
            (&variables, "vault:a:b".to_owned(), "names no provider in config.providers"),
        ] {
            let error = read(&format!("{providers}retries=${{{placeholder}}}")).unwrap_err();
            assert!(error.starts_with("line 3: retries: ") && error.contains(wanted), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let error = read(&format!("{file}retries=${{file:{path}/keys:password}}")).unwrap_err();
        assert!(error.contains("is not a whole number") && !error.contains("hunter2"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn dots_behind_a_symbolic_link_do_not_leave_the_allowed_paths() {
        let folder = tempfile::tempdir().unwrap();
        let (allowed, other) = (folder.path().join("allowed"), folder.path().join("other"));
        fs::create_dir(&allowed).unwrap();
        fs::create_dir_all(other.join("deep")).unwrap();
        std::os::unix::fs::symlink(other.join("deep"), allowed.join("link")).unwrap();
        for (place, id) in [(&other, "secret"), (&allowed, "alice")] {
            fs::write(place.join("keys"), format!("id={id}\n")).unwrap();
        }
        let path = allowed.display();
        let provider = provider("file", "FileConfigProvider");
        let text =
            format!("{provider}config.providers.file.param.allowed.paths={path}\nclient.id=${{file:{path}/link/../keys:id}}");
        assert_eq!(read(&text).unwrap().get("client.id"), Some("alice"));
    }

    #[test]
    fn allowed_paths_and_names_limit_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        fs::create_dir(folder.path().join("in")).unwrap();
        for name in ["in/keys", "keys"] {
            fs::write(folder.path().join(name), "a=1\n").unwrap();
        }
        let file = format!("{}config.providers.file.param.allowed.paths={path}/in\n", provider("file", "FileConfigProvider"));
        for (placeholder, is_allowed) in [
            (format!("{path}/in/keys:a"), true),
            (format!("{path}/../{}/in/./keys:a", folder.path().file_name().unwrap().to_str().unwrap()), true),
            (format!("{path}/in/../keys:a"), false),
            (format!("{path}/keys:a"), false),
            (format!("{path}/keys"), false),
        ] {
            let read = read(&format!("{file}client.id=${{file:{placeholder}}}"));
            assert_eq!(read.is_ok(), is_allowed, "{placeholder}");
            assert!(read.is_ok() || read.unwrap_err().contains("is not within allowed.paths"), "{placeholder}");
        }
        let variables = format!(
            "{}config.providers.env.param.allowlist.pattern=CARGO_PKG_N.*|HOME\n",
            provider("env", "EnvVarConfigProvider")
        );
        assert!(read(&format!("{variables}client.id=${{env:CARGO_PKG_NAME}}")).is_ok());
        let error = read(&format!("{variables}client.id=${{env:CARGO_PKG_VERSION}}")).unwrap_err();
        assert!(error.contains("CARGO_PKG_VERSION is not allowed by allowlist.pattern"), "{error}");
    }

    #[test]
    fn invalid_providers_are_errors() {
        for (text, wanted) in [
            (
                provider("vault", "x.VaultConfigProvider").replace(CLASS, "com."),
                "line 2: config.providers.vault.class: is not supported; must be FileConfigProvider",
            ),
            ("config.providers=file".to_owned(), "line 1: config.providers: config.providers.file.class is not set"),
            ("config.providers.file.class=x".to_owned(), "line 1: config.providers.file.class: belongs to no provider"),
            (provider("a,a", "FileConfigProvider"), "line 1: config.providers: has a duplicate"),
            (
                provider("env", "EnvVarConfigProvider") + "config.providers.env.param.allowed.paths=/",
                "line 3: config.providers.env.param.allowed.paths: unknown setting",
            ),
            (
                provider("env", "EnvVarConfigProvider") + "config.providers.env.param.allowlist.pattern=[A-Z]",
                "line 3: config.providers.env.param.allowlist.pattern: has an unsupported",
            ),
            (
                provider("file", "FileConfigProvider") + "config.providers.file.param.allowed.paths=etc",
                "etc is not an absolute path",
            ),
            (
                provider("file", "FileConfigProvider") + "config.providers.file.param.allowed.paths=/no/such/path",
                "/no/such/path does not exist",
            ),
            (
                provider("file", "FileConfigProvider") + "config.providers=file",
                "line 3: config.providers: duplicate key, first set on line 1",
            ),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(wanted), "{text}\n{error}");
        }
        for (text, format) in [("config.providers = \"file\"", Format::Toml), ("{\"config.providers\": \"file\"}", Format::Json)]
        {
            let error = ProducerConfig::from_str(text, format).unwrap_err().to_string();
            assert!(error.contains("is supported only in a .properties file"), "{error}");
        }
        let error = ProducerConfig::new().set("config.providers.file.class", "x").unwrap_err().to_string();
        assert!(error.contains("is supported only in a .properties file"), "{error}");
    }
}
