//! `partition.assignment.strategy`: translates Java's assignors to librdkafka's.

const JAVA_PACKAGE: &str = "org.apache.kafka.clients.consumer.";

/// Java's class and librdkafka's name.
const ASSIGNORS: [(&str, &str); 3] =
    [("RangeAssignor", "range"), ("RoundRobinAssignor", "roundrobin"), ("CooperativeStickyAssignor", COOPERATIVE)];
const COOPERATIVE: &str = "cooperative-sticky";

/// The check for the setting.
pub(crate) fn check(list: &str) -> Result<(), String> {
    native(list).map(drop)
}

/// Translates the list to librdkafka's names. The error does not show the list, only the position in it.
pub(crate) fn native(list: &str) -> Result<String, String> {
    let mut names = Vec::new();
    for (index, class) in list.split(',').enumerate() {
        let number = index + 1;
        let name = class.strip_prefix(JAVA_PACKAGE).unwrap_or(class);
        if name == "StickyAssignor" {
            return Err(format!(
                "has StickyAssignor at position {number}, which librdkafka does not support; use CooperativeStickyAssignor"
            ));
        }
        let native = ASSIGNORS.iter().find(|(java, native)| *java == name || *native == class).map(|(_, native)| *native);
        let known = ASSIGNORS.map(|(java, _)| java).join(", ");
        let native = native.ok_or_else(|| format!("has an unknown assignor at position {number}; must be one of {known}"))?;
        if names.contains(&native) {
            return Err(format!("has a duplicate assignor at position {number}; remove it"));
        }
        names.push(native);
    }
    if names.len() > 1 && names.contains(&COOPERATIVE) {
        return Err(
            "combines CooperativeStickyAssignor with others, which librdkafka does not support; set either it or the others"
                .to_owned(),
        );
    }
    Ok(names.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignors_are_accepted_by_javas_and_librdkafkas_names() {
        for (list, wanted) in [
            ("org.apache.kafka.clients.consumer.RangeAssignor", "range"),
            ("RoundRobinAssignor,RangeAssignor", "roundrobin,range"),
            ("CooperativeStickyAssignor", "cooperative-sticky"),
            ("roundrobin", "roundrobin"),
        ] {
            assert_eq!(native(list).as_deref(), Ok(wanted), "{list}");
        }
    }

    #[test]
    fn unsupported_assignors_are_rejected_with_an_alternative() {
        for (list, wanted) in [
            ("", "unknown assignor at position 1; must be one of RangeAssignor, RoundRobinAssignor, CooperativeStickyAssignor"),
            ("range,com.acme.RangeAssignor", "unknown assignor at position 2; must be one of"),
            ("org.apache.kafka.clients.consumer.StickyAssignor", "use CooperativeStickyAssignor"),
            ("range,RangeAssignor", "duplicate assignor at position 2"),
            ("RangeAssignor,CooperativeStickyAssignor", "set either it or the others"),
        ] {
            let error = native(list).unwrap_err();
            assert!(error.contains(wanted) && !error.contains("acme"), "{list}: {error}");
        }
    }
}
