//! The operators of CQL2: their names and how many arguments they take.

/// How two geometries lie to each other, by the DE-9IM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are the OGC's
pub enum Relation {
    Intersects,
    Disjoint,
    Within,
    Contains,
    Equals,
    Touches,
    Overlaps,
    Crosses,
}

/// How two spans of time lie to each other, by Allen's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are the OGC's
pub enum TimeRelation {
    After,
    Before,
    Contains,
    Disjoint,
    During,
    Equals,
    FinishedBy,
    Finishes,
    Intersects,
    Meets,
    MetBy,
    OverlappedBy,
    Overlaps,
    StartedBy,
    Starts,
}

/// How two lists lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are the OGC's
pub enum SetRelation {
    Contains,
    ContainedBy,
    Equals,
    Overlaps,
}

/// What an expression does with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names say all there is
pub enum Operator {
    And,
    Or,
    Not,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    Between,
    In,
    IsNull,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    WholeDivide,
    /// The text without letter case.
    Casei,
    /// The text without accents.
    Accenti,
    Spatial(Relation),
    Temporal(TimeRelation),
    Array(SetRelation),
}

/// Every operator with its name in JSON, which is also the name of a function in text.
const NAMES: &[(Operator, &str)] = &[
    (Operator::And, "and"),
    (Operator::Or, "or"),
    (Operator::Not, "not"),
    (Operator::Equal, "="),
    (Operator::NotEqual, "<>"),
    (Operator::Less, "<"),
    (Operator::LessOrEqual, "<="),
    (Operator::Greater, ">"),
    (Operator::GreaterOrEqual, ">="),
    (Operator::Like, "like"),
    (Operator::Between, "between"),
    (Operator::In, "in"),
    (Operator::IsNull, "isNull"),
    (Operator::Add, "+"),
    (Operator::Subtract, "-"),
    (Operator::Multiply, "*"),
    (Operator::Divide, "/"),
    (Operator::Remainder, "%"),
    (Operator::Power, "^"),
    (Operator::WholeDivide, "div"),
    (Operator::Casei, "casei"),
    (Operator::Accenti, "accenti"),
    (Operator::Spatial(Relation::Intersects), "s_intersects"),
    (Operator::Spatial(Relation::Disjoint), "s_disjoint"),
    (Operator::Spatial(Relation::Within), "s_within"),
    (Operator::Spatial(Relation::Contains), "s_contains"),
    (Operator::Spatial(Relation::Equals), "s_equals"),
    (Operator::Spatial(Relation::Touches), "s_touches"),
    (Operator::Spatial(Relation::Overlaps), "s_overlaps"),
    (Operator::Spatial(Relation::Crosses), "s_crosses"),
    (Operator::Temporal(TimeRelation::After), "t_after"),
    (Operator::Temporal(TimeRelation::Before), "t_before"),
    (Operator::Temporal(TimeRelation::Contains), "t_contains"),
    (Operator::Temporal(TimeRelation::Disjoint), "t_disjoint"),
    (Operator::Temporal(TimeRelation::During), "t_during"),
    (Operator::Temporal(TimeRelation::Equals), "t_equals"),
    (Operator::Temporal(TimeRelation::FinishedBy), "t_finishedBy"),
    (Operator::Temporal(TimeRelation::Finishes), "t_finishes"),
    (Operator::Temporal(TimeRelation::Intersects), "t_intersects"),
    (Operator::Temporal(TimeRelation::Meets), "t_meets"),
    (Operator::Temporal(TimeRelation::MetBy), "t_metBy"),
    (Operator::Temporal(TimeRelation::OverlappedBy), "t_overlappedBy"),
    (Operator::Temporal(TimeRelation::Overlaps), "t_overlaps"),
    (Operator::Temporal(TimeRelation::StartedBy), "t_startedBy"),
    (Operator::Temporal(TimeRelation::Starts), "t_starts"),
    (Operator::Array(SetRelation::Contains), "a_contains"),
    (Operator::Array(SetRelation::ContainedBy), "a_containedBy"),
    (Operator::Array(SetRelation::Equals), "a_equals"),
    (Operator::Array(SetRelation::Overlaps), "a_overlaps"),
];
/// Names that are met for operators with another one.
const ALIASES: &[(Operator, &str)] = &[
    (Operator::NotEqual, "!="),
    (Operator::Equal, "eq"),
    (Operator::NotEqual, "neq"),
    (Operator::Less, "lt"),
    (Operator::LessOrEqual, "lte"),
    (Operator::Greater, "gt"),
    (Operator::GreaterOrEqual, "gte"),
    (Operator::Temporal(TimeRelation::Intersects), "anyinteracts"),
    (Operator::Temporal(TimeRelation::Intersects), "t_anyinteracts"),
];

impl Operator {
    /// The operator of that name; letter case aside.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut all = NAMES.iter().chain(ALIASES);
        all.find(|(_, own)| own.eq_ignore_ascii_case(name)).map(|(operator, _)| *operator)
    }

    /// Its name in CQL2 JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }

    /// The fewest and most arguments.
    pub(super) fn arity(self) -> (usize, usize) {
        match self {
            Self::And | Self::Or => (2, usize::MAX),
            Self::Not | Self::IsNull | Self::Casei | Self::Accenti => (1, 1),
            Self::Between => (3, 3),
            _ => (2, 2),
        }
    }

    pub(super) fn is_arithmetic(self) -> bool {
        use Operator::{Add, Divide, Multiply, Power, Remainder, Subtract, WholeDivide};
        matches!(self, Add | Subtract | Multiply | Divide | Remainder | Power | WholeDivide)
    }

    /// Whether text writes it as `name(argument, …)`.
    pub(super) fn is_function(self) -> bool {
        matches!(self, Self::Casei | Self::Accenti | Self::Spatial(_) | Self::Temporal(_) | Self::Array(_))
    }
}
