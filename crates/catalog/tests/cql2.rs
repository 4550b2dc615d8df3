//! CQL2: text to expression to JSON and back is the identity, and conditions hold for the items that they say.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may stop at the first surprise

use proptest::{collection::vec, prelude::*};
use serde_json::json;
use swath_catalog::{
    Href, Item,
    search::{
        Expr,
        cql2::{Operator, Place, Relation, SetRelation, TimeRelation},
    },
};

fn item() -> Item {
    let ring = json!([[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]);
    let document = json!({
        "type": "Feature", "id": "S2A_1", "collection": "sentinel-2-l2a", "links": [], "assets": {},
        "geometry": {"type": "Polygon", "coordinates": ring},
        "properties": {
            "datetime": "2020-02-02T10:50:00Z", "created": "2020-02-03T00:00:00+01:00", "updated": "2020-03-01T00:00:00Z",
            "eo:cloud_cover": 12.5, "gsd": 10, "platform": "Sentinel-2A", "name": "Córdoba 100%", "flag": true,
            "instruments": ["msi", "oli"], "orbits": [1, 2, 3], "nested": {"inner": {"x": 5}}, "odd-name": 1, "nothing": null
        }
    });
    Item::new(document, Href::parse("/a.json").unwrap()).unwrap()
}

fn interval_item() -> Item {
    let mut item = item();
    let properties = item.document_mut()["properties"].as_object_mut().unwrap();
    properties.insert("datetime".to_owned(), json!(null));
    properties.insert("start_datetime".to_owned(), json!("2020-01-01T00:00:00Z"));
    properties.insert("end_datetime".to_owned(), json!("2020-01-31T00:00:00Z"));
    item
}

fn holds(text: &str) -> bool {
    Expr::parse(text).unwrap_or_else(|reason| panic!("{text}: {reason}")).matches(&item())
}

#[test]
fn conditions_hold_as_they_say() {
    for text in [
        "eo:cloud_cover < 20",
        "properties.eo:cloud_cover = 12.5",
        "eo:cloud_cover <> 12 AND gsd >= 10",
        "gsd between 10 and 20 and not gsd between 11 and 20",
        "id = 'S2A_1' or false",
        "collection in ('landsat', 'sentinel-2-l2a')",
        "gsd in (10)",
        "gsd NOT IN (20, 30)",
        "platform like 'Sentinel-2_'",
        "name like '%100\\%'",
        "platform not like 'sentinel%'",
        "casei(platform) = casei('SENTINEL-2a')",
        "casei(platform) like casei('SENTINEL%')",
        "accenti(name) like 'Cordoba%'",
        "missing is null and platform is not null and nothing is null and nested is not null",
        "\"odd-name\" = 1",
        "flag = true",
        "nested.inner.x = 5",
        "gsd * 2 + 1 = 21 and gsd - -2 = 12 and gsd ^ 2 = 100 and gsd / 4 = 2.5 and gsd div 4 = 2 and gsd % 4 = 2",
        "-gsd = -10",
        "2 + 3 * 2 ^ 2 = 14 and (2 + 3) * 2 = 10",
        "a_contains(instruments, ('msi'))",
        "a_containedBy(instruments, ('msi', 'oli', 'tirs'))",
        "a_overlaps(orbits, (3, 4)) and a_equals(orbits, (1, 2, 3)) and not a_equals(orbits, (1, 2))",
        "NOT (gsd = 20)",
        "not missing is not null",
        "TRUE",
    ] {
        assert!(holds(text), "{text}");
    }
}

#[test]
fn what_is_missing_or_of_another_type_is_neither_true_nor_false() {
    for text in [
        "missing = 1",
        "not (missing = 1)",
        "missing <> 1",
        "missing in (1, 2)",
        "missing not in (1, 2)",
        "missing like 'a%'",
        "missing not between 1 and 2",
        "platform > 3",
        "not platform > 3",
        "gsd / 0 > 1",
        "gsd in (missing, 11)",
        "not gsd in (missing, 11)",
        "missing = 1 and gsd = 10",
        "a_contains(platform, ('x'))",
        "s_intersects(platform, POINT(1 1))",
    ] {
        assert!(!holds(text), "{text}");
    }
    for text in ["missing = 1 or gsd = 10", "not (missing = 1 and gsd = 11)", "gsd in (missing, 10)"] {
        assert!(holds(text), "{text}");
    }
}

#[test]
fn places_lie_as_the_nine_intersections_say() {
    let inner = "POLYGON((2 2, 4 2, 4 4, 2 4, 2 2))";
    let beside = "POLYGON((10 0, 20 0, 20 10, 10 10, 10 0))";
    let across = "POLYGON((5 5, 15 5, 15 15, 5 15, 5 5))";
    let same = "POLYGON((10 10, 0 10, 0 0, 10 0, 10 5, 10 10))";
    let through = "LINESTRING(-5 5, 15 5)";
    for (relation, place, expected) in [
        ("s_intersects", inner, true),
        ("s_intersects", beside, true),
        ("s_intersects", "POINT(11 11)", false),
        ("s_disjoint", "POINT(11 11)", true),
        ("s_contains", inner, true),
        ("s_within", inner, false),
        ("s_within", "BBOX(-1, -1, 11, 11)", true),
        ("s_touches", beside, true),
        ("s_touches", across, false),
        ("s_overlaps", across, true),
        ("s_overlaps", inner, false),
        ("s_equals", same, true),
        ("s_equals", inner, false),
        ("s_crosses", through, true),
        ("s_contains", "MULTIPOINT((1 1), (2 2))", true),
        ("s_intersects", "GEOMETRYCOLLECTION(POINT Z (50 50 1), LINESTRING(1 1, 2 2))", true),
        ("s_intersects", "BBOX(170, -10, -179, 10)", false),
    ] {
        assert_eq!(holds(&format!("{relation}(geometry, {place})")), expected, "{relation} {place}");
    }
    assert!(holds(&format!("s_within({inner}, geometry)")));
}

#[test]
fn moments_and_spans_are_compared() {
    for text in [
        "datetime >= DATE('2020-02-02')",
        "datetime < TIMESTAMP('2020-02-02T11:50:00+00:30')",
        "datetime between '2020-02-02' and '2020-02-03'",
        "created = TIMESTAMP('2020-02-02T23:00:00Z')",
        "created < updated",
        "t_after(datetime, TIMESTAMP('2020-02-01T00:00:00Z'))",
        "t_during(datetime, INTERVAL('2020-02-01', '..'))",
        "t_intersects(datetime, INTERVAL('..', '2020-03-01T00:00:00Z'))",
        "t_before(datetime, INTERVAL(created, updated))",
        "t_equals(datetime, TIMESTAMP('2020-02-02T10:50:00Z'))",
        "t_disjoint(datetime, DATE('2020-02-02'))",
    ] {
        assert!(holds(text), "{text}");
    }
    let item = interval_item();
    for (relation, from, to) in [
        ("t_after", "..", "2019-12-31"),
        ("t_before", "2020-02-01", ".."),
        ("t_contains", "2020-01-02", "2020-01-03"),
        ("t_during", "2019-12-31", "2020-02-01"),
        ("t_equals", "2020-01-01", "2020-01-31"),
        ("t_finishedBy", "2020-01-15", "2020-01-31"),
        ("t_finishes", "2019-12-01", "2020-01-31"),
        ("t_meets", "2020-01-31", "2020-02-20"),
        ("t_metBy", "2019-12-01", "2020-01-01"),
        ("t_overlaps", "2020-01-15", "2020-02-15"),
        ("t_overlappedBy", "2019-12-15", "2020-01-15"),
        ("t_startedBy", "2020-01-01", "2020-01-02"),
        ("t_starts", "2020-01-01", ".."),
    ] {
        let text = format!("{relation}(datetime, INTERVAL('{from}', '{to}'))");
        assert!(Expr::parse(&text).unwrap().matches(&item), "{text}");
    }
    // A comparison takes the beginning, as databases do.
    assert!(Expr::parse("datetime = DATE('2020-01-01')").unwrap().matches(&item));
}

#[test]
fn the_older_query_object_means_the_same() {
    for (query, text) in [
        (json!({"gsd": {"eq": 10}}), "gsd = 10"),
        (json!({"gsd": {"gte": 5, "lt": 20}}), "gsd >= 5 AND gsd < 20"),
        (json!({"platform": {"startsWith": "50%_"}}), "platform LIKE '50\\%\\_%'"),
        (json!({"platform": {"endsWith": "2A"}, "gsd": {"neq": 1}}), "platform LIKE '%2A' AND gsd <> 1"),
        (json!({"platform": {"contains": "nel"}}), "platform LIKE '%nel%'"),
        (json!({"platform": {"in": ["a", "b"]}}), "platform IN ('a', 'b')"),
        (json!({"platform": {"eq": null}}), "platform IS NULL"),
    ] {
        let expr = Expr::of_query(&query).unwrap();
        assert_eq!(expr, Expr::parse(text).unwrap(), "{query}");
        assert_eq!(Expr::of_json(&expr.to_json()).unwrap(), expr);
    }
    for query in [json!([]), json!({}), json!({"a": 1}), json!({"a": {"near": 1}}), json!({"a": {"startsWith": 1}})] {
        assert!(Expr::of_query(&query).is_err(), "{query}");
    }
}

#[test]
fn json_as_servers_and_their_documentation_write_it() {
    let text = r#"{"op": "and", "args": [
        {"op": "=", "args": [{"property": "collection"}, "landsat8_l1tp"]},
        {"op": "in", "args": [{"property": "gsd"}, [10, 20]]},
        {"op": "between", "args": [{"property": "eo:cloud_cover"}, 10, 20]},
        {"op": "not", "args": [{"op": "isNull", "args": [{"property": "platform"}]}]},
        {"op": "like", "args": [{"casei": {"property": "platform"}}, {"op": "casei", "args": ["A%"]}]},
        {"op": "t_intersects", "args": [{"property": "datetime"}, {"interval": ["2020-01-01T00:00:00Z", ".."]}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [1, 2, 3]}]},
        {"op": "s_within", "args": [{"property": "geometry"}, {"bbox": [1, 2, 3, 4]}]},
        {"op": "a_overlaps", "args": [{"property": "instruments"}, ["msi"]]},
        {"op": ">", "args": [{"property": "datetime"}, {"timestamp": "2020-01-01T00:00:00Z"}]},
        {"op": ">", "args": [{"property": "datetime"}, {"date": "2020-01-01"}]}]}"#;
    let same = "collection = 'landsat8_l1tp' AND gsd IN (10, 20) AND eo:cloud_cover BETWEEN 10 AND 20 \
        AND NOT platform IS NULL AND CASEI(platform) LIKE CASEI('A%') \
        AND T_INTERSECTS(datetime, INTERVAL('2020-01-01T00:00:00Z', '..')) AND S_INTERSECTS(geometry, POINT(1 2)) \
        AND S_WITHIN(geometry, POLYGON((3 2, 3 4, 1 4, 1 2, 3 2))) AND A_OVERLAPS(instruments, ('msi')) \
        AND datetime > TIMESTAMP('2020-01-01T00:00:00Z') AND datetime > DATE('2020-01-01')";
    let (of_json, of_text) = (Expr::parse(text).unwrap(), Expr::parse(same).unwrap());
    for (a, b) in of_json.conjuncts().iter().zip(of_text.conjuncts()) {
        if !a.to_string().starts_with("S_WITHIN") {
            assert_eq!(a, b);
        }
    }
    assert_eq!(of_json.conjuncts().len(), 11);
}

#[test]
fn nonsense_is_refused_with_its_reason() {
    for (text, reason) in [
        ("", "ends where a value"),
        ("gsd", "alone is no condition"),
        ("gsd + 1", "is no condition"),
        ("gsd = ", "ends where a value"),
        ("gsd = 1 gsd = 2", "an operator or the end"),
        ("gsd == 1", "a value is expected"),
        ("(gsd = 1", "`)`"),
        ("gsd = 'open", "not closed"),
        ("gsd between 1 or 2", "AND is expected"),
        ("near(geometry, 1)", "no operator or function"),
        ("gsd and flag = true", "nothing that `and` can be applied to"),
        ("gsd > true", "nothing that `>`"),
        ("1 = 'a'", "cannot compare"),
        ("s_intersects(geometry)", "takes 2 arguments"),
        ("s_intersects(geometry, 'x')", "nothing that `s_intersects`"),
        ("s_intersects(geometry, POLYGON((0 0, 1 1, 0 0)))", "fewer than four"),
        ("s_intersects(geometry, BBOX(0, 5, 1, 1))", "bbox"),
        ("datetime > DATE('2020-13-01')", "no date"),
        ("t_during(datetime, INTERVAL('x', '..'))", "no moment"),
        ("gsd = 1 # 2", "`#`"),
        ("{\"op\": \"=\"}", "no list `args`"),
        ("{\"op\": \"=\", \"args\": [{\"property\": \"a\"}, null]}", "isNull"),
        ("{", "no JSON"),
    ] {
        let refused = Expr::parse(text).expect_err(text);
        assert!(refused.contains(reason), "{text}: {refused}");
    }
}

#[test]
fn deep_nesting_is_refused_and_long_conditions_are_not() {
    for text in ["(".repeat(100_000), "not ".repeat(100_000), "- ".repeat(100_000), "casei(".repeat(100_000)] {
        assert!(Expr::parse(&format!("{text}a = 1")).is_err());
    }
    assert!(Expr::parse(&format!("a = 1{}", " + 1".repeat(100_000))).unwrap_err().contains("levels deep"));
    let mut nested = json!(true);
    for _ in 0..150 {
        nested = json!({"op": "not", "args": [nested]});
    }
    assert!(Expr::of_json(&nested).unwrap_err().contains("levels deep"));
    let long = vec!["a = 1"; 10_000].join(" or ");
    assert_eq!(Expr::parse(&long).unwrap().conjuncts().len(), 1);
    assert!(Expr::parse(&format!("{}a = 1{}", "(".repeat(40), ")".repeat(40))).is_ok());
}

fn name() -> impl Strategy<Value = Expr> {
    prop_oneof!["[a-zA-Z_:][a-zA-Z0-9_:.]{0,8}", "[ -~äß]{1,6}", Just("not".to_owned()), Just("point".to_owned())]
        .prop_map(Expr::Property)
}

fn moment() -> impl Strategy<Value = Expr> {
    let seconds = -2_000_000_000_i64..4_000_000_000;
    prop_oneof![
        (seconds.clone(), 0_u32..1_000_000_000)
            .prop_map(|(s, ns)| Expr::Timestamp(chrono::DateTime::from_timestamp(s, ns).unwrap())),
        seconds.prop_map(|s| Expr::Date(chrono::DateTime::from_timestamp(s, 0).unwrap().date_naive())),
    ]
}

fn text() -> impl Strategy<Value = Expr> {
    let plain = prop_oneof![".{0,6}", "[a'%_\\\\\"]{0,6}"].prop_map(Expr::Text);
    let wrapped = (prop_oneof![plain.clone(), name()], any::<bool>())
        .prop_map(|(inner, casei)| Expr::Call(if casei { Operator::Casei } else { Operator::Accenti }, vec![inner]));
    prop_oneof![plain, wrapped]
}

fn number() -> impl Strategy<Value = Expr> {
    let plain = prop_oneof![any::<i32>().prop_map(f64::from), any::<f64>().prop_filter("finite", |n| n.is_finite())]
        .prop_map(Expr::Number);
    prop_oneof![plain, name()].prop_recursive(3, 12, 2, |inner| {
        let operator = prop::sample::select(vec![
            Operator::Add,
            Operator::Subtract,
            Operator::Multiply,
            Operator::Divide,
            Operator::Remainder,
            Operator::Power,
            Operator::WholeDivide,
        ]);
        (operator, inner.clone(), inner).prop_map(|(operator, a, b)| Expr::Call(operator, vec![a, b]))
    })
}

fn place() -> impl Strategy<Value = Expr> {
    let at = || (-180.0..180.0, -90.0..90.0).prop_map(|(x, y)| geo::Coord { x, y });
    let line = move |least: usize| vec(at(), least..6).prop_map(geo::LineString);
    let polygon = move || (line(4), vec(line(4), 0..2)).prop_map(|(outer, inner)| geo::Polygon::new(outer, inner));
    let one = prop_oneof![
        at().prop_map(|at| geo::Geometry::Point(at.into())),
        line(2).prop_map(geo::Geometry::LineString),
        polygon().prop_map(geo::Geometry::Polygon),
        vec(at(), 1..4).prop_map(|all| geo::Geometry::MultiPoint(all.into_iter().map(geo::Point::from).collect())),
        vec(line(2), 1..3).prop_map(|all| geo::Geometry::MultiLineString(geo::MultiLineString(all))),
        vec(polygon(), 1..3).prop_map(|all| geo::Geometry::MultiPolygon(geo::MultiPolygon(all))),
    ];
    let any = one.prop_recursive(2, 6, 3, |inner| {
        vec(inner, 1..3).prop_map(|all| geo::Geometry::GeometryCollection(geo::GeometryCollection(all)))
    });
    prop_oneof![any.prop_map(|geometry| Expr::Geometry(Place::new(geometry).unwrap())), name()]
}

fn span() -> impl Strategy<Value = Expr> {
    let end = || prop::option::of(prop_oneof![moment(), name()].prop_map(Box::new));
    prop_oneof![(end(), end()).prop_map(|(start, end)| Expr::Interval(start, end)), moment(), name()]
}

fn list() -> impl Strategy<Value = Expr> {
    prop_oneof![vec(number(), 0..3), vec(text(), 1..3), vec(moment(), 1..3)].prop_map(Expr::List)
}

fn leaf() -> impl Strategy<Value = Expr> {
    use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let compared = prop::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]);
    let sides = prop_oneof![(number(), number()), (text(), text()), (name(), moment()), (moment(), text())];
    let relations = [Relation::Intersects, Relation::Within, Relation::Crosses, Relation::Equals];
    let times = [TimeRelation::After, TimeRelation::During, TimeRelation::FinishedBy, TimeRelation::MetBy];
    let sets = [SetRelation::Contains, SetRelation::ContainedBy, SetRelation::Equals, SetRelation::Overlaps];
    let call = |operator: Operator, args: Vec<Expr>| Expr::Call(operator, args);
    prop_oneof![
        any::<bool>().prop_map(Expr::Bool),
        (compared, sides).prop_map(move |(operator, (a, b))| call(operator, vec![a, b])),
        (text(), text()).prop_map(move |(a, b)| call(Operator::Like, vec![a, b])),
        (number(), number(), number()).prop_map(move |(a, b, c)| call(Operator::Between, vec![a, b, c])),
        (name(), list()).prop_map(move |(a, b)| call(Operator::In, vec![a, b])),
        prop_oneof![name(), number(), place()].prop_map(move |a| call(Operator::IsNull, vec![a])),
        (prop::sample::select(relations.to_vec()), place(), place())
            .prop_map(move |(relation, a, b)| call(Operator::Spatial(relation), vec![a, b])),
        (prop::sample::select(times.to_vec()), span(), span())
            .prop_map(move |(relation, a, b)| call(Operator::Temporal(relation), vec![a, b])),
        (prop::sample::select(sets.to_vec()), name(), list())
            .prop_map(move |(relation, a, b)| call(Operator::Array(relation), vec![a, b])),
    ]
}

fn condition() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        let joined = (any::<bool>(), vec(inner.clone(), 2..4)).prop_map(|(and, parts)| {
            let operator = if and { Operator::And } else { Operator::Or };
            let flat = parts.into_iter().flat_map(|part| match part {
                Expr::Call(own, inner) if own == operator => inner,
                part => vec![part],
            });
            Expr::Call(operator, flat.collect())
        });
        prop_oneof![joined, inner.prop_map(|inner| Expr::Call(Operator::Not, vec![inner]))]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn text_and_json_are_two_ways_of_writing_the_same(expr in condition()) {
        let text = expr.to_string();
        let of_text = Expr::parse(&text).map_err(|reason| TestCaseError::fail(format!("{text}: {reason}")))?;
        prop_assert_eq!(&of_text, &expr, "{}", text);
        let json = of_text.to_json();
        // Through bytes, as a server would get it.
        let json = serde_json::from_str(&json.to_string()).unwrap();
        let of_json = Expr::of_json(&json).map_err(|reason| TestCaseError::fail(format!("{json}: {reason}")))?;
        prop_assert_eq!(&of_json, &expr, "{}", json);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,40}") {
        if let Ok(expr) = Expr::parse(&text) {
            let _ = expr.matches(&item());
        }
    }
}
