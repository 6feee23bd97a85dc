//! The layers of `src/`: which module may import which. Change the tables here together with the code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The modules, each with those that it imports. Each module may import only modules earlier in this list, so that there are no cycles.
const LAYERS: &[(&str, &[&str])] = &[
    ("page", &[]),
    ("secret", &[]),
    ("deadline", &[]),
    ("lock", &[]),
    ("yielding", &[]),
    ("record", &[]),
    ("panic", &["lock"]),
    ("block_on", &["deadline"]),
    ("native", &["lock", "panic", "record", "secret"]),
    ("partition", &["lock", "record"]),
    ("serialize", &["native", "record"]),
    ("error", &["native", "page", "record", "serialize"]),
    ("token", &[]),
    ("delivery", &["error", "native", "yielding"]),
    ("config", &["error", "page", "secret", "serialize"]),
    ("metrics", &["lock", "native", "page", "panic"]),
    ("intercept", &["delivery", "error", "lock", "native", "panic", "record"]),
    (
        "producer",
        &[
            "block_on",
            "config",
            "deadline",
            "delivery",
            "error",
            "intercept",
            "lock",
            "metrics",
            "native",
            "panic",
            "partition",
            "record",
            "secret",
            "serialize",
            "token",
            "yielding",
        ],
    ),
    ("produce", &["delivery", "error", "producer", "record"]),
    (
        "consumer",
        &["block_on", "config", "deadline", "error", "lock", "native", "panic", "producer", "record", "secret", "serialize"],
    ),
    (
        "testing",
        &[
            "block_on",
            "config",
            "delivery",
            "error",
            "intercept",
            "lock",
            "native",
            "panic",
            "partition",
            "produce",
            "producer",
            "record",
            "serialize",
        ],
    ),
    ("documentation", &[]),
];

/// The folders of `src/producer/`, each with those that it imports. `root` means the files that are directly in `src/producer/`, which
/// may import all: they put the folders together.
const PRODUCER: &[(&str, &[&str])] = &[
    ("prepare", &[]),
    ("authentication", &["root"]),
    ("metadata", &["admission", "root"]),
    ("admission", &["metadata", "prepare", "root", "transaction"]),
    ("delivery", &["admission", "root", "transaction"]),
    ("send", &["admission", "delivery", "prepare", "root"]),
    ("transaction", &["admission", "delivery", "metadata", "root", "send"]),
];

/// What each module imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn modules_import_only_what_their_layer_allows() {
    let (modules, folders) = imports(&sources());
    let problems = [order(LAYERS), differences("", LAYERS, &modules), differences("producer/", PRODUCER, &folders)].concat();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn wrong_import_and_stale_entry_are_reported() {
    let table: &[(&str, &[&str])] = &[("lock", &[]), ("native", &["lock", "panic"])];
    let sources = [("native/client.rs", "use crate::{\n    Error,\n    lock::{lock, read},\n    error::Error as Other,\n};\n")];
    let (modules, _) = imports(&sources.map(|(path, text)| (path.to_owned(), text.to_owned())));
    assert_eq!(
        differences("", table, &modules),
        [
            "src/native must not import error; see tests/it/layering.rs",
            "src/native no longer imports panic; remove it from the table in tests/it/layering.rs"
        ]
    );
    assert_eq!(order(&[("native", &["lock"]), ("lock", &[])]), ["native imports lock, which must come before it in the table"]);
}

#[test]
fn imports_of_tests_and_comments_do_not_count() {
    let text = "//! [`Client`](crate::native::Client)\nuse crate::lock::lock; // crate::error\n\n#[cfg(test)]\nmod tests {\n    use crate::config;\n}\n";
    let (modules, _) = imports(&[("record.rs".to_owned(), text.to_owned())]);
    assert_eq!(modules["record"], BTreeSet::from(["lock".to_owned()]));
}

/// The files of `src/` by their path in it, with their text.
fn sources() -> Vec<(String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut found) = (vec![source.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&source).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(found.len() > 100, "only {} files are in {}", found.len(), source.display());
    found
}

/// What each module of the crate, and each folder of `producer`, imports outside its tests. A name that `lib.rs` or `producer/mod.rs`
/// re-exports counts as an import of the module that it comes from.
fn imports(sources: &[(String, String)]) -> (Imports, Imports) {
    let of_crate = re_exports(sources, "lib.rs");
    let of_producer = re_exports(sources, "producer/mod.rs");
    let (mut modules, mut folders) = (Imports::new(), Imports::new());
    for (path, text) in sources.iter().filter(|(path, _)| path != "lib.rs" && !is_of_tests(path)) {
        let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
        let folder = if parts.len() > 2 { parts[1] } else { "root" };
        for import in paths(&code(text)) {
            let mut segments = import.split("::").skip(1);
            let Some(first) = segments.next() else { continue };
            let module = of_crate.get(first).map_or(first, String::as_str);
            let is_module = module.starts_with(|first: char| first.is_ascii_lowercase());
            if is_module && module != parts[0] {
                modules.entry(parts[0].to_owned()).or_default().insert(module.to_owned());
            }
            if (parts[0], module) == ("producer", "producer") {
                let name = if first == module { segments.next().unwrap_or("root") } else { first };
                let name = of_producer.get(name).map_or(name, String::as_str);
                let to = if PRODUCER.iter().any(|(folder, _)| *folder == name) { name } else { "root" };
                if to != folder {
                    folders.entry(folder.to_owned()).or_default().insert(to.to_owned());
                }
            }
        }
    }
    folders.remove("root");
    (modules, folders)
}

fn is_of_tests(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The names that a file re-exports, with the first segments of their paths.
fn re_exports(sources: &[(String, String)], file: &str) -> BTreeMap<String, String> {
    let text = sources.iter().find(|(path, _)| path == file).map_or("", |(_, text)| text);
    let code = code(text);
    let mut found = BTreeMap::new();
    for statement in code.split(';').filter_map(|statement| statement.split_once("pub use ").map(|(_, path)| path)) {
        let mut paths = Vec::new();
        tree("", statement, &mut paths);
        for path in paths {
            let (module, name) = (path.split("::").next().unwrap_or_default(), path.rsplit("::").next().unwrap_or_default());
            found.insert(name.to_owned(), module.to_owned());
        }
    }
    found
}

/// A file without its comments and its tests.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let is_of_tests = line.starts_with("#[cfg(") && line.split(|c: char| !c.is_alphanumeric()).any(|word| word == "test");
        if is_of_tests && lines.peek().is_some_and(|next| next.contains("mod ") && next.ends_with('{')) {
            break;
        }
        code.push_str(line.split("//").next().unwrap_or_default());
        code.push('\n');
    }
    code
}

/// The paths in a file that begin with `crate`.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        let before = &code[..start];
        let is_word = before.ends_with(|before: char| before.is_alphanumeric() || matches!(before, '_' | '$'));
        let is_visibility = before.ends_with("(in ");
        if !is_word && !is_visibility {
            tree("", &code[start..], &mut found);
        }
    }
    found
}

/// Reads a path such as `a::b` or `a::{b, c::{d, e}}` at the beginning of `text`; returns its length.
fn tree(prefix: &str, text: &str, found: &mut Vec<String>) -> usize {
    let length = text.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':')).unwrap_or(text.len());
    let path = format!("{prefix}{}", &text[..length]);
    if !text[length..].starts_with('{') {
        found.push(path);
        return length;
    }
    let mut at = length + 1;
    while let Some(next) = text[at..].find(|c: char| c.is_alphanumeric() || matches!(c, '_' | '}')) {
        at += next;
        if text[at..].starts_with('}') {
            return at + 1;
        }
        at += tree(&path, &text[at..], found);
        // What follows `as` is no path.
        at += text[at..].find([',', '}']).unwrap_or_default();
    }
    text.len()
}

/// Where a table and the imports differ.
fn differences(prefix: &str, table: &[(&str, &[&str])], imports: &Imports) -> Vec<String> {
    let mut problems = Vec::new();
    for (module, found) in imports {
        let Some((_, allowed)) = table.iter().find(|(name, _)| name == module) else {
            problems.push(format!("src/{prefix}{module} is not in the table in tests/it/layering.rs"));
            continue;
        };
        let wrong = found.iter().filter(|import| !allowed.contains(&import.as_str()));
        problems.extend(wrong.map(|import| format!("src/{prefix}{module} must not import {import}; see tests/it/layering.rs")));
    }
    for (module, allowed) in table {
        let stale = allowed.iter().filter(|import| !imports.get(*module).is_some_and(|found| found.contains(**import)));
        problems.extend(stale.map(|import| {
            format!("src/{prefix}{module} no longer imports {import}; remove it from the table in tests/it/layering.rs")
        }));
    }
    problems
}

/// Imports of modules that are not earlier in the table than their importer.
fn order(table: &[(&str, &[&str])]) -> Vec<String> {
    let is_earlier = |index: usize, import: &str| table[..index].iter().any(|(name, _)| *name == import);
    let rows = table.iter().enumerate();
    rows.flat_map(|(index, (module, imports))| {
        let wrong = imports.iter().filter(move |import| !is_earlier(index, import));
        wrong.map(move |import| format!("{module} imports {import}, which must come before it in the table"))
    })
    .collect()
}
