//! Writes tables and plots.

use std::{fs, path::Path};

use anyhow::{Context, Result, anyhow};
use bench_figures::{Machine, Measurement, plot, table};

const START: &str = "<!-- bench -->";
const END: &str = "<!-- /bench -->";

/// A JSON list, one line per run.
pub(crate) fn list(measurements: &[Measurement]) -> Result<String> {
    let lines = measurements.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}

/// With a page (docs/performance.md): the tables and plots beside `out`, and the section of the page. Without: the tables to stdout.
pub(crate) fn publish(machine: &Machine, measurements: &[Measurement], out: &Path, page: Option<&Path>) -> Result<()> {
    let document = table::document(machine, measurements);
    let Some(page) = page else {
        print!("{document}");
        return Ok(());
    };
    let plots = plot::all(measurements).map_err(|error| anyhow!("a plot could not be drawn: {error}"))?;
    let images: String = plots.iter().map(|(file, _)| format!("\n![{file}]({file})\n")).collect();
    fs::write(out.with_extension("md"), document + "\n## Plots\n" + &images)?;
    for (file, text) in plots {
        fs::write(out.with_file_name(file), text)?;
    }
    let text = fs::read_to_string(page).with_context(|| format!("{}", page.display()))?;
    let section = table::page_section(machine, measurements, "../bench/results");
    let text = between_markers(&text, &section)
        .with_context(|| format!("{}: it has no line {START} followed by a line {END}", page.display()))?;
    fs::write(page, text)?;
    eprintln!("written: {}, {}", out.with_extension("md").display(), page.display());
    Ok(())
}

fn between_markers(text: &str, section: &str) -> Option<String> {
    let (before, rest) = text.split_once(START)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{START}\n{section}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_between_the_markers_is_replaced() {
        let text = "a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n";
        assert_eq!(between_markers(text, "new\n").as_deref(), Some("a\n<!-- bench -->\nnew\n<!-- /bench -->\nb\n"));
        assert_eq!(between_markers("no markers", "new\n"), None);
    }
}
