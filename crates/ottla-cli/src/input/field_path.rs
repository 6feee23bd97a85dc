//! [`FieldPath`]: the path of a field in a JSON object.

/// The path of a field: `id`, `customer.id`, or a JSON pointer (RFC 6901) such as `/customer/id`.
pub(crate) struct FieldPath {
    /// The path as written.
    pub(crate) text: String,
    /// The names from the outermost object on.
    pub(crate) names: Vec<String>,
}

impl FieldPath {
    /// Parses a path. Every text is one.
    pub(crate) fn new(text: &str) -> Self {
        let names = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect(),
            None => text.split('.').map(str::to_owned).collect(),
        };
        Self { text: text.to_owned(), names }
    }
}
