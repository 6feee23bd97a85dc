//! Random Protobuf messages: ottla against Google's library.

use std::fs;

use ottla::{
    Deserializer, Headers, Serializer,
    serialize::{DeserializeContext, SerializeContext},
};
use ottla_schema_registry::{Protobuf, compile_proto, prost_reflect::DynamicMessage};
use serde::Deserialize;
use serde_json::json;

use super::{Registry, chain, first_seed, python::python};

#[derive(Deserialize)]
struct Case {
    seed: u64,
    text: String,
    message: String,
    bytes: String,
    newer: String,
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// ottla reads the messages of Google's library with the schema that it registered, and writes them again for Google's library to verify.
#[test]
#[ignore = "needs Python with protobuf and grpcio-tools: make interop"]
fn googles_library_verifies_messages_that_ottla_rewrites() {
    let count = std::env::var("INTEROP_CASES").map_or("1000".to_owned(), |count| count);
    let folder = tempfile::tempdir().unwrap();
    let (cases, answers) = (folder.path().join("cases.jsonl"), folder.path().join("answers.jsonl"));
    let seed = first_seed().to_string();
    python("protobuf_differential.py", &["generate".as_ref(), count.as_ref(), seed.as_ref(), cases.as_os_str()]);
    let registry = Registry::start();
    let given = fs::read_to_string(&cases).unwrap();
    let answered = given.lines().map(|line| {
        let case: Case = serde_json::from_str(line).unwrap();
        let failed = |error: &(dyn std::error::Error + 'static)| -> ! {
            panic!("seed {}: {}\n{}", case.seed, chain(error), case.text);
        };
        let pool = compile_proto([("random.proto", case.text.as_str())]).unwrap_or_else(|error| failed(&error));
        let descriptor = pool.get_message_by_name(&case.message).unwrap();
        // Alternates between text and the compiled file.
        let codec = Protobuf::dynamic(&registry.registry).serialized(case.seed % 2 == 0);
        let topic = format!("proto-{}", case.seed);
        let mut json = serde_json::Value::Null;
        let mut again = |data: &str| {
            let value = DynamicMessage::decode(descriptor.clone(), &*bytes(data)).unwrap_or_else(|error| failed(&error));
            let (mut headers, mut framed) = (Headers::new(), Vec::new());
            codec
                .serialize(&value, &mut SerializeContext::new(&topic, &mut headers, false), &mut framed)
                .unwrap_or_else(|error| failed(&*error));
            // The prefix of the message: the id and the message indexes.
            let frame = framed.len() - length(&value);
            let theirs = [&framed[..frame], &bytes(data)].concat();
            let read: DynamicMessage = codec
                .deserialize(Some(&theirs), &DeserializeContext::new(&topic, &headers, false))
                .unwrap_or_else(|error| failed(&*error));
            json = serde_json::to_value(&read).unwrap_or_else(|error| failed(&error));
            let mut written = Vec::new();
            codec
                .serialize(&read, &mut SerializeContext::new(&topic, &mut headers, false), &mut written)
                .unwrap_or_else(|error| failed(&*error));
            hex(&written[frame..])
        };
        let (newer, known) = (again(&case.newer), again(&case.bytes));
        json!({"bytes": known, "newer": newer, "json": json}).to_string()
    });
    let answered: Vec<String> = answered.collect();
    fs::write(&answers, answered.join("\n")).unwrap();
    println!("{}", python("protobuf_differential.py", &["verify".as_ref(), cases.as_os_str(), answers.as_os_str()]));
}

fn length(message: &DynamicMessage) -> usize {
    ottla_schema_registry::prost_reflect::prost::Message::encoded_len(message)
}
