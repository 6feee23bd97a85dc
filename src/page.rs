//! The pages under `docs/` that are made from tables in the source.

/// Holds `docs/NAME` against `wanted`, or writes it if `UPDATE_DOCS` is set.
pub(crate) fn assert_page(name: &str, wanted: &str) {
    let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/{name} is not what its table says; run UPDATE_DOCS=1 cargo test --lib");
}
