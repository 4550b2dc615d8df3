//! Whether a file is laid out so that a part of it can be read from afar in few requests.

use super::Header;

/// Sides up to this are read in one request anyway; the Cloud Optimized GeoTIFF rules ask nothing of them.
const SMALL_PX: usize = 512;

impl Header {
    /// What keeps the file from being a Cloud Optimized GeoTIFF: strips, missing overviews, or overviews whose blocks lie behind
    /// those of the finer level. Empty for a well laid out file.
    #[must_use]
    pub fn cog_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let Some(full) = self.levels.first() else { return faults };
        if full.width_px.max(full.height_px) <= SMALL_PX {
            return faults;
        }
        if !full.is_tiled {
            faults.push(format!("it is cut into strips of {} rows and not into tiles", full.block_height_px));
        }
        if self.levels.len() == 1 {
            faults.push(format!("{} x {} pixels have no overviews", full.width_px, full.height_px));
        }
        // Sparse blocks have no place.
        let first_byte = |offsets: &[u64]| offsets.iter().copied().filter(|offset| *offset > 0).min();
        for (finer, (at, coarser)) in self.levels.iter().zip(self.levels.iter().enumerate().skip(1)) {
            if first_byte(&coarser.offsets).zip(first_byte(&finer.offsets)).is_some_and(|(coarse, fine)| coarse > fine)
            {
                faults.push(format!("the pixels of overview {at} lie behind those of the finer level"));
            }
        }
        faults
    }
}
