//! The command with credentials that are not taken.

use ottla_test_support::{
    folder::Folder,
    secured::{SECRETS, Secured, login},
};

use crate::{
    arguments,
    command::{example, run},
};

#[test]
#[ignore = "needs Kafka: make test-broker"]
fn a_wrong_password_is_told_with_the_broker_that_refused_it() {
    let secured = Secured::start();
    let folder = Folder::new();
    let settings = secured.settings("SASL_SSL", login("SCRAM-SHA-512", "alice", "wrong-secret"));
    let lines: Vec<_> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let config = folder.file("producer.properties", lines.join("\n"));
    let arguments = arguments!["produce", "-c", config, "--topic", "any", "--input", example("data/flights-sample.csv")];
    let ended = run(arguments).with(3).saying(&["the broker rejected the user name and password", secured.address("SASL_SSL")]);
    assert_eq!(ended.stdout, "");
    assert!(!SECRETS.iter().any(|secret| ended.stderr.contains(secret)), "{}", ended.stderr);
}
