//! Augmentations that only rearrange pixels: crops, padding, flips and quarter turns.
//!
//! Padding takes values only where its border mode repeats the sample, or where `fill_mask` gives it a class.

use super::border::{Border, Position};
use super::parameters::Reader;
use super::view::{Turn, View};
use super::{Entry, Transform};
use crate::draw::Draw;
use crate::error::Error;
use crate::sample::Sample;

pub(super) const ENTRIES: &[Entry] = &[
    ("RandomCrop", 1.0, |reader| Ok(Box::new(Crop::read(reader, true)?))),
    ("CenterCrop", 1.0, |reader| Ok(Box::new(Crop::read(reader, false)?))),
    ("PadIfNeeded", 1.0, |reader| Ok(Box::new(Pad::read(reader)?))),
    ("HorizontalFlip", 0.5, |_| Ok(Box::new(Turned::Fixed(Turn::Horizontal)))),
    ("VerticalFlip", 0.5, |_| Ok(Box::new(Turned::Fixed(Turn::Vertical)))),
    ("Transpose", 0.5, |_| Ok(Box::new(Turned::Fixed(Turn::Transpose)))),
    ("RandomRotate90", 1.0, |_| Ok(Box::new(Turned::Quarters))),
    ("D4", 1.0, |_| Ok(Box::new(Turned::Any))),
    ("NoOp", 1.0, |_| Ok(Box::new(Turned::Fixed(Turn::Identity)))),
];

/// Which pixels a crop or a padding takes of a sample: first row and column, which may lie outside, then rows and columns.
type Cut = ((i64, i64), usize, usize);

/// `RandomCrop` and `CenterCrop`.
#[derive(Debug)]
struct Crop {
    height: usize,
    width: usize,
    random: bool,
    pad: Option<Position>,
    border: Border,
}

impl Crop {
    fn read(reader: &mut Reader<'_>, random: bool) -> Result<Crop, Error> {
        let (height, width) = (reader.pixels("height")?, reader.pixels("width")?);
        let position = Position::read(reader, "pad_position")?;
        let pad = reader.flag("pad_if_needed", false)?.then_some(position);
        Ok(Crop { height, width, random, pad, border: Border::read(reader)? })
    }

    fn cut(&self, (rows, cols): (usize, usize), draw: &mut Draw) -> Result<Cut, Error> {
        let (lacking_rows, lacking_cols) = (self.height.saturating_sub(rows), self.width.saturating_sub(cols));
        let (above, left) = match self.pad {
            Some(position) if (lacking_rows, lacking_cols) != (0, 0) => {
                position.before(lacking_rows, lacking_cols, draw)
            }
            None if (lacking_rows, lacking_cols) != (0, 0) => {
                let reason = format!(
                    "{} x {} px cannot be cut from a sample of {rows} x {cols} px (rows x columns); use a larger window_px, \
                     or pad_if_needed",
                    self.height, self.width
                );
                let name = if self.random { "RandomCrop" } else { "CenterCrop" };
                return Err(Error::Augmentation { name: name.to_owned(), reason });
            }
            _ => (0, 0),
        };
        let (free_rows, free_cols) = (rows.saturating_sub(self.height) as i64, cols.saturating_sub(self.width) as i64);
        let (row, col) = match self.random {
            true => (draw.between(0, free_rows), draw.between(0, free_cols)),
            false => (free_rows / 2, free_cols / 2),
        };
        Ok(((row - above, col - left), self.height, self.width))
    }
}

impl Transform for Crop {
    fn is_exact(&self) -> bool {
        self.pad.is_none() || !self.border.is_ground()
    }

    fn view(&self, view: View, draw: &mut Draw) -> Result<View, Error> {
        let ((row, col), height, width) = self.cut((view.height, view.width), draw)?;
        Ok(view.crop(row, col, height, width))
    }

    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        let (from, height, width) = self.cut((sample.view.height, sample.view.width), draw)?;
        lay(sample, from, height, width, &self.border);
        Ok(())
    }
}

/// Takes pixels of a sample; what lies outside is ground where the border says so, and invalid where not.
fn lay(sample: &mut Sample, (row, col): (i64, i64), height: usize, width: usize, border: &Border) {
    let inside = row >= 0
        && col >= 0
        && row + height as i64 <= sample.view.height as i64
        && col + width as i64 <= sample.view.width as i64;
    match inside || !border.is_ground() {
        true => sample.view = sample.view.crop(row, col, height, width),
        false => border.cut(sample, (row, col), height, width),
    }
}

/// `PadIfNeeded`: to a least size, or to a multiple.
#[derive(Debug)]
struct Pad {
    height: usize,
    width: usize,
    height_divisor: Option<usize>,
    width_divisor: Option<usize>,
    position: Position,
    border: Border,
}

impl Pad {
    fn read(reader: &mut Reader<'_>) -> Result<Pad, Error> {
        let side = |reader: &mut Reader<'_>, least, divisor| -> Result<(usize, Option<usize>), Error> {
            match (reader.value(least).is_some(), reader.value(divisor).is_some()) {
                (_, false) => Ok((reader.pixels(least)?, None)),
                (false, true) => Ok((1, Some(reader.pixels(divisor)?))),
                (true, true) => Err(reader.refuse(format!("give {least} or {divisor}, not both"))),
            }
        };
        let (height, height_divisor) = side(reader, "min_height", "pad_height_divisor")?;
        let (width, width_divisor) = side(reader, "min_width", "pad_width_divisor")?;
        let position = Position::read(reader, "position")?;
        // Written by albumentations, whose base class has it, and never looked at.
        reader.accept(&["padding"]);
        Ok(Pad { height, width, height_divisor, width_divisor, position, border: Border::read(reader)? })
    }

    fn cut(&self, (rows, cols): (usize, usize), draw: &mut Draw) -> Cut {
        let grown = |length: usize, least: usize, divisor: Option<usize>| {
            divisor.map_or(length, |divisor| length.next_multiple_of(divisor)).max(least)
        };
        let (height, width) =
            (grown(rows, self.height, self.height_divisor), grown(cols, self.width, self.width_divisor));
        let (above, left) = self.position.before(height - rows, width - cols, draw);
        ((-above, -left), height, width)
    }
}

impl Transform for Pad {
    fn is_exact(&self) -> bool {
        !self.border.is_ground()
    }

    fn view(&self, view: View, draw: &mut Draw) -> Result<View, Error> {
        let ((row, col), height, width) = self.cut((view.height, view.width), draw);
        Ok(view.crop(row, col, height, width))
    }

    fn apply(&self, sample: &mut Sample, draw: &mut Draw) -> Result<(), Error> {
        let (from, height, width) = self.cut((sample.view.height, sample.view.width), draw);
        lay(sample, from, height, width, &self.border);
        Ok(())
    }
}

/// Flips and turns.
#[derive(Debug)]
enum Turned {
    Fixed(Turn),
    Quarters,
    Any,
}

impl Transform for Turned {
    fn is_exact(&self) -> bool {
        true
    }

    fn view(&self, view: View, draw: &mut Draw) -> Result<View, Error> {
        Ok(view.turn(match self {
            Turned::Fixed(turn) => *turn,
            Turned::Quarters => Turn::quarters(draw.below(4)),
            Turned::Any => Turn::ALL[draw.below(8) as usize],
        }))
    }
}
