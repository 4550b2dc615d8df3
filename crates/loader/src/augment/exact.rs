//! Augmentations that only rearrange pixels: crops, padding, flips and quarter turns.
//!
//! Pixels that padding adds are invalid (image 0 after normalisation, target ignored), where albumentations fills them with
//! `fill` and `fill_mask`: what nobody measured is nothing to learn from.

use super::parameters::Reader;
use super::view::{Turn, View};
use super::{Entry, Transform};
use crate::draw::Draw;
use crate::error::Error;

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

/// `RandomCrop` and `CenterCrop`.
#[derive(Debug)]
struct Crop {
    height: usize,
    width: usize,
    random: bool,
    pad: bool,
}

impl Crop {
    fn read(reader: &mut Reader<'_>, random: bool) -> Result<Crop, Error> {
        let (height, width) = (reader.pixels("height")?, reader.pixels("width")?);
        let pad = reader.flag("pad_if_needed", false)?;
        constant_border(reader, "pad_position")?;
        Ok(Crop { height, width, random, pad })
    }
}

/// Padding is with nothing: other border modes would invent ground.
fn constant_border(reader: &mut Reader<'_>, position: &'static str) -> Result<(), Error> {
    reader.accept(&["fill", "fill_mask"]);
    if reader.number("border_mode", 0.0)? != 0.0 {
        return Err(reader.wrong("border_mode", "0 (constant)"));
    }
    if reader.text(position, "center")? != "center" {
        return Err(reader.wrong(position, "\"center\""));
    }
    Ok(())
}

impl Transform for Crop {
    fn is_exact(&self) -> bool {
        true
    }

    fn view(&self, view: View, draw: &mut Draw) -> Result<View, Error> {
        let view = if self.pad { centre(view, self.height, self.width) } else { view };
        if view.height < self.height || view.width < self.width {
            let reason = format!(
                "{} x {} px cannot be cut from a sample of {} x {} px (rows x columns); use a larger window_px, or pad_if_needed",
                self.height, self.width, view.height, view.width
            );
            let name = if self.random { "RandomCrop" } else { "CenterCrop" };
            return Err(Error::Augmentation { name: name.to_owned(), reason });
        }
        let (free_rows, free_cols) = ((view.height - self.height) as i64, (view.width - self.width) as i64);
        let (row, col) = match self.random {
            true => (draw.between(0, free_rows), draw.between(0, free_cols)),
            false => (free_rows / 2, free_cols / 2),
        };
        Ok(view.crop(row, col, self.height, self.width))
    }
}

/// Grown to at least `height` and `width`, the old pixels in the middle; an odd pixel goes to the far side.
fn centre(view: View, height: usize, width: usize) -> View {
    let (height, width) = (view.height.max(height), view.width.max(width));
    let (above, left) = ((height - view.height) / 2, (width - view.width) / 2);
    view.crop(-(above as i64), -(left as i64), height, width)
}

/// `PadIfNeeded`: to a least size, or to a multiple.
#[derive(Debug)]
struct Pad {
    height: usize,
    width: usize,
    height_divisor: Option<usize>,
    width_divisor: Option<usize>,
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
        constant_border(reader, "position")?;
        reader.accept(&["padding"]);
        Ok(Pad { height, width, height_divisor, width_divisor })
    }
}

impl Transform for Pad {
    fn is_exact(&self) -> bool {
        true
    }

    fn view(&self, view: View, _draw: &mut Draw) -> Result<View, Error> {
        let grown = |length: usize, divisor: Option<usize>| divisor.map_or(length, |d| length.next_multiple_of(d));
        let (height, width) = (grown(view.height, self.height_divisor), grown(view.width, self.width_divisor));
        Ok(centre(view, height.max(self.height), width.max(self.width)))
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
