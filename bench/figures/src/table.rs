//! The figures as Markdown.

use std::fmt::Write;

use crate::{
    CLIENTS, Figure, LOADS, Load, Machine, Measurement,
    client::{MEASURE, NOISE, OURS, RIVALS},
    statistics::{self, Spread},
};

/// The figures in the order of the columns.
const FIGURES: [Figure; 14] = [
    Figure::Cpu,
    Figure::Throughput,
    Figure::PeakRss,
    Figure::Commits,
    Figure::Init,
    Figure::Threads,
    Figure::Rss,
    Figure::Wakeups,
    Figure::IdleCpu,
    Figure::Build,
    Figure::Drop,
    Figure::P50,
    Figure::P99,
    Figure::P999,
];

/// All there is: the machine, our ratios to each rival, and every load.
pub fn document(machine: &Machine, measurements: &[Measurement]) -> String {
    let mut text = format!(
        "# Results\n\nMedians over the rounds, with the least and the greatest in brackets. A ratio is taken within each round, and the \
         median is that of the ratios.\n[../README.md](../README.md) says what is measured and how.\n\n{}\n## {OURS} against its rivals\n\n\
         Below 1 is better for CPU and latency, above 1 for records/s. The rows of {NOISE} are the same program against itself: a ratio within \
         their range is noise.\n\n{}",
        about(machine),
        rivals(measurements)
    );
    for load in &LOADS {
        if measurements.iter().any(|run| run.load == load.name) {
            text += &section(load, measurements);
        }
    }
    text
}

fn about(machine: &Machine) -> String {
    let Machine { date, cpu, cores, kernel, memory_gb, load_average, kafka, commit, rounds, versions } = machine;
    let mut text = format!(
        "| | |\n| --- | --- |\n| date | {date} |\n| machine | {cpu}, {cores} cores, {memory_gb:.0} GB, {kernel} |\n\
         | load average at the start | {load_average} |\n| broker | Apache Kafka {kafka}, one, on the same machine |\n\
         | commit | {commit} |\n| rounds | {rounds} |\n"
    );
    for (client, version) in versions {
        let _ = writeln!(text, "| {client} | {version} |");
    }
    text
}

/// The fixed list of ratios: ours to each rival, for every load.
fn rivals(measurements: &[Measurement]) -> String {
    let columns = [Figure::Cpu, Figure::Throughput, Figure::P50, Figure::P99];
    let mut rows =
        vec![row(["load", "to"].map(str::to_owned).into_iter().chain(columns.map(|figure| figure.title().to_owned())))];
    rows.push(rule(2 + columns.len()));
    for load in &LOADS {
        for rival in RIVALS {
            let cells = columns.map(|figure| statistics::ratio(measurements, load.name, OURS, rival, figure));
            if cells.iter().any(Option::is_some) {
                rows.push(row([load.name, rival].map(str::to_owned).into_iter().chain(cells.map(ratio_cell))));
            }
        }
    }
    rows.concat()
}

fn section(load: &Load, measurements: &[Measurement]) -> String {
    let of_load: Vec<&Measurement> = measurements.iter().filter(|run| run.load == load.name).collect();
    let figures: Vec<Figure> =
        FIGURES.into_iter().filter(|figure| of_load.iter().any(|run| run.failed.is_none() && figure.of(run).is_some())).collect();
    let clients: Vec<&str> = CLIENTS.into_iter().filter(|client| of_load.iter().any(|run| run.client == *client)).collect();
    let mut text =
        format!("\n## {}\n\n{}. {} records a run. Clients: {}.\n\n", load.name, sentence(load), sent(&of_load), who(load));

    text += &fewer(&clients, load);
    let mut header = vec!["client".to_owned()];
    header.extend(figures.iter().map(|figure| figure.title().to_owned()));
    text += &(row(header) + &rule(1 + figures.len()));
    for client in &clients {
        let spreads: Vec<_> =
            figures.iter().map(|figure| (figure, statistics::spread(measurements, load.name, client, *figure))).collect();
        if spreads.iter().any(|(_, spread)| spread.is_some()) {
            let cells = spreads.into_iter().map(|(figure, spread)| figure_cell(*figure, spread));
            text += &row(std::iter::once((*client).to_owned()).chain(cells));
        }
    }

    let best = statistics::best_peer(measurements, load.name);
    let measures: Vec<&str> = match best {
        Some(best) if best != MEASURE => vec![MEASURE, best],
        _ => vec![MEASURE],
    };
    let pairs: Vec<(Figure, &str)> =
        measures.iter().flat_map(|other| figures.iter().map(move |figure| (*figure, *other))).collect();
    let rows: Vec<String> = clients
        .iter()
        .filter_map(|client| {
            let ratios: Vec<_> =
                pairs.iter().map(|(figure, other)| statistics::ratio(measurements, load.name, client, other, *figure)).collect();
            let any = ratios.iter().any(Option::is_some);
            any.then(|| row(std::iter::once((*client).to_owned()).chain(ratios.into_iter().map(ratio_cell))))
        })
        .collect();
    if !rows.is_empty() {
        let _ = write!(
            text,
            "\nAs ratios to {MEASURE} and to the best peer{}:\n\n",
            best.map_or(String::new(), |best| format!(", {best}"))
        );
        let titles = pairs.iter().map(|(figure, other)| format!("{} / {other}", figure.title()));
        text += &(row(std::iter::once("client".to_owned()).chain(titles)) + &rule(1 + pairs.len()) + &rows.concat());
    }
    text + &absent(&of_load)
}

fn sentence(load: &Load) -> String {
    let mut letters = load.title.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// How many records a run sends, of the client that sends most.
fn sent(of_load: &[&Measurement]) -> String {
    thousands(of_load.iter().filter_map(|run| run.records).max().unwrap_or(0) as f64)
}

/// The clients that send fewer records than the others.
fn fewer(clients: &[&str], load: &Load) -> String {
    let note = |client: &&str| match load.at_most(client) {
        usize::MAX => None,
        records => {
            Some(format!("{client} sends {} records at most: all of them would take it minutes.\n\n", thousands(records as f64)))
        }
    };
    clients.iter().filter_map(note).collect()
}

/// The clients that a load is meant for.
fn who(load: &Load) -> String {
    if load.clients.len() == CLIENTS.len() { "all".to_owned() } else { load.clients.join(", ") }
}

/// The missing clients and the failed runs.
fn absent(of_load: &[&Measurement]) -> String {
    let mut text = String::new();
    for run in of_load {
        if let Some(why) = &run.missing {
            let _ = write!(text, "\n**Missing: {}**: {}\n", run.client, why.replace('\n', " "));
        }
        if let Some(why) = &run.failed {
            let round = run.round.map_or(String::new(), |round| format!(" in round {round}"));
            let _ = write!(text, "\n**Failed: {}**{round}, not among the figures: {}\n", run.client, why.replace('\n', " "));
        }
    }
    text
}

/// The section of docs/performance.md: the main figures of a few clients. `results` is the path from there to the results.
pub fn page_section(machine: &Machine, measurements: &[Measurement], results: &str) -> String {
    let load = "100B-none-6p";
    let Machine { cpu, cores, kernel, memory_gb, kafka, date, rounds, commit, .. } = machine;
    let records = measurements.iter().filter(|run| run.load == load).filter_map(|run| run.records).max().unwrap_or(0);
    let mut text = format!(
        "![CPU time per million records]({results}/cpu.svg)\n\nMedians of {rounds} interleaved rounds, with the range in \
         brackets; {} records a run, of 100 bytes and a key of 8,\n6 partitions, no compression, `acks=all`, idempotent, `linger.ms=5`. \
         Taken on {} at commit {commit},\non {cpu}, {cores} cores, {memory_gb:.0} GB, {kernel}, with Apache Kafka {kafka} on the same \
         machine. The last two columns are\n{OURS}'s figure divided by the client's, pair by pair: below 1 it takes less CPU, above 1 \
         it sends more.\n{NOISE} is the same program once more: a ratio within its range is noise.\n\n",
        thousands(records as f64),
        date.split(' ').next().unwrap_or_default()
    );
    text += "With 10,000 records in flight:\n\n";
    text += &of_rivals(measurements, load);
    text += "\nWith 100,000:\n\n";
    text += &of_rivals(measurements, "100B-none-6p-100k");
    text += "\nThe C loop's queue is larger than both, and franz-go's default is between the two.\n";
    let _ = write!(text, "\n[All loads and clients]({results}/latest.md); `make bench` runs them.\n");
    text
}

/// A row for us and for each rival.
fn of_rivals(measurements: &[Measurement], load: &str) -> String {
    let mut text = row(["client", "CPU-s per million", "records/s", "CPU, ratio", "records/s, ratio"].map(str::to_owned));
    text += &rule(5);
    for client in std::iter::once(OURS).chain(RIVALS) {
        let spread = |figure| figure_cell(figure, statistics::spread(measurements, load, client, figure));
        let ratio = |figure| match client {
            OURS => String::new(),
            _ => ratio_cell(statistics::ratio(measurements, load, OURS, client, figure)),
        };
        text += &row([
            client.to_owned(),
            spread(Figure::Cpu),
            spread(Figure::Throughput),
            ratio(Figure::Cpu),
            ratio(Figure::Throughput),
        ]);
    }
    text
}

fn row(cells: impl IntoIterator<Item = String>) -> String {
    let cells = cells.into_iter().map(|cell| if cell.is_empty() { " |".to_owned() } else { format!(" {cell} |") });
    format!("|{}\n", cells.collect::<String>())
}

fn rule(columns: usize) -> String {
    row(std::iter::repeat_n("---".to_owned(), columns))
}

fn figure_cell(figure: Figure, spread: Option<Spread>) -> String {
    let Some(Spread { median, min, max, .. }) = spread else { return "-".to_owned() };
    let format = |value: f64| match figure {
        Figure::Cpu => format!("{value:.2}"),
        Figure::Throughput => thousands(value),
        _ => format!("{value:.0}"),
    };
    format!("{} ({}-{})", format(median), format(min), format(max))
}

fn ratio_cell(spread: Option<Spread>) -> String {
    spread.map_or("-".to_owned(), |Spread { median, min, max, .. }| format!("{median:.2} ({min:.2}-{max:.2})"))
}

/// 1234567.8 is 1,234,568.
pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(client: &str, round: usize, cpu: f64, records_per_s: f64) -> Measurement {
        Measurement {
            load: "100B-none-6p".into(),
            client: client.into(),
            round: Some(round),
            cpu_s_per_million: Some(cpu),
            records_per_s: Some(records_per_s),
            records: Some(1_000_000),
            ..Measurement::default()
        }
    }

    fn measurements() -> Vec<Measurement> {
        let missing = Measurement { missing: Some("no javac".into()), ..Measurement::default() };
        vec![
            run("ottla-future", 1, 0.8, 1_000_000.0),
            run("ottla-future", 2, 1.0, 900_000.0),
            run("c-loop", 1, 1.6, 800_000.0),
            run("c-loop", 2, 1.6, 900_000.0),
            run("franz-go", 1, 1.0, 1_000_000.0),
            Measurement { failed: Some("lost a record".into()), ..run("franz-go", 2, 0.001, 1.0) },
            Measurement { load: "100B-none-6p".into(), client: "java".into(), ..missing },
        ]
    }

    #[test]
    fn every_client_has_a_row_of_its_medians() {
        let text = document(&Machine::default(), &measurements());
        assert!(text.contains("| ottla-future | 0.90 (0.80-1.00) | 950,000 (900,000-1,000,000) |\n"), "{text}");
        assert!(text.contains("| c-loop | 1.60 (1.60-1.60) |"), "{text}");
    }

    #[test]
    fn ratios_are_to_the_c_loop_and_to_the_best_peer() {
        let text = document(&Machine::default(), &measurements());
        assert!(
            text.contains("| client | CPU-s per million / c-loop | records/s / c-loop | CPU-s per million / franz-go |"),
            "{text}"
        );
        // franz-go has a figure in round 1 alone.
        assert!(
            text.contains("| ottla-future | 0.56 (0.50-0.62) | 1.12 (1.00-1.25) | 0.80 (0.80-0.80) | 1.00 (1.00-1.00) |"),
            "{text}"
        );
    }

    #[test]
    fn the_missing_and_the_failed_are_named_and_have_no_figures() {
        let text = document(&Machine::default(), &measurements());
        assert!(text.contains("**Missing: java**: no javac"), "{text}");
        assert!(text.contains("**Failed: franz-go** in round 2, not among the figures: lost a record"), "{text}");
        assert!(!text.contains("| java |"), "{text}");
        assert!(text.contains("| franz-go | 1.00 (1.00-1.00) | 1,000,000 (1,000,000-1,000,000) |"), "{text}");
    }

    #[test]
    fn a_client_that_sends_fewer_records_is_named() {
        let of_load = |load: &str| vec![Measurement { load: load.into(), ..run("confluent-kafka-rust", 1, 90.0, 8_000.0) }];
        let note = "confluent-kafka-rust sends 25,000 records at most";
        assert!(document(&Machine::default(), &of_load("100B-none-60p")).contains(note));
        assert!(!document(&Machine::default(), &of_load("100B-none-6p")).contains(note));
    }

    #[test]
    fn our_ratio_to_each_rival_is_listed() {
        let text = rivals(&measurements());
        assert!(text.contains("| 100B-none-6p | c-loop | 0.56 (0.50-0.62) | 1.12 (1.00-1.25) | - | - |"), "{text}");
        assert!(!text.contains("rdkafka-future"), "{text}");
    }

    #[test]
    fn the_page_has_a_row_even_for_a_rival_without_figures() {
        let text = page_section(&Machine::default(), &measurements(), "bench/results");
        assert!(text.contains("| confluent-kafka-rust | - | - | - | - |"), "{text}");
        assert!(text.contains("; 1,000,000 records a run"), "{text}");
        assert!(text.contains("| ottla-future | 0.90 (0.80-1.00) | 950,000 (900,000-1,000,000) | | |"), "{text}");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,568"],
            [0.4, 999.0, 1000.0, 1_234_567.8].map(thousands).each_ref().map(String::as_str)
        );
    }
}
