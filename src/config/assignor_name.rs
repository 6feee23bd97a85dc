//! `partition.assignment.strategy`: Java's assignors to librdkafka's.

const JAVA_PACKAGE: &str = "org.apache.kafka.clients.consumer.";

/// Java's class and librdkafka's name.
const ASSIGNORS: [(&str, &str); 3] =
    [("RangeAssignor", "range"), ("RoundRobinAssignor", "roundrobin"), ("CooperativeStickyAssignor", COOPERATIVE)];
const COOPERATIVE: &str = "cooperative-sticky";

/// The check of the table's row.
pub(crate) fn check(list: &str) -> Result<(), String> {
    native(list).map(drop)
}

/// The list as librdkafka gets it. The error repeats nothing of it.
pub(crate) fn native(list: &str) -> Result<String, String> {
    let mut names = Vec::new();
    for (index, class) in list.split(',').enumerate() {
        let number = index + 1;
        let name = class.strip_prefix(JAVA_PACKAGE).unwrap_or(class);
        if name == "StickyAssignor" {
            return Err(format!(
                "has StickyAssignor, number {number}, which librdkafka has in its cooperative form alone; use CooperativeStickyAssignor"
            ));
        }
        let native = ASSIGNORS.iter().find(|(java, native)| *java == name || *native == class).map(|(_, native)| *native);
        let known = ASSIGNORS.map(|(java, _)| java).join(", ");
        let native = native.ok_or_else(|| format!("has an assignor, number {number}, that is none of {known}"))?;
        if names.contains(&native) {
            return Err(format!("has an assignor, number {number}, that stands there already; leave it out"));
        }
        names.push(native);
    }
    if names.len() > 1 && names.contains(&COOPERATIVE) {
        return Err(
            "mixes CooperativeStickyAssignor with others, which librdkafka cannot; give it alone, or the others".to_owned()
        );
    }
    Ok(names.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignors_have_javas_names_and_librdkafkas() {
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
    fn others_are_refused_with_what_to_use() {
        for (list, wanted) in [
            ("", "number 1, that is none of RangeAssignor, RoundRobinAssignor, CooperativeStickyAssignor"),
            ("range,com.acme.RangeAssignor", "number 2, that is none of"),
            ("org.apache.kafka.clients.consumer.StickyAssignor", "use CooperativeStickyAssignor"),
            ("range,RangeAssignor", "number 2, that stands there already"),
            ("RangeAssignor,CooperativeStickyAssignor", "give it alone, or the others"),
        ] {
            let error = native(list).unwrap_err();
            assert!(error.contains(wanted) && !error.contains("acme"), "{list}: {error}");
        }
    }
}
