//! Rounding to bfloat16 and float16, and which values of a graph hold those types.

use swath_autodiff::graph::Node;

/// A float type of few bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Low {
    Float16,
    BFloat16,
}

impl Low {
    /// By the number that Cast's attribute has for it.
    fn of(to: i64) -> Option<Self> {
        match to {
            10 => Some(Self::Float16),
            16 => Some(Self::BFloat16),
            _ => None,
        }
    }

    /// The nearest number of the type, ties to even; beyond the largest, infinity.
    pub fn round(self, x: f64) -> f64 {
        let (digits, smallest_exponent, largest) = match self {
            Self::Float16 => (11, -14, 65504.0),
            Self::BFloat16 => (8, -126, f64::from(f32::from_bits(0x7f7f_0000))),
        };
        if x == 0.0 || !x.is_finite() {
            return x;
        }
        // Numbers below the smallest exponent share its spacing.
        let exponent = ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023;
        let spacing = 2f64.powi(exponent.max(smallest_exponent) - (digits - 1));
        let rounded = (x / spacing).round_ties_even() * spacing;
        if rounded.abs() > largest { f64::INFINITY.copysign(x) } else { rounded }
    }
}

/// Operators whose float inputs must be of one type.
const ALIKE: &[&str] = &[
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Max",
    "Min",
    "Sum",
    "MatMul",
    "Gemm",
    "Conv",
    "ConvTranspose",
    "Concat",
    "Greater",
    "Equal",
    "Less",
];
/// Operators whose outcome has no float type, or one of its own.
const OF_THEIR_OWN: &[&str] =
    &["Cast", "Shape", "Size", "Greater", "Equal", "Less", "GreaterOrEqual", "LessOrEqual", "Not"];

/// The type of a node's first output, given those of its inputs (`None` where an input is left out; `Some(None)` for float32 and all else).
pub fn of_output(node: &Node, inputs: &[Option<Option<Low>>]) -> Option<Low> {
    if node.operator == "Cast" {
        return Low::of(node.int("to", 0));
    }
    let given: Vec<Option<Low>> = inputs.iter().copied().flatten().collect();
    if ALIKE.contains(&node.operator.as_str()) {
        assert!(given.windows(2).all(|pair| pair[0] == pair[1]), "{} reads {given:?}", node.label());
    }
    if node.operator == "Where" {
        assert_eq!(given[1], given[2], "{} chooses between two types", node.label());
        return given[1];
    }
    if OF_THEIR_OWN.contains(&node.operator.as_str()) { None } else { given.first().copied().flatten() }
}

#[test]
fn rounding_is_that_of_the_types() {
    let cases = [
        (Low::BFloat16, 1.0 + 2f64.powi(-8), 1.0),
        (Low::BFloat16, 1.0 + 3.0 * 2f64.powi(-8), 1.0 + 2f64.powi(-6)),
        (Low::BFloat16, -3.0e-39, -3.0e-39),
        (Low::Float16, 2049.0, 2048.0),
        (Low::Float16, 65519.9, 65504.0),
        (Low::Float16, -65520.0, f64::NEG_INFINITY),
        (Low::Float16, 2f64.powi(-25), 0.0),
        (Low::Float16, 1.5 * 2f64.powi(-24), 2f64.powi(-23)),
    ];
    for (low, x, expected) in cases {
        // Numbers of bfloat16's smallest range are multiples of 2^-133, so the third case holds to half of that.
        assert!((low.round(x) - expected).abs() <= 2f64.powi(-134) || low.round(x) == expected, "{low:?} of {x}");
    }
}
