//! The long form: ottla against `fastavro` and Confluent's deserializer, in both directions.

use std::{env, ffi::OsStr, fs, process};

use super::{Case, Registry, chain, exchange::exchanged, first_seed, read, schema::Limits};
use serde_json::{Value as Json, json};

/// Runs a program of tests/python and returns its output.
pub(super) fn python(program: &str, arguments: &[&OsStr]) -> String {
    let python = env::var("INTEROP_PYTHON").expect("INTEROP_PYTHON is not set: make interop");
    let path = format!("{}/tests/python/{program}", env!("CARGO_MANIFEST_DIR"));
    let output = process::Command::new(python).arg(path).args(arguments).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program}: {stdout}{stderr}");
    stdout.trim().to_owned()
}

/// Compares numbers by value, since Python may return another type.
fn is_equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_equal(a, b)))
        }
        (a, b) => a == b,
    }
}

#[test]
#[ignore = "needs Python with fastavro and confluent-kafka: make interop"]
fn python_reads_and_resolves_the_random_avro_values() {
    let count: u64 = env::var("INTEROP_CASES").map_or(3000, |count| count.parse().unwrap());
    let registry = Registry::start();
    let first = first_seed();
    let cases: Vec<(Case, Vec<u8>)> = (first..first + count)
        .map(|seed| {
            let case = Case::new(seed, Limits::Python);
            let data =
                registry.write(seed, &case.written, &case.value).unwrap_or_else(|error| panic!("{seed}: {}", chain(&*error)));
            (case, data)
        })
        .collect();
    let lines = cases.iter().map(|(case, data)| {
        json!({
            "seed": case.seed,
            "writer": case.written.json(),
            "reader": case.read.json(),
            "value": exchanged(&case.written, &case.value),
            "expected": case.expected.as_ref().map_or(json!("none"), |value| json!([exchanged(&case.read, value)])),
            "bytes": data[5..].iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        })
        .to_string()
    });
    let folder = tempfile::tempdir().unwrap();
    let (given, answers) = (folder.path().join("cases.jsonl"), folder.path().join("answers.jsonl"));
    fs::write(&given, lines.collect::<Vec<_>>().join("\n")).unwrap();
    println!("{}", python("avro_differential.py", &[given.as_os_str(), answers.as_os_str()]));

    // The values that Python wrote, in the order of the cases.
    let answers = fs::read_to_string(answers).unwrap();
    let mut compared = 0;
    for (line, (case, data)) in answers.lines().zip(&cases) {
        let written: Vec<String> = serde_json::from_str(line).unwrap();
        for hex in written {
            let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
            let value = read(&registry.codec(&case.written), &[&data[..5], &bytes].concat());
            let value = value.unwrap_or_else(|error| panic!("{}: {}", case.seed, chain(&*error)));
            let (ours, theirs) = (exchanged(&case.written, &case.value), exchanged(&case.written, &value));
            assert!(is_equal(&ours, &theirs), "OTTLA_TEST_SEED={}\n{ours}\n{theirs}", case.seed);
            compared += 1;
        }
    }
    assert!(compared > cases.len());
    println!("{compared} values that Python wrote");
}
