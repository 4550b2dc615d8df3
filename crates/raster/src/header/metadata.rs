//! GDAL's own metadata tag: a small XML document with names, scales and offsets.

use super::Band;
use std::collections::BTreeMap;

/// Nodes of the document; a band has a handful of items.
const MAX_NODES: u32 = 1_000_000;

/// Fills `bands` and returns the items that belong to no band. XML that does not parse is as good as none, as in GDAL.
pub(crate) fn read(xml: &str, bands: &mut [Band]) -> BTreeMap<String, String> {
    let mut items = BTreeMap::new();
    let options = roxmltree::ParsingOptions { nodes_limit: MAX_NODES, ..Default::default() };
    let Ok(document) = roxmltree::Document::parse_with_options(xml, options) else { return items };
    for item in document.root_element().children().filter(|node| node.has_tag_name("Item")) {
        let (Some(name), value) = (item.attribute("name"), item.text().unwrap_or("").to_owned()) else { continue };
        // Other domains (IMAGE_STRUCTURE, RPC, …) describe the file, not the data.
        if item.attribute("domain").is_some_and(|domain| !domain.is_empty()) {
            continue;
        }
        let Some(sample) = item.attribute("sample") else {
            items.insert(name.to_owned(), value);
            continue;
        };
        let Some(band) = sample.parse::<usize>().ok().and_then(|index| bands.get_mut(index)) else { continue };
        match item.attribute("role") {
            Some("scale") => band.scale = value.trim().parse().ok(),
            Some("offset") => band.offset = value.trim().parse().ok(),
            Some("description") => band.description = Some(value),
            Some("unittype") => band.unit = Some(value),
            _ => {
                band.metadata.insert(name.to_owned(), value);
            }
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_go_to_their_bands() {
        let xml = r#"<GDALMetadata>
            <Item name="AREA">x</Item>
            <Item name="SCALE" sample="1" role="scale">0.0001</Item>
            <Item name="DESCRIPTION" sample="0" role="description">B02 &amp; co</Item>
            <Item name="WAVELENGTH" sample="0">490</Item>
            <Item name="X" sample="99">no such band</Item>
        </GDALMetadata>"#;
        let mut bands = vec![Band::default(), Band::default()];
        let items = read(xml, &mut bands);
        assert_eq!(items.into_iter().collect::<Vec<_>>(), [("AREA".to_owned(), "x".to_owned())]);
        assert_eq!(bands[0].description.as_deref(), Some("B02 & co"));
        assert_eq!(bands[0].metadata["WAVELENGTH"], "490");
        assert_eq!(bands[1].scale, Some(0.0001));
    }

    #[test]
    fn broken_xml_is_no_metadata() {
        assert!(read("<GDALMetadata><Item", &mut []).is_empty());
    }
}
