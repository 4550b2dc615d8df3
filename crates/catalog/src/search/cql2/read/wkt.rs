//! Geometries as well-known text. Heights and measures are read and left out.

use geo::{Coord, Geometry, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon};

use super::Reader;
use crate::search::cql2::{Expr, Place, check, token::Kind};

const NAMES: [&str; 7] =
    ["point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection"];

/// The geometry that a name begins; `None` when it begins none.
pub(super) fn read(reader: &mut Reader<'_>, name: &str, depth: usize) -> Result<Option<Expr>, String> {
    Ok(geometry(reader, name, depth)?.map(Place::new).transpose()?.map(Expr::Geometry))
}

fn geometry(reader: &mut Reader<'_>, name: &str, depth: usize) -> Result<Option<Geometry<f64>>, String> {
    let depth = check::deeper(depth)?;
    if !NAMES.contains(&name) {
        return Ok(None);
    }
    let before = reader.at;
    let _ = reader.take_word("z") || reader.take_word("m") || reader.take_word("zm");
    if !reader.take_sign("(") {
        reader.at = before;
        return Ok(None);
    }
    let geometry = match name {
        "point" => Point(position(reader)?).into(),
        "linestring" => LineString(separated(reader, position)?).into(),
        "polygon" => polygon(reader)?.into(),
        "multipoint" => MultiPoint(separated(reader, single)?.into_iter().map(Point).collect()).into(),
        "multilinestring" => MultiLineString(separated(reader, line)?).into(),
        "multipolygon" => MultiPolygon(separated(reader, |reader| {
            reader.expect("(")?;
            let own = polygon(reader)?;
            reader.expect(")").map(|()| own)
        })?)
        .into(),
        _ => {
            let parts = separated(reader, |reader| {
                let Some(Kind::Name(name)) = reader.peek().cloned() else { return Err(reader.stopped("a geometry")) };
                reader.at += 1;
                let part = geometry(reader, &name.to_ascii_lowercase(), depth)?;
                part.ok_or_else(|| reader.stopped("a geometry before this"))
            })?;
            Geometry::GeometryCollection(geo::GeometryCollection(parts))
        }
    };
    reader.expect(")")?;
    Ok(Some(geometry))
}

fn separated<T>(
    reader: &mut Reader<'_>,
    mut part: impl FnMut(&mut Reader<'_>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut parts = vec![part(reader)?];
    while reader.take_sign(",") {
        parts.push(part(reader)?);
    }
    Ok(parts)
}

/// Two to four numbers, of which the first two count.
fn position(reader: &mut Reader<'_>) -> Result<Coord<f64>, String> {
    let at = Coord { x: reader.number_argument()?, y: reader.number_argument()? };
    for _ in 0..2 {
        if matches!(reader.peek(), Some(Kind::Number(_) | Kind::Sign("-"))) {
            reader.number_argument()?;
        }
    }
    Ok(at)
}

/// A position with or without parentheses.
fn single(reader: &mut Reader<'_>) -> Result<Coord<f64>, String> {
    let wrapped = reader.take_sign("(");
    let at = position(reader)?;
    if wrapped {
        reader.expect(")")?;
    }
    Ok(at)
}

fn line(reader: &mut Reader<'_>) -> Result<LineString<f64>, String> {
    reader.expect("(")?;
    let positions = separated(reader, position)?;
    reader.expect(")").map(|()| LineString(positions))
}

fn polygon(reader: &mut Reader<'_>) -> Result<Polygon<f64>, String> {
    let mut rings = separated(reader, line)?;
    let exterior = rings.remove(0);
    if std::iter::once(&exterior).chain(&rings).any(|ring| ring.0.len() < 4) {
        return Err("a ring of a polygon has fewer than four positions".to_owned());
    }
    Ok(Polygon::new(exterior, rings))
}
