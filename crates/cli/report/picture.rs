//! Pictures for the page: bands stretched for the eye, class maps coloured, both as inline PNG.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ndarray::{Array2, ArrayView2};

use super::model::{Class, Picture};
use super::palette;

impl Picture {
    /// Red, green and blue as a picture. All are `[row, col]` of one shape and any unit; values that are not finite are
    /// drawn white. The darkest and brightest 1 % of the three together are clipped, clouds too, and shadows lifted a
    /// little.
    ///
    /// # Errors
    /// When the shapes differ.
    pub(crate) fn stretched(bands: [ArrayView2<f32>; 3]) -> Result<Self> {
        let [red, green, blue] = &bands;
        ensure!(
            red.dim() == green.dim() && red.dim() == blue.dim(),
            "a picture needs three bands of one shape, not {:?}, {:?} and {:?}",
            red.dim(),
            green.dim(),
            blue.dim()
        );
        let (low, high) = spread(bands.iter().flat_map(|band| band.iter().copied()));
        let byte = |value: f32| match value.is_finite() {
            true => (((value - low) / (high - low)).clamp(0.0, 1.0).powf(0.8) * 255.0).round() as u8,
            false => 255,
        };
        let (rows, cols) = red.dim();
        let rgb = ndarray::indices((rows, cols))
            .into_iter()
            .flat_map(|at| bands.each_ref().map(|band| byte(band[at])))
            .collect();
        Ok(Self { rows, cols, rgb })
    }

    /// The picture as a `data:` address.
    pub(super) fn data_uri(&self) -> Result<String> {
        ensure!(
            self.rgb.len() == self.rows * self.cols * 3,
            "a picture of {} x {} pixels needs {} bytes, not {}",
            self.rows,
            self.cols,
            self.rows * self.cols * 3,
            self.rgb.len()
        );
        encode(self.rows, self.cols, None, &self.rgb)
    }
}

/// A class map `[row, col]` as a `data:` address: one byte per pixel and the classes' colours as palette.
pub(super) fn class_map(map: &Array2<u8>, classes: &[Class]) -> Result<String> {
    let known = classes.len().min(255);
    let palette = classes[..known].iter().flat_map(|class| class.colour).chain(palette::IGNORED).collect();
    let pixels: Vec<u8> = map.iter().map(|&class| usize::from(class).min(known) as u8).collect();
    encode(map.nrows(), map.ncols(), Some(palette), &pixels)
}

/// The darkest and the brightest value to show. They are the 1st and 99th percentile of the finite values, or less for
/// the bright end where a few values lie far beyond the rest: a cloud must not turn the ground black.
fn spread(values: impl Iterator<Item = f32>) -> (f32, f32) {
    let mut values: Vec<f32> = values.filter(|value| value.is_finite()).collect();
    if values.is_empty() {
        return (0.0, 1.0);
    }
    values.sort_unstable_by(f32::total_cmp);
    let at = |percent: usize| values[(values.len() - 1) * percent / 100];
    let (low, high, quarters) = (at(1), at(99), at(75) - at(25));
    let fence = at(75) + 2.0 * quarters;
    match quarters > 0.0 {
        true => (low, high.min(fence)),
        false if high > low => (low, high),
        false => (low - 0.5, low + 0.5),
    }
}

fn encode(rows: usize, cols: usize, palette: Option<Vec<u8>>, pixels: &[u8]) -> Result<String> {
    let side =
        |length: usize| u32::try_from(length).with_context(|| format!("a picture cannot be {length} pixels long"));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side(cols)?, side(rows)?);
    encoder.set_compression(png::Compression::High);
    match palette {
        None => encoder.set_color(png::ColorType::Rgb),
        Some(palette) => {
            encoder.set_color(png::ColorType::Indexed);
            encoder.set_palette(palette);
        }
    }
    let failed = || format!("a picture of {rows} x {cols} pixels could not be encoded as PNG");
    let mut writer = encoder.write_header().with_context(failed)?;
    writer.write_image_data(pixels).with_context(failed)?;
    writer.finish().with_context(failed)?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(file)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn decode(uri: &str) -> (png::OutputInfo, Vec<u8>) {
        let file = STANDARD.decode(uri.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info, pixels)
    }

    #[test]
    fn a_class_map_comes_back_in_its_colours() {
        let classes = [Class { name: "a".into(), colour: [1, 2, 3] }, Class { name: "b".into(), colour: [4, 5, 6] }];
        let (info, pixels) = decode(&class_map(&array![[0, 1, 255]], &classes).unwrap());
        assert_eq!((info.width, info.height), (3, 1));
        assert_eq!(pixels, [1, 2, 3, 4, 5, 6, 255, 255, 255]);
    }

    #[test]
    fn a_stretch_spans_black_to_white_and_shows_gaps_white() {
        let ramp = array![[0.0, 5.0, 10.0, f32::NAN]];
        let picture = Picture::stretched([ramp.view(), ramp.view(), ramp.view()]).unwrap();
        assert_eq!((picture.rgb[0], picture.rgb[9]), (0, 255));
        assert_eq!(decode(&picture.data_uri().unwrap()).1, picture.rgb);
    }

    #[test]
    fn a_cloud_does_not_turn_the_ground_black() {
        // Nine tenths of ground between 0 and 9, one tenth of cloud at 1000.
        let band = Array2::from_shape_fn((10, 10), |(row, col)| if row == 9 { 1000.0 } else { col as f32 });
        let picture = Picture::stretched([band.view(), band.view(), band.view()]).unwrap();
        // Each tenth of the values is one column's, so the quarters are at 2 and 8, white is at 20, and 9 is (9/20)^0.8 of it.
        assert_eq!(picture.rgb[9 * 3], ((9.0f32 / 20.0).powf(0.8) * 255.0).round() as u8);
    }

    #[test]
    fn bands_of_different_shapes_are_refused() {
        let (a, b) = (array![[0.0f32]], array![[0.0f32, 1.0]]);
        let error = Picture::stretched([a.view(), b.view(), a.view()]).unwrap_err();
        assert!(error.to_string().contains("(1, 2)"), "{error}");
    }
}
