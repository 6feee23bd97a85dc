//! The pages of the repository: README's size, that no link is dead, and that each dependency has its reason.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

#[test]
fn the_readme_has_at_most_7_kb() {
    let readme = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(readme.len() <= 7 * 1024, "README.md has {} bytes: move details to docs/", readme.len());
}

#[test]
fn each_direct_dependency_has_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut dependencies = BTreeSet::new();
    for manifest in ["Cargo.toml", "crates/ottla-cli/Cargo.toml", "crates/ottla-schema-registry/Cargo.toml"] {
        let text = fs::read_to_string(root.join(manifest)).unwrap();
        let section = text.lines().skip_while(|line| *line != "[dependencies]").skip(1).take_while(|line| !line.starts_with('['));
        let names =
            section.filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|name| name.starts_with(char::is_alphabetic));
        dependencies.extend(names.filter(|name| !name.starts_with("ottla")).map(str::to_owned));
    }
    let page = fs::read_to_string(root.join("docs/dependencies.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.map(str::to_owned).collect::<BTreeSet<_>>(), dependencies);
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<PathBuf> = [root.to_owned(), root.join("docs"), root.join("bench")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    let mut dead = Vec::new();
    let mut links = 0;
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if link.contains("://") {
                continue;
            }
            links += 1;
            let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { page.clone() } else { page.with_file_name("").join(path) };
            let has_heading = |anchor| {
                fs::read_to_string(&target)
                    .is_ok_and(|text| text.lines().any(|line| heading_anchor(line).as_deref() == Some(anchor)))
            };
            if !target.exists() || anchor.is_some_and(|anchor| !has_heading(anchor)) {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(links > 30, "{links} links");
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

#[test]
fn each_page_is_in_the_book() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let names = fs::read_dir(&docs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pages = names.filter(|name| name.ends_with(".md") && name != "SUMMARY.md");
    let missing: Vec<String> = pages.filter(|name| !summary.contains(&format!("]({name})"))).collect();
    assert!(missing.is_empty(), "missing in docs/SUMMARY.md: {missing:?}");
}

#[test]
fn each_symptom_has_a_cause_an_answer_a_thread_and_a_test() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let page = fs::read_to_string(docs.join("troubleshooting.md")).unwrap();
    let symptoms: Vec<&str> = page.split("\n## ").skip(1).collect();
    assert!(symptoms.len() >= 20, "{}", symptoms.len());
    let mut missing = Vec::new();
    for symptom in symptoms {
        let heading = symptom.lines().next().unwrap();
        for part in ["Cause", "ottla", "What to do", "Asked in", "Shown by"] {
            if !symptom.contains(&format!("\n- **{part}:** ")) {
                missing.push(format!("{heading}: {part}"));
            }
        }
        if !symptom.contains("](https://github.com/") {
            missing.push(format!("{heading}: a thread"));
        }
        let shown = symptom.split_once("**Shown by:** `").and_then(|(_, rest)| {
            let (test, rest) = rest.split_once('`')?;
            let (file, _) = rest.split_once("](")?.1.split_once(')')?;
            Some((test, fs::read_to_string(docs.join(file)).ok()?))
        });
        if !shown.is_some_and(|(test, code)| code.contains(&format!("fn {test}()"))) {
            missing.push(format!("{heading}: the test"));
        }
    }
    assert!(missing.is_empty(), "missing in docs/troubleshooting.md:\n{}", missing.join("\n"));
}

/// The anchor that GitHub gives to a heading.
fn heading_anchor(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
    Some(
        title
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect(),
    )
}

#[test]
fn a_heading_has_the_anchor_that_github_gives_it() {
    assert_eq!(heading_anchor("## A schema registry's").as_deref(), Some("a-schema-registrys"));
    assert_eq!(heading_anchor("# TLS and SASL").as_deref(), Some("tls-and-sasl"));
    assert_eq!(heading_anchor("text"), None);
}
