//! The page of a comparison.

use super::{
    Table,
    axis::Axis,
    chart::{Chart, Line, values},
    errors,
    escape::Escaped,
    load, measured, measured_with, page, section,
};
use crate::perf::{
    comparison::{Comparison, FIGURES, Figure},
    outcome::{Outcome, SettingInForce, decimal},
};

/// The names of the sides.
const SIDES: [&str; 2] = ["A", "B"];

/// The page of a comparison with this load.
pub(in crate::perf) fn of_comparison(comparison: &Comparison, given: &[(&str, String)]) -> String {
    let first = |side: usize| comparison.runs(side).next();
    let lead = |side: usize| {
        let run = first(side);
        let name = run.and_then(|run| run.name.as_deref()).unwrap_or_default();
        let topic = run.map_or("", |run| &*run.topic);
        format!("{} is {} (topic {}).", SIDES[side], Escaped(name), Escaped(topic))
    };
    let lead = format!("{}, {} rounds. {} {}", measured_with(), comparison.rounds.len(), lead(0), lead(1));
    let mut content = String::new();
    if let Some(reason) = comparison.broken.as_ref().and_then(|(_, run)| run.ended.as_deref()) {
        content.push_str(&format!("<p><strong>The comparison ended early:</strong> {}</p>\n", Escaped(reason)));
    }
    content.push_str(&ratios(comparison));
    let counts = [comparison.counts(0), comparison.counts(1)];
    content.push_str("<div class=\"charts\">\n");
    let latencies = [("A", &counts[0].latencies), ("B", &counts[1].latencies)];
    content.push_str(
        &by_round(comparison, "throughput", "Records per second by round", "records per second", FIGURES[0]).to_string(),
    );
    content.push_str(&measured::percentiles(&latencies).to_string());
    content.push_str(&by_round(comparison, "median", "Median latency by round", "milliseconds", FIGURES[2]).to_string());
    content.push_str(
        &by_round(comparison, "high", "99th percentile of the latency by round", "milliseconds", FIGURES[4]).to_string(),
    );
    content.push_str("</div>\n");
    content.push_str(&errors(&[(Some("A"), &counts[0]), (Some("B"), &counts[1])]));
    content.push_str(&load(given));
    content.push_str(&settings([first(0), first(1)]));
    page("Producer performance: comparison of two configurations", &lead, &content)
}

fn ratios(comparison: &Comparison) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| decimal(value, 2));
    let rows = FIGURES.iter().map(|figure| {
        let ratios = comparison.ratios(*figure);
        let ratio = ratios.as_ref().map_or_else(|| "-".to_owned(), |ratios| format!("{:.3}", ratios.median));
        let range = ratios.map_or_else(|| "-".to_owned(), |ratios| format!("{:.3} to {:.3}", ratios.least, ratios.most));
        let medians = [0, 1].map(|side| number(comparison.median(side, *figure)));
        let [a, b] = medians;
        vec![figure.name.to_owned(), a, b, ratio, range]
    });
    let head = &["Median of the rounds", "A", "B", "B/A", "Range of B/A"];
    let table = Table { name: "ratios", head, rows: rows.collect(), has_numbers: true };
    section(
        "Ratios",
        format!("{table}<p>B/A is computed for each round. If its range includes 1, no difference was measured.</p>\n"),
    )
}

fn by_round(comparison: &Comparison, id: &'static str, title: &'static str, unit: &'static str, figure: Figure) -> Chart {
    let lines: Vec<Line> = SIDES
        .iter()
        .enumerate()
        .map(|(side, name)| {
            let values = comparison.values(side, figure).into_iter().zip(1_u32..);
            Line { name: (*name).to_owned(), points: values.map(|(value, round)| (f64::from(round), value)).collect() }
        })
        .collect();
    let medians = [0, 1].map(|side| comparison.median(side, figure).map_or_else(|| "-".to_owned(), |value| decimal(value, 2)));
    let [a, b] = medians;
    let description = format!("{title}. The median of A is {a} {unit}, that of B {b}.");
    let y = Axis::linear(values(&lines).fold(0.0, f64::max));
    let x = Axis::linear(u32::try_from(comparison.rounds.len()).map_or(1.0, f64::from));
    Chart { id, title, description, x, x_title: "round", y, y_title: unit, lines }
}

/// The settings of both sides, those that differ first.
fn settings(runs: [Option<&Outcome>; 2]) -> String {
    let of = |side: usize, name: &str| {
        let settings = runs[side].map_or(&[][..], |run| &run.settings);
        settings.iter().find(|setting| setting.name == name).map_or("", |setting: &SettingInForce| &setting.value)
    };
    let mut names: Vec<&str> = runs.iter().flatten().flat_map(|run| &run.settings).map(|setting| &*setting.name).collect();
    names.sort_unstable();
    names.dedup();
    names.sort_by_key(|name| of(0, name) == of(1, name));
    let rows = names.iter().map(|name| {
        let (a, b) = (of(0, name), of(1, name));
        vec![(*name).to_owned(), a.to_owned(), b.to_owned(), if a == b { "" } else { "differs" }.to_owned()]
    });
    section("Settings", Table { name: "settings", head: &["Setting", "A", "B", ""], rows: rows.collect(), has_numbers: false })
}

#[cfg(test)]
mod tests {
    use super::{super::super::comparison::tests::comparison, *};

    #[test]
    fn texts_from_settings_are_escaped_and_differences_come_first() {
        let mut comparison = comparison(&[1, 4, 2]);
        comparison.rounds[0][0].name = Some("<b>name".to_owned());
        comparison.rounds[0][1].topic = "<b>topic".to_owned();
        comparison.rounds[0][1].settings[1].value = "<b>value".to_owned();
        let page = of_comparison(&comparison, &[("keys", "<b>keys".to_owned())]);
        assert!(!page.contains("<b>"), "{page}");
        assert_eq!(page.matches("&lt;b&gt;").count(), 4, "{page}");
        let row = "<tr><td>linger.ms</td><td>5</td><td>&lt;b&gt;value</td><td>differs</td></tr>\n<tr><td>acks</td>";
        assert!(page.contains(row), "{page}");
    }

    #[test]
    fn the_page_has_ratios_and_charts() {
        let page = of_comparison(&comparison(&[1, 4, 2]), &[]);
        for part in [
            "<td>records/s</td><td class=\"n\">1,000.00</td><td class=\"n\">1,000.00</td><td class=\"n\">1.000</td>\
             <td class=\"n\">0.500 to 2.000</td>",
            "A: half of the records within 5.00 ms",
            "The median of A is 1,000.00 records per second, that of B 1,000.00.",
            "A: RecordTooLarge",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let empty = of_comparison(&Comparison::new(), &[]);
        assert!(empty.contains("There are no values."), "{empty}");
    }
}
