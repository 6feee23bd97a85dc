//! CPU time over the number of partitions, and over the number of topics.

use plotters::{
    chart::ChartBuilder,
    prelude::{Circle, EmptyElement, IntoDrawingArea, IntoLogRange, LineSeries, PathElement, SVGBackend, Text},
    style::{Color, IntoFont, RGBColor, TextStyle, WHITE},
};

use super::{FAINT, INK, Result};
use crate::{Figure, Measurement, statistics};

const SIZE: (u32, u32) = (1000, 450);

/// The height of title and legend.
const HEAD: i32 = 68;

/// The width of a client in the legend.
const LEGEND: i32 = 162;

/// The clients that are drawn: those that run under every load of it.
const LINES: [(&str, RGBColor); 6] = [
    ("ottla-future", RGBColor(9, 105, 218)),
    ("ottla-future-glibc", RGBColor(128, 186, 247)),
    ("c-loop", RGBColor(87, 96, 106)),
    ("rdkafka-future", RGBColor(191, 57, 137)),
    ("confluent-kafka-rust", RGBColor(188, 76, 0)),
    ("franz-go", RGBColor(26, 127, 55)),
];

const PARTITIONS: [(&str, f64); 3] = [("100B-none-6p", 6.0), ("100B-none-60p", 60.0), ("100B-none-600p", 600.0)];
const TOPICS: [(&str, f64); 3] = [("100B-none-6p", 6.0), ("100B-none-100t", 100.0), ("100B-none-1000t", 1000.0)];

/// `None` if no load but the smallest has figures.
pub(super) fn draw(measurements: &[Measurement]) -> Result<Option<String>> {
    let has = |load: &str| measurements.iter().any(|run| run.load == load && run.cpu_s_per_million.is_some());
    if ![PARTITIONS, TOPICS].iter().flatten().any(|(load, at)| *at > 6.0 && has(load)) {
        return Ok(None);
    }
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let font = |size: i32| TextStyle::from(("sans-serif", size).into_font()).color(&INK);
        area.draw(&Text::new(
            "CPU time of the client, seconds per million records of 100 bytes (less is better; logarithmic)",
            (16, 14),
            font(18),
        ))?;
        let (head, area) = area.split_vertically(HEAD);
        for (number, (client, color)) in LINES.iter().enumerate() {
            let left = 16 + number as i32 * LEGEND;
            head.draw(&PathElement::new(vec![(left, 52), (left + 18, 52)], color.stroke_width(3)))?;
            head.draw(&Text::new(*client, (left + 24, 45), font(13)))?;
        }
        let spreads = LINES
            .iter()
            .flat_map(|(client, _)| [PARTITIONS, TOPICS].concat().into_iter().map(|(load, _)| (*client, load)))
            .filter_map(|(client, load)| statistics::spread(measurements, load, client, Figure::Cpu));
        let (least, greatest) =
            spreads.fold((1.0_f64, 1.0_f64), |(least, greatest), spread| (least.min(spread.min), greatest.max(spread.max)));
        // No time at all has no logarithm.
        let (bottom, top) = (least.max(0.01) * 0.8, greatest * 1.3);
        let panels =
            [(PARTITIONS, "partitions of one topic"), (TOPICS, "topics of one partition (at 6: one topic of 6 partitions)")];
        for (area, (points, title)) in area.split_evenly((1, 2)).iter().zip(panels) {
            let last = points[points.len() - 1].1;
            let mut chart = ChartBuilder::on(area)
                .margin(12)
                .x_label_area_size(44)
                .y_label_area_size(44)
                .build_cartesian_2d((5.0..last * 1.2).log_scale(), (bottom..top).log_scale())?;
            chart
                .configure_mesh()
                .disable_x_mesh()
                .light_line_style(WHITE)
                .bold_line_style(FAINT)
                .axis_style(FAINT)
                .x_labels(4)
                .x_label_formatter(&|_| String::new())
                .y_label_formatter(&|value| format!("{value}"))
                .x_desc(title)
                .label_style(font(13))
                .axis_desc_style(font(14))
                .draw()?;
            for (_, at) in points {
                let mark = EmptyElement::at((at, bottom)) + Text::new(format!("{at:.0}"), (-8, 8), font(13));
                chart.plotting_area().draw(&mark)?;
            }
            for (client, color) in LINES {
                let spreads: Vec<_> = points
                    .iter()
                    .filter_map(|(load, at)| Some((*at, statistics::spread(measurements, load, client, Figure::Cpu)?)))
                    .collect();
                if spreads.len() < 2 {
                    continue;
                }
                let medians = spreads.iter().map(|(at, spread)| (*at, spread.median));
                chart.draw_series(LineSeries::new(medians, color.stroke_width(2)))?;
                chart.draw_series(spreads.iter().map(|(at, spread)| Circle::new((*at, spread.median), 4, color.filled())))?;
                let whisker = |(at, spread): &(f64, statistics::Spread)| {
                    PathElement::new(vec![(*at, spread.min), (*at, spread.max)], color.stroke_width(1))
                };
                chart.draw_series(spreads.iter().map(whisker))?;
            }
        }
        area.present()?;
    }
    Ok(Some(text))
}
