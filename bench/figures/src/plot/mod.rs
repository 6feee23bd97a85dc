//! The figures as SVG, on a white ground of their own so that they can be read on any page.

mod bars;
mod growth;

use std::error::Error;

use plotters::style::{Color, RGBAColor, RGBColor};

use crate::{
    CLIENTS, Figure, Measurement,
    client::{MEASURE, is_ours},
    statistics,
};
use bars::{Bar, Panel};

/// What goes wrong in drawing.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

const INK: RGBColor = RGBColor(31, 35, 40);
const FAINT: RGBColor = RGBColor(208, 215, 222);
const OURS: RGBColor = RGBColor(9, 105, 218);
const OURS_TOO: RGBColor = RGBColor(128, 186, 247);
const PEER: RGBColor = RGBColor(164, 172, 182);
const PEER_MEASURE: RGBColor = RGBColor(101, 109, 118);

const MAIN_LOADS: [(&str, &str); 4] =
    [("100B-none-6p", "100 bytes"), ("1KiB-none-6p", "1 KiB"), ("100B-lz4-6p", "100 bytes, lz4"), ("1KiB-lz4-6p", "1 KiB, lz4")];

/// Every plot that there are figures for: its file's name and its text.
pub fn all(measurements: &[Measurement]) -> Result<Vec<(&'static str, String)>> {
    let main = |figure| MAIN_LOADS.iter().map(move |(load, title)| (*load, (*title).to_owned(), figure)).collect::<Vec<_>>();
    let latency = [
        ("latency-closed", "one after the other, p50", Figure::P50),
        ("latency-closed", "one after the other, p99", Figure::P99),
        ("latency-open-20k", "20,000 a second, p50", Figure::P50),
        ("latency-open-20k", "20,000 a second, p99", Figure::P99),
        ("flush", "flush of one record, p50", Figure::P50),
        ("flush", "flush of one record, p99", Figure::P99),
    ];
    let latency = latency.map(|(load, title, figure)| (load, title.to_owned(), figure)).to_vec();
    let plots = [
        ("cpu.svg", "CPU time of the client, seconds per million records (less is better)", main(Figure::Cpu)),
        ("throughput.svg", "Acknowledged records per second (more is better)", main(Figure::Throughput)),
        ("memory.svg", "Peak resident memory of the client, MB (less is better)", main(Figure::PeakRss)),
        ("latency.svg", "Latency from send to report, µs (less is better)", latency),
    ];
    let mut files = Vec::new();
    for (file, title, panels) in plots {
        let panels: Vec<Panel> =
            panels.into_iter().filter_map(|(load, title, figure)| panel(measurements, load, title, figure)).collect();
        if !panels.is_empty() {
            files.push((file, bars::draw(title, &panels)?));
        }
    }
    files.extend(growth::draw(measurements)?.map(|text| ("growth.svg", text)));
    Ok(files)
}

fn panel(measurements: &[Measurement], load: &str, title: String, figure: Figure) -> Option<Panel> {
    let bars: Vec<Bar> = CLIENTS
        .into_iter()
        .filter_map(|client| {
            let spread = statistics::spread(measurements, load, client, figure)?;
            Some(Bar { label: client, spread, color: color(client) })
        })
        .collect();
    (!bars.is_empty()).then_some(Panel { title, figure, bars })
}

fn color(client: &str) -> RGBAColor {
    match client {
        crate::client::OURS => OURS,
        MEASURE => PEER_MEASURE,
        other if is_ours(other) => OURS_TOO,
        _ => PEER,
    }
    .to_rgba()
}
