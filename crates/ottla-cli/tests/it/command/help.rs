//! Compares `--help` with snapshots; `OTTLA_UPDATE_SNAPSHOTS=1 cargo test -p ottla-cli help` updates them.

use std::{fs, path::Path};

use super::{Start as _, command, end, run};

#[test]
fn help_matches_the_snapshots() {
    for (name, arguments) in [
        ("ottla", &["--help"][..]),
        ("produce", &["produce", "--help"]),
        ("consume", &["consume", "--help"]),
        ("perf", &["perf", "--help"]),
        ("checkpoint", &["checkpoint", "--help"]),
        ("checkpoint-show", &["checkpoint", "show", "--help"]),
        ("checkpoint-reset", &["checkpoint", "reset", "--help"]),
        ("topic", &["topic", "--help"]),
        ("topic-describe", &["topic", "describe", "--help"]),
        ("config", &["config", "--help"]),
        ("check", &["config", "check", "--help"]),
        ("explain", &["config", "explain", "--help"]),
        ("schema", &["schema", "--help"]),
        ("schema-check", &["schema", "check", "--help"]),
        ("schema-register", &["schema", "register", "--help"]),
        ("health", &["health", "--help"]),
        ("completions", &["completions", "--help"]),
        ("man", &["man", "--help"]),
    ] {
        let mut help = command(arguments);
        help.env("COLUMNS", "100");
        let ended = end(help.start()).with(0);
        assert_eq!(ended.stderr, "", "{name}");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/help").join(format!("{name}.txt"));
        if std::env::var_os("OTTLA_UPDATE_SNAPSHOTS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &ended.stdout).unwrap();
        }
        let snapshot = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(ended.stdout, snapshot, "{} is out of date", path.display());
    }
}

#[test]
fn completions_include_the_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = run(["completions", shell]).with(0);
        assert!(["dead-letter", "payload-file"].iter().all(|flag| ended.stdout.contains(flag)), "{shell}");
    }
    run(["completions", "basic"]).with(2);
}

#[test]
fn each_subcommand_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    run(["man", folder.path().to_str().unwrap()]).with(0);
    for (page, text) in
        [("ottla.1", "ottla\\-produce(1)"), ("ottla-produce.1", "dead\\-letter"), ("ottla-config-explain.1", "FILE")]
    {
        let page = fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(page.starts_with(".ie") && page.contains(text), "{page}");
    }
    let ended = run(["man", "/nonexistent/folder"]).with(2);
    assert!(ended.stderr.contains("cannot write the manual pages to /nonexistent/folder"), "{}", ended.stderr);
}

#[test]
fn the_version_is_the_package_version() {
    assert_eq!(run(["--version"]).with(0).stdout, concat!("ottla ", env!("CARGO_PKG_VERSION"), "\n"));
}
