//! Axes and lines as inline SVG, and text made safe for a page.
//!
//! Charts are drawn on a canvas of about 380 units, so that type of 10 to 11 units stays legible both on a phone and
//! in two columns. Every chart carries a title and a description for readers who do not see it.

use std::fmt::Write;

/// `text` with the characters that mean something in HTML written out.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

/// One axis: the values it spans and where it names them.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<f64>,
    /// Power of ten that labels are divided by.
    exponent: i32,
}

impl Axis {
    /// An axis from `low` to at least `high` with about `count` round ticks.
    pub(super) fn round(low: f64, high: f64, count: usize) -> Self {
        let (low, high) = if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) };
        let span = if high > low { high - low } else { low.abs().max(1.0) };
        let rough = span / count.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(power);
        let (first, last) = ((low / step).floor(), ((low + span) / step - 1e-9).ceil());
        let ticks: Vec<f64> = (0..=(last - first) as usize).map(|tick| (first + tick as f64) * step).collect();
        let exponent = if last * step < 0.02 { (last * step).abs().log10().floor() as i32 } else { 0 };
        Self { low: first * step, high: last * step, ticks, exponent: if exponent > -300 { exponent } else { 0 } }
    }

    /// An axis that ends exactly where the values do, as steps and histograms want.
    pub(super) fn exact(low: f64, high: f64, count: usize) -> Self {
        let mut axis = Self::round(low, high, count);
        axis.ticks.retain(|tick| (low..=high).contains(tick));
        Self { low, high: if high > low { high } else { low + 1.0 }, ..axis }
    }

    /// How a tick is written.
    pub(super) fn label(&self, tick: f64) -> String {
        let value = tick / 10f64.powi(self.exponent);
        let step = match self.ticks.as_slice() {
            [first, second, ..] => (second - first) / 10f64.powi(self.exponent),
            _ => 1.0,
        };
        let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 6.0) as usize;
        format!("{value:.decimals$}")
    }

    /// What stands behind the axis's name when labels are divided by a power of ten.
    pub(super) fn factor(&self) -> String {
        const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
        if self.exponent == 0 {
            return String::new();
        }
        let power = self.exponent.abs().to_string();
        let power: String = power.bytes().map(|digit| DIGITS[usize::from(digit - b'0')]).collect();
        format!(" (× 10⁻{power})")
    }

    fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// A chart with a frame of two axes; marks are added in data units.
pub(super) struct Chart {
    pub(super) x: Axis,
    pub(super) y: Axis,
    size: [f64; 2],
    /// Room for labels: left, top, right, bottom.
    margin: [f64; 4],
    body: String,
}

impl Chart {
    /// An empty chart of `size` (width, height) units with `margin` (left, top, right, bottom) around the frame.
    pub(super) fn new(x: Axis, y: Axis, size: [f64; 2], margin: [f64; 4]) -> Self {
        Self { x, y, size, margin, body: String::new() }
    }

    pub(super) fn px(&self, x: f64) -> f64 {
        self.margin[0] + self.x.share(x) * (self.size[0] - self.margin[0] - self.margin[2])
    }

    pub(super) fn py(&self, y: f64) -> f64 {
        self.size[1] - self.margin[3] - self.y.share(y) * (self.size[1] - self.margin[1] - self.margin[3])
    }

    /// Ready-made SVG on top of what is there.
    pub(super) fn add(&mut self, svg: &str) {
        self.body.push_str(svg);
    }

    /// Horizontal lines with their values, and the name of what they measure above them.
    pub(super) fn horizontal_grid(&mut self, name: &str) {
        let (left, right) = (self.margin[0], self.size[0] - self.margin[2]);
        for tick in self.y.ticks.clone() {
            let (y, label) = (self.py(tick), self.y.label(tick));
            let _ = write!(
                self.body,
                r#"<line class="grid" x1="{left:.1}" x2="{right:.1}" y1="{y:.1}" y2="{y:.1}"/><text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"#,
                left - 5.0,
                y + 3.5
            );
        }
        let name = escape(&format!("{name}{}", self.y.factor()));
        let _ = write!(self.body, r#"<text x="0" y="{:.1}">{name}</text>"#, self.margin[1] - 10.0);
    }

    /// The lower axis with its values, and the name of what it measures under them.
    pub(super) fn lower_axis(&mut self, name: &str) {
        let (left, right, y) = (self.margin[0], self.size[0] - self.margin[2], self.size[1] - self.margin[3]);
        let _ = write!(self.body, r#"<line class="axis" x1="{left:.1}" x2="{right:.1}" y1="{y:.1}" y2="{y:.1}"/>"#);
        for tick in self.x.ticks.clone() {
            let (x, label) = (self.px(tick), self.x.label(tick));
            let _ = write!(
                self.body,
                r#"<line class="axis" x1="{x:.1}" x2="{x:.1}" y1="{y:.1}" y2="{:.1}"/><text class="tick" x="{x:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
                y + 4.0,
                y + 15.0
            );
        }
        if !name.is_empty() {
            let name = escape(&format!("{name}{}", self.x.factor()));
            let _ = write!(self.body, r#"<text x="{right:.1}" y="{:.1}" text-anchor="end">{name}</text>"#, y + 29.0);
        }
    }

    /// A line through points in data units; a point that is not finite breaks it.
    pub(super) fn line(&mut self, points: impl Iterator<Item = (f64, f64)>, style: &str) {
        let (mut path, mut drawing) = (String::new(), false);
        for (x, y) in points {
            if !(x.is_finite() && y.is_finite()) {
                drawing = false;
                continue;
            }
            let _ = write!(path, "{}{:.1} {:.1}", if drawing { "L" } else { "M" }, self.px(x), self.py(y));
            drawing = true;
        }
        let _ = write!(self.body, r#"<path d="{path}" fill="none" stroke-linejoin="round" {style}/>"#);
    }

    /// The finished SVG. `title` names it, `description` says in words what it shows.
    pub(super) fn finish(self, title: &str, description: &str) -> String {
        let [width, height] = self.size;
        format!(
            r#"<svg viewBox="0 0 {width} {height}" role="img" aria-label="{}: {}"><title>{}</title>{}</svg>"#,
            escape(title),
            escape(description),
            escape(title),
            self.body
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_span_the_values() {
        let axis = Axis::round(0.0, 1.83, 5);
        assert_eq!(axis.ticks, [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(axis.label(1.5), "1.5");
        assert!(Axis::round(f64::NAN, 1.0, 5).high >= 1.0);
        assert!(Axis::round(3.0, 3.0, 5).high > 3.0);
    }

    #[test]
    fn small_values_share_a_power_of_ten() {
        let axis = Axis::round(0.0, 0.001, 4);
        assert_eq!((axis.label(0.001), axis.factor()), ("1.0".to_owned(), " (× 10⁻³)".to_owned()));
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<b a='1'>&\""), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;");
    }
}
