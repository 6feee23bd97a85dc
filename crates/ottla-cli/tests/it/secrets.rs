//! The output, logs and files of the command show no secret.

use ottla_test_support::{
    echoing_broker::EchoingBroker,
    folder::Folder,
    secrets::{LOGIN, STEM, jaas, planted},
    seen::Seen,
};

use crate::{
    arguments,
    command::{Ended, Start as _, command, end, run},
};

fn see(seen: &mut Seen, ended: &Ended) {
    seen.text("stdout", &ended.stdout);
    seen.text("stderr", &ended.stderr);
}

#[test]
fn no_secret_in_config_check_and_explain() {
    let (folder, mut seen) = (Folder::new(), Seen::default());
    for (name, value) in planted() {
        let quoted = serde_json::to_string(&value).unwrap();
        let text = format!(
            "[producer]\nbootstrap.servers = \"localhost:1\"\nsecurity.protocol = \"SASL_SSL\"\nsasl.mechanism = \"PLAIN\"\n\
             ssl.keystore.type = \"PEM\"\n\"{name}\" = {quoted}\n"
        );
        let mut texts = vec![format!("{text}acks = {value}\n"), text.clone()];
        // The name of an unknown setting in the command's own tables is shown.
        if name != STEM {
            texts.push(format!("{text}[schema.registry]\n\"{name}\" = {quoted}\n"));
        }
        for text in texts {
            let file = folder.file("orders.toml", text);
            see(&mut seen, &run(arguments!["config", "check", file]));
            see(&mut seen, &run(arguments!["config", "explain", file]));
        }
    }
    let file = folder.file("plain.toml", "[producer]\nbootstrap.servers = \"localhost:1\"\n");
    for flag in ["sasl.jaas.config=hunter2", "sasl.jaas.confg=hunter2", "hunter2"] {
        see(&mut seen, &run(arguments!["config", "explain", file, "--set", flag]).with(2));
    }
    seen.search(&["stdout", "stderr"]);
}

/// A configuration with credentials that logs everything.
fn logging_in(broker: &EchoingBroker) -> String {
    format!(
        "topic = \"orders\"\n[producer]\nbootstrap.servers = \"{}\"\nsecurity.protocol = \"SASL_PLAINTEXT\"\nsasl.mechanism = \"PLAIN\"\n\
         sasl.jaas.config = '{}'\nenable.idempotence = false\nrequest.timeout.ms = 1000\ndelivery.timeout.ms = 2000\nmax.block.ms = 2000\n\
         librdkafka.debug = \"all\"\n[schema.registry]\nurl = \"http://{LOGIN}@localhost:1\"\n",
        broker.address(),
        jaas("hunter2-jaas")
    )
}

#[test]
fn no_secret_in_the_output_of_a_rejected_client() {
    let (folder, mut seen, broker) = (Folder::new(), Seen::default(), EchoingBroker::start());
    let file = folder.file("orders.toml", logging_in(&broker));
    let input = folder.file("orders.jsonl", "{\"id\": 1}\n");
    let produce = arguments!["produce", "-c", file, "--input", input, "--report", "json"];
    let consume = arguments!["consume", "-c", file, "--topic", "orders", "--max", "1", "--idle", "3"];
    for run in [command(produce), command(consume)] {
        let mut run = run;
        let ended = end(run.env("RUST_LOG", "trace").start());
        assert!(ended.code > 0, "{ended:?}");
        assert!(ended.stderr.contains("DEBUG ottla::librdkafka"), "{ended:?}");
        assert!(ended.stderr.contains("no access with alice"), "{ended:?}");
        see(&mut seen, &ended);
    }
    let schema = folder.file("order.avsc", r#""string""#);
    see(&mut seen, &run(arguments!["schema", "check", schema, "--subject", "orders-value", "-c", file]).with(3));
    seen.search(&["stderr"]);
}

#[test]
fn no_secret_in_reports_and_dead_letters() {
    for report in ["json", "text"] {
        let (folder, mut seen, broker) = (Folder::new(), Seen::default(), EchoingBroker::turning());
        let (file, letters) = (folder.file("orders.toml", logging_in(&broker)), folder.path("letters.jsonl"));
        let input = folder.file("orders.jsonl", "{\"id\": 1}\nnot JSON\n");
        let produce = arguments!["produce", "-c", file, "--input", input, "--report", report, "--dead-letter", letters];
        let ended = run(produce).with(1);
        if report == "json" {
            assert_eq!(ended.report()["failed"], 2, "{ended:?}");
        }
        see(&mut seen, &ended);
        let letters = std::fs::read_to_string(letters).unwrap();
        assert!(letters.lines().count() == 2 && letters.contains("no access with alice"), "{letters}");
        seen.text("dead letters", letters);
        seen.search(if report == "json" { &["stdout", "dead letters"] } else { &["stderr", "dead letters"] });
    }
}
