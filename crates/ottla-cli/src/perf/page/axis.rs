//! [`Axis`]: where a value is in a chart, and the values with a label.

use crate::perf::outcome::decimal;

/// The values of one direction of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    from: f64,
    to: f64,
    is_logarithmic: bool,
    /// The values with a label, and the label.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to a round number that is not below `most`.
    pub(super) fn linear(most: f64) -> Self {
        /// The number of steps between labels, at most.
        const STEPS: f64 = 5.0;
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let power = 10_f64.powf((most / STEPS).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| step * STEPS >= most);
        let step = step.unwrap_or(most);
        let count = (most / step).ceil();
        let digits = if step < 1.0 { 2 } else { 0 };
        let ticks = counted(count).map(|index| (index * step, decimal(index * step, digits))).collect();
        Self { from: 0.0, to: count * step, is_logarithmic: false, ticks }
    }

    /// From a power of ten to another, around the positive values.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for value in values.filter(|value| value.is_finite() && *value > 0.0) {
            (least, most) = (least.min(value), most.max(value));
        }
        if most == 0.0 {
            (least, most) = (1.0, 10.0);
        }
        let (from, to) = (least.log10().floor(), most.log10().ceil());
        let to = if to > from { to } else { from + 1.0 };
        let ticks = counted(to - from).map(|index| {
            let value = 10_f64.powf(from + index);
            let digits = if value < 0.01 {
                3
            } else if value < 0.1 {
                2
            } else if value < 1.0 {
                1
            } else {
                0
            };
            (value, decimal(value, digits))
        });
        Self { from: 10_f64.powf(from), to: 10_f64.powf(to), is_logarithmic: true, ticks: ticks.collect() }
    }

    /// Percentiles, by the number of nines: 0 is 0 %, 1 is 90 %, 2 is 99 %.
    pub(super) fn percentiles(nines: f64) -> Self {
        let nines = nines.ceil().max(1.0);
        let digits = (0..).map(|nines: usize| nines.saturating_sub(2));
        let ticks =
            counted(nines).zip(digits).map(|(index, digits)| (index, format!("{:.digits$}", percentage(index)))).collect();
        Self { from: 0.0, to: nines, is_logarithmic: false, ticks }
    }

    /// The place of a value, from 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        let scaled = |value: f64| if self.is_logarithmic { value.max(self.from).log10() } else { value };
        let (from, to) = (scaled(self.from), scaled(self.to));
        ((scaled(value) - from) / (to - from)).clamp(0.0, 1.0)
    }
}

/// The percentage with this number of nines: 99.9 has three.
fn percentage(nines: f64) -> f64 {
    100.0 * (1.0 - 10_f64.powf(-nines))
}

/// 0, 1 and so on, up to this number.
fn counted(last: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(0.0), |index| Some(index + 1.0)).take_while(move |index| *index <= last + 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn linear_axes_end_at_round_numbers() {
        assert_eq!(labels(&Axis::linear(9_500.0)), ["0", "2,000", "4,000", "6,000", "8,000", "10,000"]);
        assert_eq!(labels(&Axis::linear(0.9)), ["0.00", "0.20", "0.40", "0.60", "0.80", "1.00"]);
        assert_eq!(labels(&Axis::linear(3.0)), ["0", "1", "2", "3"]);
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Axis::linear(odd), Axis::linear(1.0));
        }
        assert_eq!(Axis::linear(9_500.0).place(5_000.0), 0.5);
    }

    #[test]
    fn logarithmic_axes_end_at_powers_of_ten() {
        let axis = Axis::logarithmic([0.0, 0.5, 120.0].into_iter());
        assert_eq!(labels(&axis), ["0.1", "1", "10", "100", "1,000"]);
        assert!((axis.place(10.0) - 0.5).abs() < 1e-9);
        assert_eq!((axis.place(0.0), axis.place(1e9)), (0.0, 1.0));
        assert_eq!(labels(&Axis::logarithmic([10.0].into_iter())), ["10", "100"]);
        assert_eq!(labels(&Axis::logarithmic([].into_iter())), ["1", "10"]);
    }

    #[test]
    fn percentiles_are_spaced_by_nines() {
        let axis = Axis::percentiles(2.3);
        assert_eq!(labels(&axis), ["0", "90", "99", "99.9"]);
        assert_eq!(labels(&Axis::percentiles(5.0))[4..], ["99.99", "99.999"]);
        assert!((axis.place(1.0) - 1.0 / 3.0).abs() < 1e-9);
        assert!((percentage(std::f64::consts::LOG10_2) - 50.0).abs() < 0.001);
    }
}
