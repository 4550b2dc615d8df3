//! CQL2 text, written: as servers take it with `filter-lang=cql2-text`, and as messages show it.

use std::fmt::{self, Display};

use geo::{Coord, Geometry, LineString, Polygon};

use super::{Expr, Operator, json, read::KEYWORDS, token};

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(true) => f.write_str("TRUE"),
            Self::Bool(false) => f.write_str("FALSE"),
            // The shortest text that reads as the same double, in exponents where those are shorter.
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Date(day) => write!(f, "DATE('{day}')"),
            Self::Timestamp(moment) => write!(f, "TIMESTAMP('{}')", json::moment_text(*moment)),
            Self::Interval(start, end) => {
                f.write_str("INTERVAL(")?;
                interval_end(f, start.as_deref())?;
                f.write_str(", ")?;
                interval_end(f, end.as_deref())?;
                f.write_str(")")
            }
            Self::Geometry(place) => geometry(f, place.geometry()),
            Self::Property(name) => property(f, name),
            Self::List(values) => {
                f.write_str("(")?;
                separated(f, values, |f, value| value.fmt(f))?;
                f.write_str(")")
            }
            Self::Call(operator, args) => call(f, *operator, args),
        }
    }
}

fn interval_end(f: &mut fmt::Formatter<'_>, end: Option<&Expr>) -> fmt::Result {
    match end {
        None => f.write_str("'..'"),
        Some(Expr::Date(day)) => write!(f, "'{day}'"),
        Some(Expr::Timestamp(moment)) => write!(f, "'{}'", json::moment_text(*moment)),
        Some(other) => other.fmt(f),
    }
}

fn property(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let is_name = name.starts_with(token::starts_name)
        && name.chars().all(token::continues_name)
        && !KEYWORDS.iter().any(|word| name.eq_ignore_ascii_case(word));
    if is_name { f.write_str(name) } else { write!(f, "\"{}\"", name.replace('"', "\"\"")) }
}

fn call(f: &mut fmt::Formatter<'_>, operator: Operator, args: &[Expr]) -> fmt::Result {
    let name = operator.name().to_ascii_uppercase();
    match (operator, args) {
        (Operator::Not, [arg]) => {
            f.write_str("NOT ")?;
            operand(f, arg)
        }
        (Operator::IsNull, [arg]) => {
            operand(f, arg)?;
            f.write_str(" IS NULL")
        }
        (Operator::Between, [arg, from, to]) => {
            operand(f, arg)?;
            f.write_str(" BETWEEN ")?;
            operand(f, from)?;
            f.write_str(" AND ")?;
            operand(f, to)
        }
        (operator, args) if operator.is_function() => {
            write!(f, "{name}(")?;
            separated(f, args, |f, arg| arg.fmt(f))?;
            f.write_str(")")
        }
        (_, args) => {
            for (at, arg) in args.iter().enumerate() {
                if at > 0 {
                    write!(f, " {name} ")?;
                }
                operand(f, arg)?;
            }
            Ok(())
        }
    }
}

/// In parentheses, unless nothing could be misread without.
fn operand(f: &mut fmt::Formatter<'_>, expr: &Expr) -> fmt::Result {
    match expr {
        Expr::Call(operator, _) if !operator.is_function() => write!(f, "({expr})"),
        other => other.fmt(f),
    }
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    parts: impl IntoIterator<Item = T>,
    mut part: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (at, own) in parts.into_iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        part(f, own)?;
    }
    Ok(())
}

/// Well-known text.
fn geometry(f: &mut fmt::Formatter<'_>, own: &Geometry<f64>) -> fmt::Result {
    let (name, close) = match own {
        Geometry::Point(_) => ("POINT(", ")"),
        Geometry::LineString(_) | Geometry::Line(_) => ("LINESTRING", ""),
        Geometry::Polygon(_) | Geometry::Rect(_) | Geometry::Triangle(_) => ("POLYGON", ""),
        Geometry::MultiPoint(_) => ("MULTIPOINT(", ")"),
        Geometry::MultiLineString(_) => ("MULTILINESTRING(", ")"),
        Geometry::MultiPolygon(_) => ("MULTIPOLYGON(", ")"),
        Geometry::GeometryCollection(_) => ("GEOMETRYCOLLECTION(", ")"),
    };
    f.write_str(name)?;
    match own {
        Geometry::Point(point) => position(f, &point.0)?,
        Geometry::Line(own) => line(f, &LineString(vec![own.start, own.end]))?,
        Geometry::LineString(own) => line(f, own)?,
        Geometry::Polygon(own) => polygon(f, own)?,
        Geometry::Rect(own) => polygon(f, &own.to_polygon())?,
        Geometry::Triangle(own) => polygon(f, &own.to_polygon())?,
        Geometry::MultiPoint(points) => separated(f, &points.0, |f, point| position(f, &point.0))?,
        Geometry::MultiLineString(lines) => separated(f, &lines.0, line)?,
        Geometry::MultiPolygon(polygons) => separated(f, &polygons.0, polygon)?,
        Geometry::GeometryCollection(parts) => separated(f, &parts.0, geometry)?,
    }
    f.write_str(close)
}

fn position(f: &mut fmt::Formatter<'_>, at: &Coord<f64>) -> fmt::Result {
    write!(f, "{:?} {:?}", at.x, at.y)
}

fn line(f: &mut fmt::Formatter<'_>, line: &LineString<f64>) -> fmt::Result {
    f.write_str("(")?;
    separated(f, &line.0, position)?;
    f.write_str(")")
}

fn polygon(f: &mut fmt::Formatter<'_>, polygon: &Polygon<f64>) -> fmt::Result {
    f.write_str("(")?;
    separated(f, std::iter::once(polygon.exterior()).chain(polygon.interiors()), line)?;
    f.write_str(")")
}
