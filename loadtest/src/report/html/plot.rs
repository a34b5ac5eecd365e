//! What all charts share: scales, axes, and the frame.

use maud::{Markup, PreEscaped, html};

/// The SVG's own units, in both directions; the page stretches them.
pub(super) const SIZE: f64 = 1_000.0;

/// A mark on an axis: where (0 to 1), and its words.
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) text: String,
}

/// A chart without its drawing.
pub(super) struct Frame<'a> {
    /// Distinct on the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    /// What a reader who does not see it is told.
    pub(super) description: &'a str,
    pub(super) x: Vec<Tick>,
    pub(super) y: Vec<Tick>,
    /// Class and name of each series.
    pub(super) legend: &'a [(&'a str, &'a str)],
}

impl Frame<'_> {
    /// Puts `drawing` (SVG elements in [`SIZE`] units) into the frame.
    pub(super) fn around(&self, drawing: &str) -> Markup {
        let title = format!("{}-title", self.id);
        let description = format!("{}-description", self.id);
        html! {
            figure.chart {
                @if !self.legend.is_empty() {
                    ul.legend aria-hidden="true" {
                        @for (class, name) in self.legend { li { i class={ "key " (class) } {} (name) } }
                    }
                }
                div.plot {
                    div.y aria-hidden="true" {
                        @for tick in &self.y { span style={ "bottom:" (percent(tick.at)) } { (tick.text) } }
                    }
                    svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" aria-labelledby={ (title) " " (description) } {
                        title id=(title) { (self.title) }
                        desc id=(description) { (self.description) }
                        @for tick in &self.y {
                            line.grid x1="0" x2="1000" y1=(y(tick.at)) y2=(y(tick.at)) {}
                        }
                        (PreEscaped(drawing))
                    }
                    div.x aria-hidden="true" {
                        @for tick in &self.x { span style={ "left:" (percent(tick.at)) } { (tick.text) } }
                    }
                }
            }
        }
    }
}

/// From 0 (bottom) to 1 (top), in SVG units.
pub(super) fn y(part: f64) -> String {
    number((1.0 - part) * SIZE)
}

/// From 0 (left) to 1 (right), in SVG units.
pub(super) fn x(part: f64) -> String {
    number(part * SIZE)
}

/// A tenth of a unit is less than a pixel.
pub(super) fn number(value: f64) -> String {
    format!("{value:.1}")
}

fn percent(part: f64) -> String {
    format!("{:.2}%", part * 100.0)
}

/// A linear scale from 0 to at least `highest`: its end, and a step of 1, 2 or 5 times a power of
/// ten.
pub(super) fn linear(highest: f64, steps: f64) -> (f64, f64) {
    let rough = (highest.max(1e-9)) / steps;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|m| m * power)
        .into_iter()
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(power);
    ((highest / step - 1e-9).ceil().max(1.0) * step, step)
}

/// Ticks of a linear scale.
pub(super) fn ticks(end: f64, step: f64, text: impl Fn(f64) -> String) -> Vec<Tick> {
    let count = (end / step + 1e-9).floor() as usize;
    (0..=count)
        .map(|n| n as f64 * step)
        .map(|value| Tick {
            at: value / end,
            text: text(value),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_on_a_round_step_that_holds_the_highest_value() {
        for highest in [0.0, 0.003, 1.0, 7.0, 15.0, 99.9, 100.0, 101.0, 12_345.0] {
            let (end, step) = linear(highest, 4.0);
            assert!(
                end >= highest && end / step <= 6.0 && end > 0.0,
                "{highest}: {end} by {step}"
            );
        }
        assert_eq!(
            (linear(100.0, 4.0), linear(101.0, 4.0)),
            ((100.0, 50.0), (150.0, 50.0))
        );
        let ticks = ticks(150.0, 50.0, |v| v.to_string());
        assert_eq!(
            ticks.iter().map(|t| t.text.as_str()).collect::<Vec<_>>(),
            ["0", "50", "100", "150"]
        );
    }
}
