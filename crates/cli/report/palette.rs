//! Colours that stay apart with any colour vision, and how a number becomes one.

/// Line colours after Okabe and Ito (2008), in the order in which runs take them; dashes tell them apart in print.
const LINES: [(&str, &str); 6] = [
    ("#0072b2", "none"),
    ("#d55e00", "7 3"),
    ("#009e73", "2 3"),
    ("#7b3f98", "9 3 2 3"),
    ("#8c6d00", "4 2"),
    ("#3d3d3d", "1 3"),
];

/// sRGB of a label that says to leave the pixel out.
pub(super) const IGNORED: [u8; 3] = [0xff, 0xff, 0xff];

/// Colour and dash pattern of the `index`-th run.
pub(super) fn line(index: usize) -> (&'static str, &'static str) {
    LINES[index % LINES.len()]
}

/// `#rrggbb`.
pub(super) fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Fill for a share of 0 to 1, white to dark blue, and the ink that reads best on it.
///
/// Lightness falls steadily, so the order of shares survives in grey. The stops are the 0, 25, 50, 75 and 100 % of the
/// ColorBrewer scheme `Blues`.
pub(super) fn heat(share: f64) -> (String, &'static str) {
    const STOPS: [[f64; 3]; 5] =
        [[255.0, 255.0, 255.0], [198.0, 219.0, 239.0], [107.0, 174.0, 214.0], [33.0, 113.0, 181.0], [8.0, 48.0, 107.0]];
    let at = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 } * (STOPS.len() - 1) as f64;
    let below = (at.floor() as usize).min(STOPS.len() - 2);
    let colour: [f64; 3] =
        std::array::from_fn(|i| STOPS[below][i] + (STOPS[below + 1][i] - STOPS[below][i]) * (at - below as f64));
    let ink = if luminance(colour) < EVEN_LUMINANCE { "#fff" } else { "#000" };
    (hex(colour.map(|channel| channel.round() as u8)), ink)
}

/// Where black and white read equally well: (1 + 0.05) / (l + 0.05) = (l + 0.05) / 0.05, a contrast of 4.58 to 1 either
/// way, above the 4.5 that WCAG 2 asks for.
const EVEN_LUMINANCE: f64 = 0.179;

/// Relative luminance of an sRGB colour of 0 to 255, as WCAG 2 defines it.
fn luminance(colour: [f64; 3]) -> f64 {
    let linear = colour.map(|channel| match channel / 255.0 {
        channel if channel <= 0.04045 => channel / 12.92,
        channel => ((channel + 0.055) / 1.055).powf(2.4),
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_darkens_and_survives_nonsense() {
        assert_eq!(heat(0.0), ("#ffffff".to_owned(), "#000"));
        assert_eq!(heat(1.0), ("#08306b".to_owned(), "#fff"));
        assert_eq!(heat(f64::NAN), heat(0.0));
        assert_eq!(heat(7.0), heat(1.0));
    }
}
