//! The command with credentials that are not taken.

use super::{
    Case,
    secured::{SECRETS, login},
};
use crate::{
    arguments,
    command::{Folder, example, run},
};

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("command: wrong password", |secured| {
        let folder = Folder::new();
        let settings = secured.settings("SASL_SSL", login("SCRAM-SHA-512", "alice", "wrong-secret"));
        let lines: Vec<_> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let config = folder.file("producer.properties", lines.join("\n"));
        let arguments = arguments!["produce", "-c", config, "--topic", "any", "--input", example("data/flights-sample.csv")];
        let ended =
            run(arguments).with(3).saying(&["the broker rejected the user name and password", secured.address("SASL_SSL")]);
        assert_eq!(ended.stdout, "");
        assert!(!SECRETS.iter().any(|secret| ended.stderr.contains(secret)), "{}", ended.stderr);
        ended.stderr.lines().last().unwrap_or_default().to_owned()
    })]
}
