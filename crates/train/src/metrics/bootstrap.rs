//! How far a measure would move on other ground of the same kind: a percentile bootstrap over blocks of ground.
//!
//! Neighbouring pixels are alike, so that drawing pixels would promise far too much. Whole blocks are drawn instead, as many
//! as there are, with replacement (Künsch 1989; Efron and Tibshirani 1993, chapter 13); the counts of the drawn blocks are
//! added up, and the measure is taken of the sum.

/// Draws `blocks` of `blocks` blocks with replacement, `replicates` times, and hands over how often each was drawn. `draw`
/// gives a number below its argument, any one as likely as another.
pub fn resample(blocks: usize, replicates: usize, mut draw: impl FnMut(usize) -> usize, mut each: impl FnMut(&[u64])) {
    let mut times = vec![0_u64; blocks];
    for _ in 0..replicates {
        times.fill(0);
        for _ in 0..blocks {
            if let Some(count) = times.get_mut(draw(blocks)) {
                *count += 1;
            }
        }
        each(&times);
    }
}

/// The middle `level` (0 to 1) of the values: between its two percentiles, those between two values interpolated linearly.
/// `None` where more than half of the replicates have no value.
pub fn interval(replicates: &[Option<f64>], level: f64) -> Option<[f64; 2]> {
    let mut values: Vec<f64> = replicates.iter().flatten().copied().filter(|value| !value.is_nan()).collect();
    if values.is_empty() || 2 * values.len() < replicates.len() {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share.clamp(0.0, 1.0) * (values.len() - 1) as f64;
        let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
        below + (above - below) * place.fract()
    };
    let tail = (1.0 - level) / 2.0;
    Some([at(tail), at(1.0 - tail)])
}
