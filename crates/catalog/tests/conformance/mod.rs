//! The same questions put to any source that holds the same items: what it answers must be what the items say.
//!
//! To try one more source: load [`items`] into it, open it, and call [`demand`].
#![allow(dead_code)] // each test binary uses its own part

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use swath_catalog::{
    Href, Item, Rewrites, Split,
    label::LabelType,
    search::{LabelQuestion, ModelBands, Query, Search},
    source::{
        Access, Answered, Around, Source, gather,
        http::{Http, HttpOptions},
    },
};

/// Reading as a user does who allows what these tests need.
pub(crate) fn access(rewrites: &[String]) -> Access {
    Access {
        rewrites: Rewrites::parse(rewrites).unwrap(),
        http: Arc::new(Http::new(HttpOptions::default()).unwrap()),
        ignore_conformance: false,
    }
}

/// Where an item says that it is.
pub(crate) fn place_of(id: &str) -> String {
    format!("https://example.org/items/{id}.json")
}

/// The collections of [`items`].
pub(crate) const COLLECTIONS: [&str; 3] = ["fields", "images", "lakes"];

fn square(west: f64, south: f64, side: f64) -> Value {
    let (east, north) = (west + side, south + side);
    json!({"type": "Polygon",
           "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]})
}

/// Sixty items: images with bands, and labels of two collections that are linked to some of them.
pub(crate) fn items() -> Vec<Value> {
    let mut items = Vec::new();
    for at in 0..30_u32 {
        let (column, row) = (f64::from(at % 6), f64::from(at / 6));
        let west = if at == 29 { 179.5 } else { column * 2.0 - 6.0 };
        items.push(image(at, west, row * 2.0 + 40.0));
        items.push(label(at, west, row * 2.0 + 40.0));
    }
    items
}

/// Over the antimeridian, the thirtieth item lies in two parts.
fn geometry(at: u32, west: f64, south: f64, side: f64) -> (Value, Value) {
    if at == 29 {
        let parts = [square(west, south, 0.5), square(-180.0, south, 0.5)];
        let parts: Vec<Value> = parts.iter().map(|part| part["coordinates"].clone()).collect();
        let bbox = json!([west, south, -179.5, south + 0.5]);
        return (json!({"type": "MultiPolygon", "coordinates": parts}), bbox);
    }
    (square(west, south, side), json!([west, south, west + side, south + side]))
}

fn links(id: &str, collection: &str, sources: &[String]) -> Value {
    let mut links = vec![
        json!({"rel": "self", "href": place_of(id)}),
        json!({"rel": "collection", "href": format!("https://example.org/{collection}.json")}),
    ];
    links.extend(sources.iter().map(|href| json!({"rel": "source", "href": href})));
    Value::Array(links)
}

fn image(at: u32, west: f64, south: f64) -> Value {
    let id = format!("image-{at:02}");
    let (geometry, bbox) = geometry(at, west, south, 1.5);
    let month = at % 12 + 1;
    let mut properties = json!({
        "datetime": format!("2020-{month:02}-{:02}T10:30:00Z", at % 27 + 1),
        "created": format!("2021-01-01T00:00:{at:02}Z"),
        "gsd": ([10, 20, 60][at as usize % 3]),
        "platform": (["sentinel-2a", "Sentinel-2B", "landsat-8"][at as usize % 3]),
        "instruments": if at.is_multiple_of(2) { json!(["msi"]) } else { json!(["oli", "tirs"]) },
        "title": format!("Scène {at}%")
    });
    // Every fifth does not say it, and every seventh has a span of time.
    if !at.is_multiple_of(5) {
        properties["eo:cloud_cover"] = json!(f64::from(at) * 3.25);
    }
    if at % 7 == 3 {
        properties["datetime"] = Value::Null;
        properties["start_datetime"] = json!(format!("2020-{month:02}-01T00:00:00Z"));
        properties["end_datetime"] = json!(format!("2020-{month:02}-28T00:00:00Z"));
    }
    let names: &[&str] = if at % 3 == 2 { &["red", "nir08"] } else { &["blue", "green", "red", "nir"] };
    let bands: Vec<Value> = names.iter().map(|name| json!({"name": name, "common_name": name})).collect();
    json!({
        "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": "images", "geometry": geometry, "bbox": bbox,
        "stac_extensions": ["https://stac-extensions.github.io/eo/v1.1.0/schema.json"],
        "properties": properties, "links": links(&id, "images", &[]),
        "assets": {"data": {"href": format!("https://example.org/{id}.tif"), "type": "image/tiff; application=geotiff",
                            "roles": ["data"], "eo:bands": bands}}
    })
}

fn label(at: u32, west: f64, south: f64) -> Value {
    let id = format!("label-{at:02}");
    let collection = if at.is_multiple_of(2) { "lakes" } else { "fields" };
    let (geometry, bbox) = geometry(at, west, south, 1.0);
    let class = ["water", "wheat", "forest"][at as usize % 3];
    let count = u64::from(at) * 10;
    // Every fourth is linked to an image that nobody has.
    let source = if at % 4 == 3 { place_of("image-99") } else { place_of(&format!("image-{at:02}")) };
    json!({
        "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": collection, "geometry": geometry, "bbox": bbox,
        "stac_extensions": ["https://stac-extensions.github.io/label/v1.0.1/schema.json",
                            "https://stac-extensions.github.io/ml-aoi/v0.2.0/schema.json"],
        "properties": {
            "datetime": format!("2020-{:02}-15T00:00:00Z", at % 12 + 1),
            "label:type": if at.is_multiple_of(3) { "raster" } else { "vector" },
            "label:tasks": [if at % 6 == 5 { "detection" } else { "segmentation" }],
            "label:properties": if at.is_multiple_of(3) { Value::Null } else { json!(["kind"]) },
            "label:description": "d",
            "label:classes": [{"name": if at.is_multiple_of(3) { Value::Null } else { json!("kind") }, "classes": [class, "other"]}],
            "label:overviews": [{"property_key": "kind", "counts": [{"name": class, "count": count}]}],
            "ml-aoi:split": (["train", "validate", "test"][at as usize % 3])
        },
        "links": links(&id, collection, &[source]),
        "assets": {"labels": {"href": format!("https://example.org/{id}.geojson"), "type": "application/geo+json",
                              "roles": ["labels"]}}
    })
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn model() -> ModelBands {
    let structure =
        json!({"shape": [-1, 2, 64, 64], "dim_order": ["batch", "bands", "height", "width"], "data_type": "float32"});
    let document = json!({
        "type": "Feature", "id": "m", "geometry": null, "links": [], "assets": {},
        "stac_extensions": ["https://stac-extensions.github.io/mlm/v1.5.2/schema.json"],
        "properties": {"mlm:name": "net", "mlm:input": [{"name": "x", "bands": ["B04", "B08"], "input": structure}]}
    });
    ModelBands::of(&Item::new(document, Href::parse("/m.json").unwrap()).unwrap()).unwrap()
}

/// Every part of a question alone, and some together. What is asked in an order is compared in it.
pub(crate) fn questions() -> Vec<(String, Query)> {
    let default = Query::default;
    let mut questions = vec![
        ("everything", default()),
        ("collections", Query { collections: strings(&["lakes", "none"]), ..default() }),
        ("ids", Query { ids: strings(&["image-03", "label-03", "nobody"]), ..default() }),
        ("ids and collections", Query { ids: strings(&["label-03"]), collections: strings(&["lakes"]), ..default() }),
        ("bbox", Query { bbox: Some([-4.0, 41.0, 0.5, 44.2]), ..default() }),
        ("bbox at an edge", Query { bbox: Some([-4.5, 41.5, -4.2, 41.9]), ..default() }),
        ("bbox over the antimeridian", Query { bbox: Some([179.0, 40.0, -179.0, 60.0]), ..default() }),
        ("bbox of nothing", Query { bbox: Some([100.0, 0.0, 101.0, 1.0]), ..default() }),
        (
            "intersects",
            Query {
                intersects: Some(json!({"type": "Polygon",
                    "coordinates": [[[-6.5, 39.5], [2.0, 39.5], [-6.5, 46.0], [-6.5, 39.5]]]})),
                ..default()
            },
        ),
        ("a day", Query { datetime: Some("2020-03-15".to_owned()), ..default() }),
        ("a moment", Query { datetime: Some("2020-04-15T00:00:00Z".to_owned()), ..default() }),
        ("from a moment on", Query { datetime: Some("2020-10-15T00:00:00Z/..".to_owned()), ..default() }),
        ("until", Query { datetime: Some("../2020-02-20T00:00:00Z".to_owned()), ..default() }),
        ("between", Query { datetime: Some("2020-04-10T00:00:00Z/2020-05-15T00:00:00Z".to_owned()), ..default() }),
        ("bands", Query { bands: strings(&["red", "nir"]), ..default() }),
        ("gsd", Query { gsd_max_m: Some(20.0), ..default() }),
        ("model", Query { model: Some(model()), ..default() }),
        ("sorted", Query { sort_by: strings(&["-datetime", "id"]), collections: strings(&["lakes"]), ..default() }),
        (
            "the first of many",
            Query {
                sort_by: strings(&["gsd", "-id"]),
                collections: strings(&["images"]),
                max_items: Some(7),
                ..default()
            },
        ),
        ("small pages", Query { sort_by: strings(&["id"]), page_size: Some(4), ..default() }),
        (
            "together",
            Query {
                bbox: Some([-7.0, 40.0, 7.0, 47.0]),
                datetime: Some("2020-02-01T00:00:00Z/2020-11-01T00:00:00Z".to_owned()),
                filter: Some("gsd <= 20 AND eo:cloud_cover < 60".to_owned()),
                sort_by: strings(&["id"]),
                ..default()
            },
        ),
    ];
    let labelled = |label: LabelQuestion| Query { label, ..default() };
    let label = LabelQuestion::default;
    questions.extend([
        ("task", labelled(LabelQuestion { tasks: strings(&["detection"]), ..label() })),
        ("class", labelled(LabelQuestion { classes: strings(&["water", "forest"]), ..label() })),
        ("label type", labelled(LabelQuestion { label_type: Some(LabelType::Raster), ..label() })),
        ("split", labelled(LabelQuestion { split: Some(Split::Train), ..label() })),
        ("counts", labelled(LabelQuestion { min_counts: vec![("water".to_owned(), 100)], ..label() })),
        ("with image", labelled(LabelQuestion { with_image: true, classes: strings(&["other"]), ..label() })),
    ]);
    let mut all: Vec<(String, Query)> = questions.into_iter().map(|(name, query)| (name.to_owned(), query)).collect();
    all.extend(
        FILTERS.iter().map(|text| ((*text).to_owned(), Query { filter: Some((*text).to_owned()), ..default() })),
    );
    for query in
        [json!({"gsd": {"lt": 60}, "platform": {"startsWith": "sent"}}), json!({"platform": {"in": ["landsat-8"]}})]
    {
        all.push((query.to_string(), Query { query: Some(query), ..default() }));
    }
    all
}

const FILTERS: [&str; 26] = [
    "id = 'image-07'",
    "collection <> 'images'",
    "eo:cloud_cover < 30",
    "NOT eo:cloud_cover < 30",
    "eo:cloud_cover >= 13 AND eo:cloud_cover <= 26",
    "eo:cloud_cover BETWEEN 13 AND 26 OR gsd = 60",
    "eo:cloud_cover NOT BETWEEN 13 AND 26",
    "gsd IN (10, 60)",
    "platform IN ('landsat-8', 'sentinel-2a')",
    "NOT platform IN ('landsat-8')",
    "platform LIKE 'sentinel%'",
    "platform LIKE '_entinel-2_'",
    "title LIKE '%1\\%'",
    "platform NOT LIKE 's%'",
    "eo:cloud_cover IS NULL",
    "eo:cloud_cover IS NOT NULL AND NOT gsd = 10",
    "datetime >= TIMESTAMP('2020-06-01T00:00:00Z')",
    "datetime < TIMESTAMP('2020-06-01T00:00:00Z') AND collection = 'images'",
    "T_AFTER(datetime, TIMESTAMP('2020-10-20T00:00:00Z'))",
    "T_INTERSECTS(datetime, INTERVAL('2020-04-02T00:00:00Z', '2020-05-03T00:00:00Z'))",
    "T_DURING(datetime, INTERVAL('2020-04-02T00:00:00Z', '2020-06-03T00:00:00Z'))",
    "S_INTERSECTS(geometry, POLYGON((-6.5 39.5, 2 39.5, -6.5 46, -6.5 39.5)))",
    "S_WITHIN(geometry, POLYGON((-6.5 39.5, 2 39.5, 2 46, -6.5 46, -6.5 39.5)))",
    "S_CONTAINS(geometry, POINT(-3.5 42.5))",
    "S_DISJOINT(geometry, POLYGON((-6.5 39.5, 20 39.5, 20 46, -6.5 46, -6.5 39.5)))",
    "A_CONTAINS(instruments, ('oli')) OR A_OVERLAPS(instruments, ('msi', 'tirs'))",
];

/// What the items themselves say, collection and id.
pub(crate) fn expected(query: &Query) -> Vec<String> {
    let search = Search::new(query.clone()).unwrap();
    let href = Href::parse("/all.json").unwrap();
    let items: Vec<Item> = items().into_iter().map(|item| Item::new(item, href.clone()).unwrap()).collect();
    let around = Around::of(&items);
    let mut found: Vec<&Item> = items.iter().filter(|item| search.matches(item, &around)).collect();
    found.sort_by(|a, b| search.order(a, b));
    found.truncate(search.max_items().unwrap_or(usize::MAX));
    found.into_iter().map(|item| item.item_id().to_string()).collect()
}

/// What sources answer, collection and id, and their accounts.
pub(crate) fn answer(
    sources: &[Arc<dyn Source>],
    query: &Query,
) -> swath_catalog::error::Result<(Vec<String>, Vec<Answered>)> {
    let search = Search::new(query.clone()).unwrap();
    let found = Mutex::new(Vec::new());
    let take = |item: Item| {
        found.lock().unwrap().push(item.item_id().to_string());
        ControlFlow::Continue(())
    };
    let answered = gather(sources, &search, |_| {}, take)?;
    Ok((found.into_inner().unwrap(), answered))
}

/// Puts all questions to a source that holds [`items`] and fails where it answers otherwise than they say.
pub(crate) fn demand(source: &Arc<dyn Source>) {
    let mut wrong = Vec::new();
    for (name, query) in questions() {
        let mut expected = expected(&query);
        let (mut found, answered) = match answer(std::slice::from_ref(source), &query) {
            Ok(found) => found,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        if query.sort_by.is_empty() {
            expected.sort();
            found.sort();
        }
        if found != expected {
            wrong.push(format!("{name}\n  expected {expected:?}\n  found    {found:?}\n  {answered:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}: {} questions\n{}", source.name(), wrong.len(), wrong.join("\n"));
}
