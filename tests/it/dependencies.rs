//! The dependencies of a crate that depends on ottla.

use std::process::Command;

#[test]
fn library_depends_on_no_argument_parser_and_no_runtime() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--package", "ottla", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: Vec<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"rdkafka-sys"), "{tree}");
    for unwanted in ["clap", "tokio", "async-std", "rdkafka", "indicatif", "tikv-jemallocator"] {
        assert!(!names.contains(&unwanted), "{unwanted} is in the tree:\n{tree}");
    }
}
