//! The HTML page of `ottla perf --html`: figures, charts and settings in one file that loads nothing else.

mod axis;
mod chart;
mod compared;
mod escape;
mod measured;

use std::fmt::{self, Write as _};

use self::escape::Escaped;
pub(super) use self::{compared::of_comparison, measured::of_run};
use super::latencies::Counts;

const STYLE: &str = include_str!("style.css");

/// A page with this heading, introduction and content, which are HTML.
fn page(title: &str, lead: &str, content: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p class=\"lead\">{lead}</p>\n\
         {content}</main>\n</body>\n</html>\n"
    )
}

/// A table. The columns from the second on are numbers if `has_numbers`.
struct Table<'a> {
    /// What the table shows, for screen readers.
    name: &'a str,
    head: &'a [&'a str],
    rows: Vec<Vec<String>>,
    has_numbers: bool,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = |column: usize| if self.has_numbers && column > 0 { " class=\"n\"" } else { "" };
        // A wide table is scrolled with the keyboard as well.
        write!(
            f,
            "<div class=\"wide\" role=\"region\" aria-label=\"Table of {}\" tabindex=\"0\">\n<table>\n<thead><tr>",
            Escaped(self.name)
        )?;
        for (column, title) in self.head.iter().enumerate() {
            write!(f, "<th scope=\"col\"{}>{}</th>", class(column), Escaped(title))?;
        }
        writeln!(f, "</tr></thead>\n<tbody>")?;
        for row in &self.rows {
            f.write_str("<tr>")?;
            for (column, cell) in row.iter().enumerate() {
                write!(f, "<td{}>{}</td>", class(column), Escaped(cell))?;
            }
            writeln!(f, "</tr>")?;
        }
        writeln!(f, "</tbody>\n</table>\n</div>")
    }
}

/// A section with a heading. The content is HTML.
fn section(title: &str, content: impl fmt::Display) -> String {
    format!("<section>\n<h2>{}</h2>\n{content}</section>\n", Escaped(title))
}

/// The failed records by kind.
fn errors(counts: &[(Option<&str>, &Counts)]) -> String {
    let mut rows = Vec::new();
    for (side, counts) in counts {
        for (kind, errors) in &counts.errors {
            let kind = side.map_or_else(|| (*kind).to_owned(), |side| format!("{side}: {kind}"));
            rows.push(vec![kind, indicatif::HumanCount(errors.count).to_string(), errors.message.clone()]);
        }
    }
    if rows.is_empty() {
        return section("Errors", "<p>No record failed.</p>\n");
    }
    section("Errors", Table { name: "errors", head: &["Kind", "Records", "First message"], rows, has_numbers: false })
}

/// The table of the load: what was sent.
fn load(load: &[(&str, String)]) -> String {
    let rows = load.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]).collect();
    section("Load", Table { name: "the load", head: &["Parameter", "Value"], rows, has_numbers: false })
}

/// The introduction of a page: when and with what it was measured.
fn measured_with() -> String {
    let mut text = String::new();
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
    // Writing to a `String` succeeds.
    let _ = write!(text, "Measured by ottla {} on {now}", env!("CARGO_PKG_VERSION"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_escape_their_cells() {
        let table =
            Table { name: "letters", head: &["a", "b<"], rows: vec![vec!["<i>".to_owned(), "1".to_owned()]], has_numbers: true }
                .to_string();
        assert!(table.contains("<th scope=\"col\" class=\"n\">b&lt;</th>"), "{table}");
        assert!(table.contains("<tr><td>&lt;i&gt;</td><td class=\"n\">1</td></tr>"), "{table}");
    }

    #[test]
    fn the_style_refers_to_no_other_resource() {
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
