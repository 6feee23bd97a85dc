//! Panels of horizontal bars, one bar a client: the median, with a line from the least to the greatest.

use plotters::{
    prelude::{IntoDrawingArea, PathElement, Polygon, Rectangle, SVGBackend, Text},
    style::{
        Color, IntoFont, RGBAColor, TextStyle, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{FAINT, INK, Result};
use crate::{Figure, statistics::Spread, table::thousands};

const WIDTH: i32 = 1000;
const COLUMNS: usize = 2;
const MARGIN: i32 = 16;
const TITLE: i32 = 44;
const PANEL_TITLE: i32 = 26;
const BAR: i32 = 20;
const GAP: i32 = 18;
/// How many times the median bar the longest may be before it gets a gap.
const LONGEST: f64 = 5.0;
/// For a client's name.
const NAMES: i32 = 158;
/// For the median beside the longest line.
const FIGURES: i32 = 66;

pub(super) struct Panel {
    pub(super) title: String,
    pub(super) figure: Figure,
    pub(super) bars: Vec<Bar>,
}

impl Panel {
    /// Where the axis ends: at the greatest value, unless that would leave most bars too short to compare. What goes beyond is drawn
    /// with a gap.
    fn end(&self) -> f64 {
        let greatest = self.bars.iter().map(|bar| bar.spread.max).fold(0.0, f64::max);
        let typical = Spread::of(self.bars.iter().map(|bar| bar.spread.median)).map_or(greatest, |spread| spread.median);
        if greatest > typical * LONGEST { typical * LONGEST / 2.0 } else { greatest }
    }

    /// True if a bar goes beyond the axis.
    pub(super) fn has_gaps(&self) -> bool {
        self.bars.iter().any(|bar| bar.spread.max > self.end())
    }
}

pub(super) struct Bar {
    pub(super) label: &'static str,
    pub(super) spread: Spread,
    pub(super) color: RGBAColor,
}

pub(super) fn draw(title: &str, panels: &[Panel]) -> Result<String> {
    let height = |row: &[Panel]| PANEL_TITLE + GAP + BAR * row.iter().map(|panel| panel.bars.len()).max().unwrap_or(0) as i32;
    let total = TITLE + panels.chunks(COLUMNS).map(height).sum::<i32>() + MARGIN - GAP;
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH as u32, total as u32)).into_drawing_area();
        area.fill(&WHITE)?;
        let style =
            |size: i32, x: HPos| TextStyle::from(("sans-serif", size).into_font()).color(&INK).pos(Pos::new(x, VPos::Center));
        let note = if panels.iter().any(Panel::has_gaps) {
            "; what has a gap, or a line without an end, is longer than drawn"
        } else {
            ""
        };
        area.draw(&Text::new(format!("{title}{note}"), (MARGIN, TITLE / 2), style(18, HPos::Left)))?;
        let width = (WIDTH - 2 * MARGIN - GAP * (COLUMNS as i32 - 1)) / COLUMNS as i32;
        let mut top = TITLE;
        for row in panels.chunks(COLUMNS) {
            for (column, panel) in row.iter().enumerate() {
                let left = MARGIN + column as i32 * (width + GAP);
                area.draw(&Text::new(panel.title.clone(), (left + NAMES, top + PANEL_TITLE / 2 - 2), style(15, HPos::Left)))?;
                let end = panel.end();
                let zero = left + NAMES;
                let room = f64::from(width - NAMES - FIGURES);
                let x = |value: f64| zero + (value.min(end) / end * room).round() as i32;
                for (line, bar) in panel.bars.iter().enumerate() {
                    let y = top + PANEL_TITLE + line as i32 * BAR;
                    let middle = y + BAR / 2;
                    area.draw(&Text::new(bar.label, (zero - 6, middle), style(13, HPos::Right)))?;
                    area.draw(&Rectangle::new([(zero, y + 3), (x(bar.spread.median), y + BAR - 3)], bar.color.filled()))?;
                    if bar.spread.median > end {
                        let gap = x(end) - 24;
                        let corners = [(gap, y + BAR - 2), (gap + 6, y + BAR - 2), (gap + 12, y + 2), (gap + 6, y + 2)];
                        area.draw(&Polygon::new(corners.to_vec(), WHITE.filled()))?;
                        let words = words(panel.figure, bar.spread.median);
                        area.draw(&Text::new(words, (x(end) + 6, middle), style(13, HPos::Left)))?;
                        continue;
                    }
                    area.draw(&PathElement::new(
                        vec![(x(bar.spread.min), middle), (x(bar.spread.max), middle)],
                        INK.stroke_width(1),
                    ))?;
                    for end in [bar.spread.min, bar.spread.max].into_iter().filter(|value| *value <= end) {
                        area.draw(&PathElement::new(vec![(x(end), middle - 3), (x(end), middle + 3)], INK.stroke_width(1)))?;
                    }
                    let words = words(panel.figure, bar.spread.median);
                    area.draw(&Text::new(words, (x(bar.spread.max) + 6, middle), style(13, HPos::Left)))?;
                }
                let bottom = top + PANEL_TITLE + panel.bars.len() as i32 * BAR;
                area.draw(&PathElement::new(vec![(zero, top + PANEL_TITLE), (zero, bottom)], FAINT.stroke_width(1)))?;
            }
            top += height(row);
        }
        area.present()?;
    }
    Ok(text)
}

fn words(figure: Figure, value: f64) -> String {
    match figure {
        Figure::Cpu => format!("{value:.2}"),
        Figure::Throughput => format!("{} k", thousands(value / 1000.0)),
        _ => thousands(value),
    }
}
