//! Pixel windows and CRS bounds: plain rectangles.

/// A rectangle of pixels. It may reach beyond the image on any side; what lies outside is read as invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// First column, in pixels from the image's left edge; may be negative.
    pub col_px: i64,
    /// First row, in pixels from the image's upper edge; may be negative.
    pub row_px: i64,
    /// Columns.
    pub width_px: usize,
    /// Rows.
    pub height_px: usize,
}

impl Window {
    /// First column and row, then width and height, all in pixels.
    pub const fn new(col_px: i64, row_px: i64, width_px: usize, height_px: usize) -> Self {
        Window { col_px, row_px, width_px, height_px }
    }

    /// Column after the last.
    pub fn end_col_px(&self) -> i64 {
        self.col_px.saturating_add(i64::try_from(self.width_px).unwrap_or(i64::MAX))
    }

    /// Row after the last.
    pub fn end_row_px(&self) -> i64 {
        self.row_px.saturating_add(i64::try_from(self.height_px).unwrap_or(i64::MAX))
    }

    /// No pixels.
    pub fn is_empty(&self) -> bool {
        self.width_px == 0 || self.height_px == 0
    }

    /// The part that both share; `None` where they share no pixel.
    pub fn intersection(&self, other: &Window) -> Option<Window> {
        let (left, right) = (self.col_px.max(other.col_px), self.end_col_px().min(other.end_col_px()));
        let (top, bottom) = (self.row_px.max(other.row_px), self.end_row_px().min(other.end_row_px()));
        if left >= right || top >= bottom {
            return None;
        }
        let (width_px, height_px) = (usize::try_from(right - left).ok()?, usize::try_from(bottom - top).ok()?);
        Some(Window { col_px: left, row_px: top, width_px, height_px })
    }

    /// True where every pixel of `other` is a pixel of this window.
    pub fn contains(&self, other: &Window) -> bool {
        self.col_px <= other.col_px
            && self.row_px <= other.row_px
            && self.end_col_px() >= other.end_col_px()
            && self.end_row_px() >= other.end_row_px()
    }
}

/// As half-open ranges, for messages: `columns 0 to 190, rows 0 to 377`.
impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (right, bottom) = (self.end_col_px(), self.end_row_px());
        write!(f, "columns {} to {right}, rows {} to {bottom}", self.col_px, self.row_px)
    }
}

/// A rectangle in CRS coordinates; x grows eastward (or is the longitude), y northward, whatever the CRS's own axis order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Smallest x.
    pub min_x: f64,
    /// Smallest y.
    pub min_y: f64,
    /// Largest x.
    pub max_x: f64,
    /// Largest y.
    pub max_y: f64,
}

impl Bounds {
    /// The smallest rectangle holding all the points that are finite; `None` where there are none.
    pub fn of_points(points: impl IntoIterator<Item = (f64, f64)>) -> Option<Bounds> {
        points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).fold(None, |acc, (x, y)| {
            let b = acc.unwrap_or(Bounds { min_x: x, min_y: y, max_x: x, max_y: y });
            Some(Bounds { min_x: b.min_x.min(x), min_y: b.min_y.min(y), max_x: b.max_x.max(x), max_y: b.max_y.max(y) })
        })
    }

    /// The part that both share; `None` where they share no area.
    pub fn intersection(&self, other: &Bounds) -> Option<Bounds> {
        let b = Bounds {
            min_x: self.min_x.max(other.min_x),
            min_y: self.min_y.max(other.min_y),
            max_x: self.max_x.min(other.max_x),
            max_y: self.max_y.min(other.max_y),
        };
        (b.min_x < b.max_x && b.min_y < b.max_y).then_some(b)
    }

    /// `[min_x, min_y, max_x, max_y]`, the order of STAC's `bbox`.
    pub fn to_array(self) -> [f64; 4] {
        [self.min_x, self.min_y, self.max_x, self.max_y]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_that_only_touch_share_nothing() {
        let window = Window::new(-2, 0, 4, 4);
        assert_eq!(window.intersection(&Window::new(2, 0, 4, 4)), None);
        assert_eq!(window.intersection(&Window::new(0, 3, 9, 9)), Some(Window::new(0, 3, 2, 1)));
    }

    #[test]
    fn the_largest_window_does_not_overflow() {
        let huge = Window::new(i64::MAX - 1, i64::MIN, usize::MAX, usize::MAX);
        assert_eq!(huge.end_col_px(), i64::MAX);
        assert_eq!(huge.intersection(&Window::new(0, 0, 10, 10)), None);
    }
}
