//! The pages in `docs/` that are generated from tables in the source.

/// Asserts that `docs/NAME` equals `wanted`, or writes it if `UPDATE_DOCS` is set.
pub(crate) fn assert_page(name: &str, wanted: &str) {
    let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/{name} is out of date; run UPDATE_DOCS=1 cargo test --lib");
}
