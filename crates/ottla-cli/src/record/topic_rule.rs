//! [`TopicRule`]: the topics that data may address.

/// The topics that data may address: names, and patterns in which `*` matches any characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TopicRule {
    names: Vec<String>,
    patterns: Vec<String>,
}

impl TopicRule {
    /// Parses a list of names and patterns, separated by commas.
    ///
    /// # Errors
    /// The list is empty, an entry is not a topic name, or a pattern matches every topic.
    pub(super) fn parse(list: &str) -> Result<Self, String> {
        let mut rule = Self::default();
        for entry in list.split(',').map(str::trim) {
            let is_pattern = entry.contains('*');
            if is_pattern && entry.bytes().all(|byte| byte == b'*') {
                return Err(format!(
                    "has the pattern {entry}, which matches every topic; begin it with a fixed text, such as orders-*"
                ));
            }
            // A pattern has the characters of a name, and asterisks.
            check_topic(&entry.replace('*', "")).map_err(|reason| format!("has the entry {entry:?}: {reason}"))?;
            if is_pattern { &mut rule.patterns } else { &mut rule.names }.push(entry.to_owned());
        }
        Ok(rule)
    }

    /// The topics that are listed by name.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The patterns.
    pub(crate) fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// Whether a record may go to this topic. An allowed topic has a valid name.
    pub(crate) fn allows(&self, topic: &str) -> bool {
        self.names.iter().any(|name| name == topic)
            || (check_topic(topic).is_ok() && self.patterns.iter().any(|pattern| matches(pattern, topic)))
    }
}

/// Kafka's rule for topic names.
pub(crate) fn check_topic(topic: &str) -> Result<(), &'static str> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match topic {
        "" | "." | ".." => Err("must not be empty, \".\" or \"..\""),
        _ if topic.len() > 249 => Err("must have at most 249 characters"),
        _ if !topic.bytes().all(is_legal) => Err("must have only ASCII letters, digits, \".\", \"_\" and \"-\""),
        _ => Ok(()),
    }
}

/// Whether a text matches a pattern in which `*` matches any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut rest = rest;
    while let Some((middle, after)) = rest.split_once('*') {
        match text.find(middle) {
            Some(found) => text = &text[found + middle.len()..],
            None => return false,
        }
        rest = after;
    }
    text.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns_allow_topics() {
        let rule = TopicRule::parse("flights-UA, flights-AA,log.*,*-a*b-*-c").unwrap();
        assert_eq!(rule.names(), ["flights-UA", "flights-AA"]);
        for topic in ["flights-UA", "log.", "log.x", "-ab--c", "1-axb-y-z-c"] {
            assert!(rule.allows(topic), "{topic}");
        }
        for topic in ["", "flights-", "flights-UAx", "xlog.x", "log", "log.é", "log. x", "-ab-c", "1-a-y-c"] {
            assert!(!rule.allows(topic), "{topic}");
        }
        assert!(!TopicRule::parse("a*").unwrap().allows(&"a".repeat(250)));
        assert!(!TopicRule::parse("a*a").unwrap().allows("a"));
    }

    #[test]
    fn unusable_entries_are_rejected() {
        for (list, wanted) in [
            ("", "has the entry \"\": must not be empty"),
            ("a,", "has the entry \"\": must not be empty"),
            ("a b", "has the entry \"a b\": must have only ASCII letters"),
            ("*", "has the pattern *, which matches every topic"),
            ("a,**", "has the pattern **, which matches every topic"),
        ] {
            let error = TopicRule::parse(list).unwrap_err();
            assert!(error.starts_with(wanted), "{list}: {error}");
        }
    }
}
