//! Well-known binary, the form in which geoparquet keeps geometries, and GeoJSON, each from the other.
//!
//! Written is ISO WKB, little-endian, in two or three dimensions. Read are also big-endian, measures (dropped) and
//! PostGIS's flags for height, measure and reference system. Counts are held against the bytes that are left before
//! anything is allocated for them.

use serde_json::{Map, Value, json};

/// Collections in collections deeper than this are no geometry of an item.
const DEEPEST: usize = 16;

/// What ISO adds to a type's number for height, measure and both.
const ISO_STEP: u32 = 1000;
/// PostGIS's flags in a type's number.
const EWKB_Z: u32 = 0x8000_0000;
const EWKB_M: u32 = 0x4000_0000;
const EWKB_SRID: u32 = 0x2000_0000;

/// The geometry types by their number in WKB, with how deep their coordinates nest: 0 is one position.
const TYPES: [(u32, &str, usize); 6] = [
    (1, "Point", 0),
    (2, "LineString", 1),
    (3, "Polygon", 2),
    (4, "MultiPoint", 1),
    (5, "MultiLineString", 2),
    (6, "MultiPolygon", 3),
];
const COLLECTION: u32 = 7;

/// A GeoJSON geometry as WKB; `None` when it is no geometry that WKB can hold unchanged: coordinates of the wrong depth,
/// positions of different or unheard-of dimensions, members besides type and coordinates.
pub(super) fn from_geojson(geometry: &Value) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    write(geometry, &mut bytes, DEEPEST)?;
    Some(bytes)
}

fn write(geometry: &Value, bytes: &mut Vec<u8>, depth: usize) -> Option<()> {
    let geometry = geometry.as_object().filter(|members| members.len() == 2)?;
    let name = geometry.get("type")?.as_str()?;
    if name == "GeometryCollection" {
        let parts = geometry.get("geometries")?.as_array()?;
        header(bytes, COLLECTION, 2);
        bytes.extend(u32::try_from(parts.len()).ok()?.to_le_bytes());
        return parts.iter().try_for_each(|part| write(part, bytes, depth.checked_sub(1)?));
    }
    let &(number, _, levels) = TYPES.iter().find(|(_, known, _)| *known == name)?;
    let coordinates = geometry.get("coordinates")?;
    let dimensions = dimensions(coordinates, levels)?.unwrap_or(2);
    header(bytes, number, dimensions);
    body(number, coordinates, dimensions, bytes)
}

fn body(number: u32, coordinates: &Value, dimensions: usize, bytes: &mut Vec<u8>) -> Option<()> {
    match number {
        1 if coordinates.as_array()?.is_empty() => {
            // WKB's convention for a point that is nowhere.
            bytes.extend(std::iter::repeat_n(f64::NAN.to_le_bytes(), dimensions).flatten());
            Some(())
        }
        1 => position(coordinates, bytes),
        2 => positions(coordinates, bytes),
        3 => {
            let rings = coordinates.as_array()?;
            bytes.extend(u32::try_from(rings.len()).ok()?.to_le_bytes());
            rings.iter().try_for_each(|ring| positions(ring, bytes))
        }
        // A multi-geometry is a list of whole geometries of the type three before it.
        _ => {
            let parts = coordinates.as_array()?;
            bytes.extend(u32::try_from(parts.len()).ok()?.to_le_bytes());
            parts.iter().try_for_each(|part| {
                header(bytes, number - 3, dimensions);
                body(number - 3, part, dimensions, bytes)
            })
        }
    }
}

fn header(bytes: &mut Vec<u8>, number: u32, dimensions: usize) {
    bytes.push(1);
    bytes.extend((if dimensions == 3 { number + ISO_STEP } else { number }).to_le_bytes());
}

fn positions(line: &Value, bytes: &mut Vec<u8>) -> Option<()> {
    let line = line.as_array()?;
    bytes.extend(u32::try_from(line.len()).ok()?.to_le_bytes());
    line.iter().try_for_each(|one| position(one, bytes))
}

fn position(position: &Value, bytes: &mut Vec<u8>) -> Option<()> {
    position.as_array()?.iter().try_for_each(|number| {
        bytes.extend(number.as_f64()?.to_le_bytes());
        Some(())
    })
}

/// How many numbers every position has: `Some(None)` when there is no position, `None` when they differ.
fn dimensions(coordinates: &Value, levels: usize) -> Option<Option<usize>> {
    let list = coordinates.as_array()?;
    if levels == 0 {
        return match list.len() {
            0 => Some(None),
            length @ (2 | 3) if list.iter().all(Value::is_number) => Some(Some(length)),
            _ => None,
        };
    }
    list.iter().try_fold(None, |known, part| match (known, dimensions(part, levels - 1)?) {
        (known, None) => Some(known),
        (None, own) => Some(own),
        (Some(known), Some(own)) => (known == own).then_some(Some(known)),
    })
}

/// WKB as a GeoJSON geometry.
///
/// # Errors
/// A sentence that says why the bytes are none.
pub(super) fn to_geojson(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = Reader { bytes };
    let geometry = reader.geometry(DEEPEST)?;
    if reader.bytes.is_empty() { Ok(geometry) } else { Err(format!("{} bytes too many", reader.bytes.len())) }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

/// What stands before a geometry's coordinates.
struct Header {
    number: u32,
    little_endian: bool,
    /// How many numbers a position has here, and how many of them GeoJSON keeps.
    stored: usize,
    kept: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or("it ends too early")?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn integer(&mut self, little_endian: bool) -> Result<u32, String> {
        let bytes = self.take::<4>()?;
        Ok(if little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// A count of things that take at least `least_bytes` each.
    fn count(&mut self, header: &Header, least_bytes: usize) -> Result<usize, String> {
        let count = self.integer(header.little_endian)? as usize;
        match count.checked_mul(least_bytes) {
            Some(needed) if needed <= self.bytes.len() => Ok(count),
            _ => Err(format!("it counts {count} parts and {} bytes are left", self.bytes.len())),
        }
    }

    fn header(&mut self) -> Result<Header, String> {
        let little_endian = match self.take::<1>()? {
            [0] => false,
            [1] => true,
            [other] => return Err(format!("its byte order is {other}")),
        };
        let code = self.integer(little_endian)?;
        if code & EWKB_SRID != 0 {
            self.integer(little_endian)?;
        }
        let plain = code & !(EWKB_Z | EWKB_M | EWKB_SRID);
        let (iso, number) = (plain / ISO_STEP, plain % ISO_STEP);
        if iso > 3 {
            return Err(format!("there is no geometry type {code}"));
        }
        let z = code & EWKB_Z != 0 || iso & 1 == 1;
        let m = code & EWKB_M != 0 || iso & 2 == 2;
        let kept = 2 + usize::from(z);
        Ok(Header { number, little_endian, stored: kept + usize::from(m), kept })
    }

    fn geometry(&mut self, depth: usize) -> Result<Value, String> {
        let header = self.header()?;
        if header.number == COLLECTION {
            let depth = depth.checked_sub(1).ok_or("its collections nest too deep")?;
            let count = self.count(&header, 5)?;
            let parts = (0..count).map(|_| self.geometry(depth)).collect::<Result<Vec<_>, _>>()?;
            return Ok(json!({"type": "GeometryCollection", "geometries": parts}));
        }
        let (_, name, _) = *TYPES
            .iter()
            .find(|(number, ..)| *number == header.number)
            .ok_or_else(|| format!("there is no geometry type {}", header.number))?;
        let mut members = Map::new();
        members.insert("type".to_owned(), Value::from(name));
        members.insert("coordinates".to_owned(), self.coordinates(&header)?);
        Ok(Value::Object(members))
    }

    fn coordinates(&mut self, header: &Header) -> Result<Value, String> {
        match header.number {
            1 => self.position(header),
            2 => self.positions(header),
            3 => {
                let rings = self.count(header, 4)?;
                (0..rings).map(|_| self.positions(header)).collect::<Result<_, _>>().map(Value::Array)
            }
            number => {
                let parts = self.count(header, 5)?;
                let part = |_| {
                    let inner = self.header()?;
                    if inner.number == number - 3 {
                        return self.coordinates(&inner);
                    }
                    Err(format!("type {number} has a part of type {}", inner.number))
                };
                (0..parts).map(part).collect::<Result<_, _>>().map(Value::Array)
            }
        }
    }

    fn positions(&mut self, header: &Header) -> Result<Value, String> {
        let count = self.count(header, 8 * header.stored)?;
        (0..count).map(|_| self.position(header)).collect::<Result<_, _>>().map(Value::Array)
    }

    fn position(&mut self, header: &Header) -> Result<Value, String> {
        let mut numbers = Vec::with_capacity(header.kept);
        for at in 0..header.stored {
            let bytes = self.take::<8>()?;
            let number = if header.little_endian { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) };
            if at < header.kept {
                numbers.push(number);
            }
        }
        if numbers.iter().all(|number| number.is_nan()) {
            return Ok(json!([]));
        }
        if numbers.iter().all(|number| number.is_finite()) {
            return Ok(json!(numbers));
        }
        Err("a position is not finite".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Value> {
        let ring = json!([[0.0, 0.0], [1.0, 0.0], [1.0, 1.5], [0.0, 0.0]]);
        vec![
            json!({"type": "Point", "coordinates": [1.5, -2.25]}),
            json!({"type": "Point", "coordinates": [1.5, -2.25, 7.0]}),
            json!({"type": "Point", "coordinates": []}),
            json!({"type": "LineString", "coordinates": ring}),
            json!({"type": "Polygon", "coordinates": [ring, ring]}),
            json!({"type": "Polygon", "coordinates": []}),
            json!({"type": "MultiPoint", "coordinates": [[0.0, 1.0], [2.0, 3.0]]}),
            json!({"type": "MultiLineString", "coordinates": [ring]}),
            json!({"type": "MultiPolygon", "coordinates": [[ring], [ring, ring]]}),
            json!({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [0.0, 1.0]}]}),
        ]
    }

    #[test]
    fn every_type_comes_back_as_it_was() {
        for geometry in samples() {
            let bytes = from_geojson(&geometry).unwrap();
            assert_eq!(to_geojson(&bytes).unwrap(), geometry);
        }
    }

    #[test]
    fn foreign_dialects_are_read() {
        // POINT ZM of ISO, big-endian; and PostGIS's POINT with SRID and height, little-endian.
        let numbers = |bytes: fn(f64) -> [u8; 8], list: &[f64]| list.iter().flat_map(|n| bytes(*n)).collect::<Vec<_>>();
        let iso = [&[0, 0, 0, 0x0b, 0xb9][..], &numbers(f64::to_be_bytes, &[1.0, 2.0, 3.0, 4.0])].concat();
        let ewkb = [&[1, 1, 0, 0, 0xa0, 0xe6, 0x10, 0, 0][..], &numbers(f64::to_le_bytes, &[1.0, 2.0, 3.0])].concat();
        for bytes in [iso, ewkb] {
            assert_eq!(to_geojson(&bytes).unwrap(), json!({"type": "Point", "coordinates": [1.0, 2.0, 3.0]}));
        }
    }

    #[test]
    fn what_wkb_cannot_hold_is_left_alone() {
        for geometry in [
            json!({"type": "Polygon", "coordinates": [[0, 0], [1, 1]]}),
            json!({"type": "LineString", "coordinates": [[0, 0], [1, 1, 1]]}),
            json!({"type": "Point", "coordinates": ["1", 2]}),
            json!({"type": "Circle", "coordinates": [1, 2]}),
            json!({"type": "Point", "coordinates": [1, 2], "crs": {}}),
            json!(null),
        ] {
            assert_eq!(from_geojson(&geometry), None, "{geometry}");
        }
    }

    #[test]
    fn cut_short_or_altered_bytes_are_refused_or_read_never_more() {
        for geometry in samples() {
            let bytes = from_geojson(&geometry).unwrap();
            for length in 0..bytes.len() {
                assert!(to_geojson(&bytes[..length]).is_err());
            }
            for at in 0..bytes.len() {
                for value in [0, 1, 0x7f, 0xff] {
                    let mut altered = bytes.clone();
                    altered[at] = value;
                    let _ = to_geojson(&altered); // must return, whatever it says
                }
            }
        }
        let many = [&[1, 2, 0, 0, 0][..], &u32::MAX.to_le_bytes()].concat();
        assert!(to_geojson(&many).unwrap_err().contains("4294967295"));
    }

    #[test]
    fn collections_in_collections_end() {
        let level = [1, 7, 0, 0, 0, 1, 0, 0, 0];
        let deep = level.repeat(1000);
        assert!(to_geojson(&deep).unwrap_err().contains("deep"));
    }
}
