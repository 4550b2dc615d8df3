//! What the same ground looks like at another time of year: how green each surface is, and what it then reflects.

use super::climate::Climate;
use super::cover::{Site, Surface};
use super::noise::{lerp, mix, pick, step};
use super::settlement::Built;
use super::spectra::{
    ASPHALT, BARE_BRANCHES, BROADLEAF, CLEAR_WATER, CONCRETE, CONIFER, DRY_GRASS, GRAVEL, GREEN_CROP, LUSH_GRASS,
    ROOF_TILE, SHEET_METAL, STRAW, Spectrum, TURBID_WATER, blend, scale,
};

/// A share for the middle of each month, January first.
type Year = [f64; 12];

const LEAVES: Year = [0.0, 0.0, 0.05, 0.45, 0.92, 1.0, 1.0, 0.97, 0.85, 0.5, 0.1, 0.0];
const GRASS: Year = [0.42, 0.48, 0.65, 0.85, 0.92, 0.80, 0.62, 0.52, 0.58, 0.62, 0.55, 0.45];
/// How dry the ground is, to be multiplied with the region's drought.
const DRY: Year = [0.0, 0.0, 0.05, 0.1, 0.2, 0.55, 0.95, 1.0, 0.7, 0.3, 0.1, 0.0];

/// What is sown: its green cover and the straw it leaves.
const CROPS: [(Year, Year); 5] = [
    // Winter cereal.
    (
        [0.35, 0.42, 0.68, 0.90, 0.95, 0.50, 0.06, 0.03, 0.05, 0.12, 0.20, 0.30],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.45, 0.85, 0.60, 0.25, 0.0, 0.0, 0.0],
    ),
    // Maize and other summer crops.
    (
        [0.03, 0.03, 0.05, 0.08, 0.22, 0.62, 0.92, 0.95, 0.70, 0.18, 0.05, 0.03],
        [0.10, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.20, 0.50, 0.35, 0.20],
    ),
    // Fodder, cut and grown again.
    (
        [0.40, 0.45, 0.65, 0.80, 0.75, 0.85, 0.78, 0.80, 0.75, 0.65, 0.50, 0.42],
        [0.0, 0.0, 0.0, 0.0, 0.08, 0.05, 0.08, 0.05, 0.05, 0.0, 0.0, 0.0],
    ),
    // Vines and orchards: rows with bare ground between.
    (
        [0.10, 0.10, 0.14, 0.26, 0.42, 0.52, 0.54, 0.52, 0.46, 0.34, 0.18, 0.10],
        [0.10, 0.08, 0.05, 0.05, 0.05, 0.08, 0.10, 0.12, 0.10, 0.10, 0.10, 0.10],
    ),
    // Fallow: weeds at most.
    (
        [0.10, 0.12, 0.16, 0.20, 0.22, 0.18, 0.12, 0.10, 0.10, 0.12, 0.12, 0.10],
        [0.15, 0.10, 0.05, 0.05, 0.05, 0.15, 0.25, 0.25, 0.20, 0.20, 0.20, 0.15],
    ),
];

/// The state of a region's plants on one day.
pub(super) struct Season<'a> {
    pub(super) climate: &'a Climate,
    /// Share of the year gone by, 0 to 1.
    pub(super) year_share: f64,
    /// Names the year: what each parcel grows changes with it.
    pub(super) year: u64,
}

impl Season<'_> {
    /// What a site reflects, lit from straight above.
    pub(super) fn reflectance(&self, site: &Site) -> Spectrum {
        let soil = self.soil(site);
        let pure = match site.surface {
            Surface::Water { turbid } => scale(&blend(&CLEAR_WATER, &TURBID_WATER, turbid), 1.0 + 0.05 * site.grain),
            Surface::Bare { gravel } => {
                let ground = blend(&blend(&soil, &self.climate.rock, 0.55), &GRAVEL, gravel);
                // Worn ground carries tufts of grass.
                let tufts = 0.16 * step(-0.2, 1.0, site.grain) * (1.0 + site.moisture);
                scale(&blend(&ground, &self.grass(site, 0.0), tufts), 1.0 + 0.10 * site.grain)
            }
            Surface::Crop { parcel, across_px } => self.crop(site, &soil, parcel, across_px),
            Surface::Grass { mown } => self.meadow(site, &soil, mown),
            Surface::Forest { conifer, canopy } => self.forest(site, conifer, canopy),
            Surface::Built(built) => self.built(site, built),
        };
        blend(&pure, &blend(&soil, &GRAVEL, 0.4), site.track)
    }

    fn soil(&self, site: &Site) -> Spectrum {
        let [first, second] = &self.climate.soils;
        let wet = 0.5 * (1.0 + site.moisture) * (1.0 - self.on(&DRY));
        scale(&blend(first, second, site.soil), (1.0 - 0.28 * wet) * (1.0 + 0.05 * site.grain))
    }

    fn crop(&self, site: &Site, soil: &Spectrum, parcel: u64, across_px: f64) -> Spectrum {
        let kind = self.crop_of(parcel);
        let sown = mix(parcel ^ mix(self.year));
        // A fortnight early or late, and fields that did well or badly.
        let date = self.year_share + self.climate.season_lead + 0.05 * (pick(sown, 2) - 0.5);
        let vigour = 0.82 + 0.3 * pick(sown, 3) + 0.10 * site.moisture
            - 0.25 * self.climate.drought * self.on(&DRY) * pick(sown, 4);
        let rows = if kind == 3 { 0.16 } else { 0.05 };
        let row = across_px / if kind == 3 { 2.0 } else { 3.0 };
        let stripe = rows * (2.0 * ((row - row.floor()) - 0.5).abs() - 0.5);
        let green = (monthly(&CROPS[kind].0, date) * vigour + stripe + 0.03 * site.grain).clamp(0.0, 1.0);
        let straw = monthly(&CROPS[kind].1, date) * (0.6 + 0.5 * pick(sown, 5));
        // Tillage leaves each field a shade of its own.
        let tilled = scale(soil, 0.85 + 0.35 * pick(sown, 6));
        blend(&blend(&tilled, &STRAW, straw.min(1.0)), &GREEN_CROP, green)
    }

    /// Which of [`CROPS`] a parcel carries this year.
    fn crop_of(&self, parcel: u64) -> usize {
        let lasting = pick(parcel, 20);
        let sown = pick(mix(parcel ^ mix(self.year)), 1);
        match (lasting, sown) {
            (lasting, _) if lasting < 0.14 => 3,
            (_, sown) if sown < self.climate.fallow => 4,
            (_, sown) if sown < 0.55 => 0,
            (_, sown) if sown < 0.85 => 1,
            _ => 2,
        }
    }

    fn meadow(&self, site: &Site, soil: &Spectrum, mown: Option<u64>) -> Spectrum {
        match mown {
            None => {
                // Pasture is patchy: tussocks, bushes, worn spots.
                let bushes = 0.35 * step(0.35, 1.0, site.grain);
                let worn = 0.30 * step(0.30, 1.1, -site.grain);
                let sward = blend(&self.grass(site, 0.0), soil, worn);
                blend(&sward, &scale(&BROADLEAF, 0.8), bushes * (0.3 + 0.7 * self.on(&LEAVES)))
            }
            Some(parcel) => {
                let care = 0.16 * (pick(parcel, 31) - 0.3);
                scale(&blend(&self.grass(site, care), soil, 0.06), 1.0 + 0.04 * site.grain)
            }
        }
    }

    fn grass(&self, site: &Site, care: f64) -> Spectrum {
        let bleached = self.climate.drought * self.on(&DRY) * (0.75 - 0.45 * site.moisture);
        let green = self.on(&GRASS) * (1.0 + 0.22 * site.moisture) + care - bleached;
        blend(&DRY_GRASS, &LUSH_GRASS, green.clamp(0.0, 1.0))
    }

    fn forest(&self, site: &Site, conifer: f64, canopy: f64) -> Spectrum {
        let leaves = self.on(&LEAVES);
        let broadleaf = blend(&BARE_BRANCHES, &scale(&BROADLEAF, 0.92 + 0.12 * site.moisture), leaves);
        let closed = scale(&blend(&broadleaf, &CONIFER, conifer), 1.0 + 0.20 * site.grain);
        blend(&self.grass(site, 0.0), &closed, lerp(0.72, 1.0, canopy))
    }

    fn built(&self, site: &Site, built: Built) -> Spectrum {
        let roof = match built {
            Built::Tiles => ROOF_TILE,
            Built::Concrete => CONCRETE,
            Built::Metal => SHEET_METAL,
            Built::Asphalt => ASPHALT,
            Built::Garden => blend(&self.grass(site, 0.25), &blend(&BARE_BRANCHES, &BROADLEAF, self.on(&LEAVES)), 0.45),
        };
        scale(&roof, 1.0 + 0.14 * site.grain)
    }

    fn on(&self, year: &Year) -> f64 {
        monthly(year, self.year_share + self.climate.season_lead)
    }
}

/// The value of a year's course at a share of the year, between mid-month values.
fn monthly(year: &Year, share: f64) -> f64 {
    let months = (share - share.floor()) * 12.0 - 0.5;
    let before = months.floor();
    let month = (before as i64).rem_euclid(12) as usize;
    lerp(year[month], year[(month + 1) % 12], months - before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_is_a_circle() {
        assert!((monthly(&LEAVES, 6.5 / 12.0) - LEAVES[6]).abs() < 1e-12);
        // Half way between mid-December and mid-January is the turn of the year.
        assert!((monthly(&GRASS, 0.0) - 0.5 * (GRASS[0] + GRASS[11])).abs() < 1e-12);
        assert!((monthly(&GRASS, 1.25) - monthly(&GRASS, 0.25)).abs() < 1e-12);
    }
}
