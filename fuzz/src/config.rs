//! The parsers of configurations: the first byte chooses TOML, YAML, JSON or `.properties`, the rest is the text.

use ottla::{ProducerConfig, config::Format};

/// Reads the text and formats everything that can be shown of it. A configuration that is written and read again is equal.
pub(crate) fn run(data: &[u8]) {
    let Some((which, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    // Other files are not an input of this target, and some files are endless.
    if text.contains("${") {
        return;
    }
    let format = [Format::Toml, Format::Yaml, Format::Json, Format::Properties][usize::from(which % 4)];
    let config = match ProducerConfig::from_str(text, format) {
        Ok(config) => config,
        Err(error) => {
            assert!(!error.problems().is_empty());
            assert!(error.to_string().lines().count() >= error.problems().len());
            return;
        }
    };
    let _ = (format!("{config:?}"), config.explain().to_string(), config.warnings(), config.check());
    let written = serde_json::to_string(&config).expect("a configuration is a map of strings");
    if !written.contains(ottla::config::HIDDEN) {
        let again: ProducerConfig = serde_json::from_str(&written).expect("an accepted configuration is accepted again");
        assert_eq!(serde_json::to_string(&again).expect("as above"), written);
    }
}
