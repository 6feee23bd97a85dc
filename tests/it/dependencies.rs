//! The dependencies of a crate that depends on ottla.

use std::process::Command;

/// The names of all crates that the package depends on, with these arguments of `cargo tree`.
fn dependencies(package: &str, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--package", package, "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: Vec<String> = tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    assert!(names.iter().any(|name| name == "rdkafka-sys"), "{tree}");
    names
}

#[track_caller]
fn assert_without(names: &[String], unwanted: &[&str]) {
    for unwanted in unwanted {
        assert!(!names.iter().any(|name| name == unwanted), "{unwanted} is among {names:?}");
    }
}

#[test]
fn library_depends_on_no_argument_parser_and_no_runtime() {
    let unwanted = ["clap", "tokio", "async-std", "rdkafka", "indicatif", "mimalloc", "ureq", "apache-avro"];
    assert_without(&dependencies("ottla", &[]), &unwanted);
    assert_without(&dependencies("ottla", &["--features", "consumer,testing"]), &unwanted);
}

#[test]
fn program_configured_in_code_compiles_no_parser_of_files() {
    assert_without(&dependencies("ottla", &["--no-default-features", "--features", "tls,zstd,gzip"]), &["toml", "saphyr-parser"]);
    let with_files = dependencies("ottla", &[]);
    assert!(with_files.iter().any(|name| name == "toml"), "{with_files:?}");
}

#[test]
fn command_and_schema_registry_use_one_binding_of_librdkafka() {
    for package in ["ottla-cli", "ottla-schema-registry"] {
        assert_without(&dependencies(package, &[]), &["rdkafka", "tokio"]);
    }
}
