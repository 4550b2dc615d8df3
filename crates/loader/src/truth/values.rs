//! What the values of a raster label mean.

use std::collections::BTreeMap;

use ndarray::ArrayView2;
use swath_catalog::classification::Class;

use super::target_of;
use crate::error::Error;
use crate::recipe::{IGNORE, Recipe};

/// From pixel value to target value.
#[derive(Debug, Clone)]
pub(crate) struct ValueMap {
    href: String,
    targets: BTreeMap<i64, u8>,
    /// Targets of values 0 to 255, where most labels lie; `None` for a value without a meaning.
    small: Vec<Option<u8>>,
    /// Values below this are their own targets.
    own: u8,
    /// Whether every value with a meaning is its own target.
    identity: bool,
}

impl ValueMap {
    /// From the classes that the item gives for values, else from its class list in order, else from the recipe's.
    pub(crate) fn new(
        href: &str,
        values: &[Class],
        classes: &[String],
        nodata: Option<f64>,
        recipe: &Recipe,
    ) -> Result<ValueMap, Error> {
        let mut targets = BTreeMap::new();
        let listed: Vec<(i64, &str)> = match (values, classes) {
            ([], []) => (0..).zip(recipe.classes.iter().map(String::as_str)).collect(),
            ([], classes) => (0..).zip(classes.iter().map(String::as_str)).collect(),
            (values, _) => values.iter().filter(|class| !class.nodata).map(|c| (c.value, c.full_name())).collect(),
        };
        for (value, name) in listed {
            targets.insert(value, target_of(name, recipe, href)?);
        }
        let nothing = values.iter().filter(|class| class.nodata).map(|class| class.value);
        let whole = nodata.filter(|value| value.fract() == 0.0 && value.abs() < 1e15).map(|value| value as i64);
        targets.extend(nothing.chain(whole).map(|value| (value, IGNORE)));
        // A label written by a machine marks unlabelled ground with the value that targets use for it.
        targets.entry(i64::from(IGNORE)).or_insert(IGNORE);
        let small: Vec<Option<u8>> = (0..256).map(|value| targets.get(&value).copied()).collect();
        let is_own = |(value, target): (u8, &Option<u8>)| *target == Some(value);
        let own = (0u8..=254).zip(&small).take_while(|pair| is_own(*pair)).count() as u8;
        let identity = (0u8..=255).zip(&small).all(|pair| pair.1.is_none() || is_own(pair));
        Ok(ValueMap { href: href.to_owned(), targets, small, own, identity })
    }

    /// Whether every value with a meaning is its own target.
    pub(crate) fn is_identity(&self) -> bool {
        self.identity
    }

    /// The target of a byte that [`ValueMap::check`] has let through.
    pub(crate) fn of_byte(&self, value: u8) -> u8 {
        self.small[usize::from(value)].unwrap_or(IGNORE)
    }

    /// Refuses pixels of which one has no meaning.
    pub(crate) fn check(&self, pixels: ArrayView2<'_, u8>) -> Result<(), Error> {
        for row in pixels.outer_iter() {
            let largest = row.iter().fold(0, |largest, &value| largest.max(value));
            if largest >= self.own {
                row.iter().try_for_each(|&value| self.target(i64::from(value)).map(|_| ()))?;
            }
        }
        Ok(())
    }

    /// The target of a pixel value.
    ///
    /// # Errors
    /// [`Error::UnknownClass`] for a value that nothing gives a meaning to.
    pub(crate) fn target(&self, value: i64) -> Result<u8, Error> {
        let small = usize::try_from(value).ok().and_then(|index| self.small.get(index).copied());
        small
            .unwrap_or_else(|| self.targets.get(&value).copied())
            .ok_or_else(|| Error::UnknownClass { href: self.href.clone(), class: format!("value {value}") })
    }
}
