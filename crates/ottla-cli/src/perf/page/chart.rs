//! [`Chart`]: lines in an SVG, with a legend and the values as a table.

use std::fmt;

use super::{axis::Axis, escape::Escaped};

/// The size of the drawing. The page scales it.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 250.0;
/// The space for labels.
const LEFT: f64 = 66.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 46.0;

/// A chart of one or more lines.
pub(super) struct Chart {
    /// Unique on the page, for the references of the text alternative.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What the chart shows, in one sentence, for readers who do not see it.
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) x_title: &'static str,
    pub(super) y: Axis,
    pub(super) y_title: &'static str,
    pub(super) lines: Vec<Line>,
}

/// A line of a chart.
pub(super) struct Line {
    pub(super) name: String,
    /// The points from left to right. Where there is no value, the line has a gap.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

impl Line {
    fn values(&self) -> impl Iterator<Item = (f64, f64)> {
        self.points.iter().filter_map(|(x, y)| Some((*x, (*y)?)))
    }
}

/// The greatest value of the lines, and all of them.
pub(super) fn values(lines: &[Line]) -> impl Iterator<Item = f64> + Clone {
    lines.iter().flat_map(|line| line.points.iter().filter_map(|(_, y)| *y))
}

impl fmt::Display for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, title, description, .. } = self;
        writeln!(f, "<figure>\n<figcaption><h2 id=\"{id}\">{}</h2></figcaption>", Escaped(title))?;
        if self.lines.iter().all(|line| line.values().next().is_none()) {
            return writeln!(f, "<p>There are no values.</p>\n</figure>");
        }
        writeln!(
            f,
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id} {id}-text\">\n<desc id=\"{id}-text\">{}</desc>",
            Escaped(description)
        )?;
        self.grid(f)?;
        for (number, line) in self.lines.iter().enumerate() {
            self.line(f, number, line)?;
        }
        writeln!(f, "</svg>")?;
        if self.lines.len() > 1 {
            writeln!(f, "<ul class=\"legend\">")?;
            for (number, line) in self.lines.iter().enumerate() {
                writeln!(
                    f,
                    "<li><svg viewBox=\"0 0 28 10\" aria-hidden=\"true\"><path class=\"l{number}\" d=\"M0 5H28\"/></svg>{}</li>",
                    Escaped(&line.name)
                )?;
            }
            writeln!(f, "</ul>")?;
        }
        writeln!(f, "</figure>")
    }
}

impl Chart {
    /// Horizontal lines, the labels of both axes, and their titles.
    fn grid(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bottom = HEIGHT - BOTTOM;
        for (value, label) in &self.y.ticks {
            let y = self.y_of(*value);
            writeln!(f, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/>", WIDTH - RIGHT)?;
            writeln!(f, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", LEFT - 6.0, y + 4.5, Escaped(label))?;
        }
        for (value, label) in &self.x.ticks {
            let x = self.x_of(*value);
            writeln!(f, "<path class=\"grid\" d=\"M{x:.1} {bottom:.1}v5\"/>")?;
            // A label at the end must not leave the drawing.
            let anchor = if x > WIDTH - RIGHT - 1.0 { "end" } else { "middle" };
            writeln!(f, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>", bottom + 19.0, Escaped(label))?;
        }
        let (middle, centre) = (f64::midpoint(LEFT, WIDTH - RIGHT), f64::midpoint(TOP, bottom));
        writeln!(f, "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>", HEIGHT - 7.0, Escaped(self.x_title))?;
        writeln!(
            f,
            "<text transform=\"translate(13 {centre:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            Escaped(self.y_title)
        )
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, number: usize, line: &Line) -> fmt::Result {
        let mut path = String::new();
        let mut is_drawing = false;
        for (x, y) in &line.points {
            match y {
                Some(y) => {
                    path.push_str(&format!("{}{:.1} {:.1}", if is_drawing { "L" } else { "M" }, self.x_of(*x), self.y_of(*y)));
                    is_drawing = true;
                }
                None => is_drawing = false,
            }
        }
        writeln!(f, "<path class=\"l{number}\" d=\"{path}\"/>")?;
        // A line of a single point has no length.
        let isolated = line.points.iter().enumerate().filter(|(index, (_, y))| {
            let is_missing =
                |index: Option<usize>| index.and_then(|index| line.points.get(index)).is_none_or(|(_, y)| y.is_none());
            y.is_some() && is_missing(index.checked_sub(1)) && is_missing(index.checked_add(1))
        });
        for (_, (x, y)) in isolated {
            let y = y.unwrap_or_default();
            writeln!(f, "<circle class=\"d{number}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"/>", self.x_of(*x), self.y_of(y))?;
        }
        Ok(())
    }

    fn x_of(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (WIDTH - RIGHT - LEFT)
    }

    fn y_of(&self, value: f64) -> f64 {
        let bottom = HEIGHT - BOTTOM;
        bottom - self.y.place(value) * (bottom - TOP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(lines: Vec<Line>) -> String {
        let description = "rises from 1 to <3>".to_owned();
        let (x, y) = (Axis::linear(4.0), Axis::linear(4.0));
        Chart { id: "rate", title: "Rate & more", description, x, x_title: "s", y, y_title: "ms", lines }.to_string()
    }

    fn line(name: &str, points: &[(f64, Option<f64>)]) -> Line {
        Line { name: name.to_owned(), points: points.to_vec() }
    }

    #[test]
    fn a_chart_has_a_text_alternative_and_a_line_with_gaps() {
        let points = [(0.0, Some(0.0)), (1.0, Some(4.0)), (2.0, None), (3.0, Some(2.0)), (4.0, None)];
        let svg = chart(vec![line("a", &points)]);
        assert!(svg.contains("role=\"img\" aria-labelledby=\"rate rate-text\""), "{svg}");
        assert!(svg.contains("<desc id=\"rate-text\">rises from 1 to &lt;3&gt;</desc>"), "{svg}");
        assert!(svg.contains("<path class=\"l0\" d=\"M66.0 204.0L151.0 12.0M321.0 108.0\"/>"), "{svg}");
        assert!(svg.contains("<circle class=\"d0\" cx=\"321.0\" cy=\"108.0\""), "the single point is not visible: {svg}");
        assert!(!svg.contains("legend"), "{svg}");
    }

    #[test]
    fn several_lines_have_a_legend_and_none_a_note() {
        let points = [(0.0, Some(1.0)), (1.0, Some(1.0))];
        let svg = chart(vec![line("a<b", &points), line("c", &points)]);
        assert!(svg.contains("a&lt;b</li>") && svg.contains("class=\"l1\""), "{svg}");
        assert!(chart(vec![line("a", &[(1.0, None)])]).contains("There are no values."));
    }
}
