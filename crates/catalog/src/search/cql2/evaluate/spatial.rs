//! How two geometries lie to each other, on the plane of longitude and latitude.

use std::panic::{AssertUnwindSafe, catch_unwind};

use geo::Relate;

use crate::search::{Shape, cql2::Relation};

/// Whether a relation holds; `None` where a geometry is so malformed that it cannot be told.
pub(super) fn holds(relation: Relation, a: &Shape, b: &Shape) -> Option<bool> {
    match relation {
        Relation::Intersects => return Some(a.meets(b)),
        Relation::Disjoint => return Some(!a.meets(b)),
        _ if !a.bounds_meet(b) => return Some(false),
        _ => {}
    }
    let (a, b) = (a.whole(), b.whole());
    // The library asserts what only valid geometries have; catalogs hold others.
    let matrix = catch_unwind(AssertUnwindSafe(|| a.relate(b.as_ref()))).ok()?;
    Some(match relation {
        Relation::Intersects => matrix.is_intersects(),
        Relation::Disjoint => matrix.is_disjoint(),
        Relation::Within => matrix.is_within(),
        Relation::Contains => matrix.is_contains(),
        Relation::Equals => matrix.is_equal_topo(),
        Relation::Touches => matrix.is_touches(),
        Relation::Overlaps => matrix.is_overlaps(),
        Relation::Crosses => matrix.is_crosses(),
    })
}
