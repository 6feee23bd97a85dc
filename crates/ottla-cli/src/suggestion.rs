//! [`nearest`]: the known name that an unknown one probably means.

/// The similarity from which a name is suggested.
const SIMILAR: f64 = 0.7;

/// The most similar of the names, by the text that `compared` returns for each, if it is similar enough.
pub(crate) fn nearest<N>(name: &str, names: impl Iterator<Item = N>, compared: impl Fn(&N) -> &str) -> Option<N> {
    names
        .map(|known| (strsim::jaro_winkler(name, compared(&known)), known))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_similar_name_is_suggested() {
        let names = ["carrier", "origin", "dest"];
        assert_eq!(nearest("carier", names.iter(), |name| name), Some(&"carrier"));
        assert_eq!(nearest("x", names.iter(), |name| name), None);
    }
}
