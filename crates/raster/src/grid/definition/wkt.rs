//! Well-known text of coordinate systems (ISO 19162, and WKT 1 as GDAL and Esri write it) to what it says of a system.

use super::projjson::degrees;
use super::{Base, Conversion, Named, Reason, System, is_angle, is_length};
use crate::grid::Crs;

/// Longest text that is looked at; real ones have a few KiB.
const MAX_BYTES: usize = 64 << 10;

/// Nodes inside each other; real ones are a dozen deep.
const MAX_DEPTH: usize = 32;

/// The CRS of a text; of a compound one its first, which is horizontal.
pub(in crate::grid) fn read(text: &str) -> Result<Crs, Reason> {
    if text.len() > MAX_BYTES {
        return Err(format!("it has {} bytes, more than {MAX_BYTES}", text.len()));
    }
    let mut reader = Reader { rest: text };
    let node = reader.node(MAX_DEPTH)?;
    if !reader.rest.trim().is_empty() {
        return Err("something follows its last bracket".to_owned());
    }
    system(&node)?.to_crs()
}

/// `KEYWORD["text", 1.5, word, OTHER[…]]`.
#[derive(Debug)]
struct Node {
    keyword: String,
    /// Texts, numbers and words, as they are written.
    values: Vec<String>,
    nodes: Vec<Node>,
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn node(&mut self, depth: usize) -> Result<Node, Reason> {
        if depth == 0 {
            return Err("it is nested too deeply".to_owned());
        }
        let keyword = self.word().to_ascii_uppercase();
        if keyword.is_empty() || !(self.takes('[') || self.takes('(')) {
            return Err(format!("a keyword and a bracket are missing at `{}`", self.near()));
        }
        let mut node = Node { keyword, values: Vec::new(), nodes: Vec::new() };
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.starts_with('"') {
                node.values.push(self.text()?);
            } else {
                let before = self.rest;
                let word = self.word();
                let has_bracket = self.rest.trim_start().starts_with(['[', '(']);
                match has_bracket && !word.is_empty() {
                    true => {
                        self.rest = before;
                        node.nodes.push(self.node(depth - 1)?);
                    }
                    false => node.values.push(word),
                }
            }
            if self.takes(']') || self.takes(')') {
                return Ok(node);
            }
            if !self.takes(',') {
                return Err(format!("a comma or a bracket is missing at `{}`", self.near()));
            }
        }
    }

    /// A keyword, word or number.
    fn word(&mut self) -> String {
        self.rest = self.rest.trim_start();
        let end =
            self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_.+-:".contains(c))).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    /// A text in quotes, in which a quote is written twice.
    fn text(&mut self) -> Result<String, Reason> {
        let mut text = String::new();
        self.rest = self.rest.strip_prefix('"').unwrap_or(self.rest);
        loop {
            let Some((part, rest)) = self.rest.split_once('"') else { return Err("a text has no end".to_owned()) };
            text.push_str(part);
            match rest.strip_prefix('"') {
                Some(rest) => {
                    text.push('"');
                    self.rest = rest;
                }
                None => {
                    self.rest = rest;
                    return Ok(text);
                }
            }
        }
    }

    fn takes(&mut self, sign: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn near(&self) -> String {
        self.rest.trim_start().chars().take(20).collect()
    }
}

impl Node {
    fn child(&self, keywords: &[&str]) -> Option<&Node> {
        self.nodes.iter().find(|node| keywords.contains(&node.keyword.as_str()))
    }

    fn name(&self) -> Option<String> {
        self.values.first().filter(|name| !name.is_empty()).cloned()
    }

    fn number(&self, at: usize) -> Option<f64> {
        self.values.get(at)?.parse::<f64>().ok().filter(|number| number.is_finite())
    }

    /// Its number in the EPSG registry.
    fn epsg(&self) -> Option<u32> {
        let ids = self.nodes.iter().filter(|node| matches!(node.keyword.as_str(), "ID" | "AUTHORITY"));
        let mut ours = ids.filter(|id| id.values.first().is_some_and(|name| name.eq_ignore_ascii_case("EPSG")));
        ours.next()?.values.get(1)?.parse().ok()
    }

    fn named(&self) -> Named {
        Named { epsg: self.epsg(), name: self.name().unwrap_or_default() }
    }

    /// Metres a unit of length, or radians a unit of angle, that stands in this node.
    fn unit(&self, keyword: &str) -> Option<f64> {
        self.child(&[keyword, "UNIT"])?.number(1).filter(|factor| *factor > 0.0)
    }
}

const GEOGRAPHIC: [&str; 7] =
    ["GEOGCRS", "GEOGRAPHICCRS", "GEODCRS", "GEODETICCRS", "GEOGCS", "BASEGEOGCRS", "BASEGEODCRS"];

fn system(node: &Node) -> Result<System, Reason> {
    let inner = |node: Option<&Node>| node.map_or_else(|| Err("it holds no system".to_owned()), system);
    match node.keyword.as_str() {
        "BOUNDCRS" => inner(node.child(&["SOURCECRS"]).and_then(|source| source.nodes.first())),
        "COMPOUNDCRS" | "COMPD_CS" => inner(node.nodes.first()),
        "PROJCRS" | "PROJECTEDCRS" | "PROJCS" => projected(node),
        keyword if GEOGRAPHIC.contains(&keyword) => {
            let (name, epsg) = (node.name(), node.epsg());
            Ok(System { name, epsg, base: base(node)?, conversion: None, unit_m: 1.0 })
        }
        other => Err(format!("a {other} is not supported")),
    }
}

fn base(node: &Node) -> Result<Base, Reason> {
    let datum = node.child(&["DATUM", "GEODETICDATUM", "TRF", "ENSEMBLE"]);
    let ellipsoid = datum.and_then(|datum| datum.child(&["ELLIPSOID", "SPHEROID"]));
    let metres = ellipsoid.and_then(|ellipsoid| ellipsoid.unit("LENGTHUNIT")).unwrap_or(1.0);
    let meridian = node.child(&["PRIMEM", "PRIMEMERIDIAN"]).or_else(|| datum?.child(&["PRIMEM", "PRIMEMERIDIAN"]));
    let angle = |node: &Node| node.unit("ANGLEUNIT");
    let radians = meridian.and_then(angle).unwrap_or(1.0_f64.to_radians());
    Ok(Base {
        epsg: node.epsg(),
        semi_major_m: ellipsoid.and_then(|ellipsoid| ellipsoid.number(1)).unwrap_or(0.0) * metres,
        inverse_flattening: ellipsoid.and_then(|ellipsoid| ellipsoid.number(2)).unwrap_or(0.0),
        prime_meridian_deg: degrees(meridian.and_then(|meridian| meridian.number(1)).unwrap_or(0.0), radians),
    })
}

fn projected(node: &Node) -> Result<System, Reason> {
    let base_node = node.child(&GEOGRAPHIC).ok_or("it names no geographic system")?;
    // WKT 2 has method and parameters in a node of their own, WKT 1 beside the rest.
    let holder = node.child(&["CONVERSION"]).unwrap_or(node);
    let method = holder.child(&["METHOD", "PROJECTION"]).ok_or("it names no projection")?;
    let axis = node.child(&["AXIS"]).and_then(|axis| axis.unit("LENGTHUNIT"));
    let unit_m = axis.or_else(|| node.unit("LENGTHUNIT")).unwrap_or(1.0);
    let usual_angle = base_node.unit("ANGLEUNIT").unwrap_or(1.0_f64.to_radians());
    let mut conversion = Conversion { method: method.named(), ..Conversion::default() };
    for parameter in holder.nodes.iter().filter(|node| node.keyword == "PARAMETER") {
        let (Some(key), Some(value)) = (parameter.named().parameter(), parameter.number(1)) else { continue };
        let value = match key {
            _ if is_angle(key) => degrees(value, parameter.unit("ANGLEUNIT").unwrap_or(usual_angle)),
            _ if is_length(key) => value * parameter.unit("LENGTHUNIT").unwrap_or(unit_m),
            _ => value,
        };
        conversion.parameters.insert(key, value);
    }
    let (name, epsg) = (node.name(), node.epsg());
    Ok(System { name, epsg, base: base(base_node)?, conversion: Some(conversion), unit_m })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_texts_are_refused_in_words() {
        let deep = "A[".repeat(40);
        let long = "A".repeat(MAX_BYTES + 1);
        let cases = [
            ("", "missing"),
            ("PROJCRS", "missing"),
            ("PROJCRS[\"a", "no end"),
            ("PROJCRS[\"a\"", "missing"),
            ("PROJCRS[\"a\"] b", "follows"),
            ("PROJCRS[\"a\"]", "no geographic system"),
            ("GEOGCRS[\"a\"]", "no ellipsoid"),
            ("VERTCRS[\"a\"]", "VERTCRS is not supported"),
            ("COMPOUNDCRS[\"a\"]", "no system"),
            (deep.as_str(), "deeply"),
            (long.as_str(), "bytes"),
        ];
        for (text, words) in cases {
            let reason = read(text).err().unwrap_or_default();
            assert!(reason.contains(words), "{:.40}: {reason}", text);
        }
    }

    #[test]
    fn quotes_in_texts_are_written_twice() {
        let node = Reader { rest: "A[\"say \"\"a\"\"\", 1.5e3, east, B(\"c\")]" }.node(9).unwrap();
        assert_eq!(node.values, ["say \"a\"", "1.5e3", "east"]);
        assert_eq!((node.nodes[0].keyword.as_str(), node.number(1)), ("B", Some(1500.0)));
    }
}
