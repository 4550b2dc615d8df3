//! Questions about labels, which STAC search has no words for.

use crate::{
    item::Item,
    label::{self, Label, LabelType},
    ml_aoi::{MlAoi, Split},
    pairing::CLASS,
    search::Surroundings,
};

/// What labels an item is to have; the default asks nothing.
#[derive(Clone, Debug, Default)]
pub struct LabelQuestion {
    /// Labels for any of these tasks: `segmentation`.
    pub tasks: Vec<String>,
    /// Labels that know any of these classes.
    pub classes: Vec<String>,
    /// Geometries or pixels.
    pub label_type: Option<LabelType>,
    /// Items of this part of a dataset.
    pub split: Option<Split>,
    /// At least so many features or pixels of these classes, by `label:overviews`.
    pub min_counts: Vec<(String, u64)>,
    /// Only label items whose images are in the same catalog: linked to, or assets of the same item.
    pub with_image: bool,
}

impl LabelQuestion {
    /// Whether an item answers.
    #[must_use]
    pub fn matches(&self, item: &Item, surroundings: &dyn Surroundings) -> bool {
        self.split.is_none_or(|wanted| split_of(item, surroundings) == Some(wanted))
            && (!self.asks_for_fields()
                || label::read_leniently(item).is_some_and(|(fields, _)| self.matches_fields(item, &fields)))
            && (!self.with_image || has_image(item, surroundings))
    }

    /// Whether anything is asked.
    pub(super) fn asks(&self) -> bool {
        self.asks_for_fields() || self.split.is_some() || self.with_image
    }

    fn asks_for_fields(&self) -> bool {
        self.label_type.is_some() || !(self.tasks.is_empty() && self.classes.is_empty() && self.min_counts.is_empty())
    }

    fn matches_fields(&self, item: &Item, fields: &Label) -> bool {
        let any = |wanted: &[String], own: &[String]| wanted.is_empty() || wanted.iter().any(|name| own.contains(name));
        let mut classes = fields.class_names();
        classes.extend(item.assets().filter_map(|asset| asset.fields.get(CLASS)?.as_str().map(str::to_owned)));
        any(&self.tasks, &fields.tasks)
            && any(&self.classes, &classes)
            && self.label_type.is_none_or(|wanted| fields.label_type == wanted)
            && self.min_counts.iter().all(|(name, least)| count_of(fields, name) >= Some(*least))
    }
}

/// The count that an item gives for a class, over all its overviews; `None` when it gives none.
fn count_of(fields: &Label, name: &str) -> Option<u64> {
    let counts = fields.overviews.iter().flat_map(|overview| &overview.counts);
    counts.filter(|count| count.name == name).map(|count| count.count).reduce(u64::saturating_add)
}

fn split_of(item: &Item, surroundings: &dyn Surroundings) -> Option<Split> {
    let own = crate::extension::read::<MlAoi>(item).ok().flatten().and_then(|fields| fields.split);
    own.or_else(|| surroundings.collection_split(item.collection()?))
}

fn has_image(item: &Item, surroundings: &dyn Surroundings) -> bool {
    let label_keys: Vec<&str> = item
        .assets()
        .filter(|asset| asset.roles().any(|role| role.starts_with("labels")))
        .map(|asset| asset.key)
        .collect();
    let beside =
        item.assets().any(|asset| asset.is_raster() && asset.has_role("data") && !label_keys.contains(&asset.key));
    let linked = || {
        let mut sources = item.links().filter(|link| link.rel() == label::SOURCE_REL).filter_map(|link| link.href());
        sources.any(|href| surroundings.holds(href))
    };
    beside || linked()
}
