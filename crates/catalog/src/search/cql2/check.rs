//! What makes an expression valid: every operator with as many arguments as it takes, of the kinds that it takes.

use super::{Expr, Operator};

/// The deepest nesting that is read; conditions that people or programs write have a tenth of it. Recursion over an
/// expression is bounded by it.
pub(super) const DEEPEST: usize = 64;

/// What an expression gives, as far as it can be told without an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Truth,
    Number,
    Text,
    Moment,
    Span,
    Geometry,
    List,
    /// A property: only the item tells.
    Any,
}

fn kind(expr: &Expr) -> Kind {
    match expr {
        Expr::Bool(_) => Kind::Truth,
        Expr::Number(_) => Kind::Number,
        Expr::Text(_) => Kind::Text,
        Expr::Date(_) | Expr::Timestamp(_) => Kind::Moment,
        Expr::Interval(..) => Kind::Span,
        Expr::Geometry(_) => Kind::Geometry,
        Expr::List(_) => Kind::List,
        Expr::Property(_) => Kind::Any,
        Expr::Call(Operator::Casei | Operator::Accenti, _) => Kind::Text,
        Expr::Call(operator, _) if operator.is_arithmetic() => Kind::Number,
        Expr::Call(..) => Kind::Truth,
    }
}

/// Applies an operator. Conditions joined by `and` and `or` become one list.
pub(super) fn call(operator: Operator, args: Vec<Expr>) -> Result<Expr, String> {
    let (fewest, most) = operator.arity();
    let name = operator.name();
    if args.len() < fewest || args.len() > most {
        let wanted = if fewest == most { fewest.to_string() } else { format!("{fewest} or more") };
        return Err(format!("`{name}` takes {wanted} arguments and has {}", args.len()));
    }
    for (at, arg) in args.iter().enumerate() {
        let allowed = allowed(operator, at);
        let own = kind(arg);
        if own != Kind::Any && !allowed.contains(&own) || own == Kind::Any && allowed == [Kind::Truth] {
            return Err(format!("{} is nothing that `{name}` can be applied to", shown(arg)));
        }
    }
    if matches!(operator, Operator::Equal | Operator::NotEqual)
        || matches!(operator, Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual)
    {
        comparable(name, &args[0], &args[1])?;
    }
    if operator == Operator::Between {
        comparable(name, &args[0], &args[1])?;
        comparable(name, &args[0], &args[2])?;
    }
    let args = match operator {
        Operator::And | Operator::Or => args
            .into_iter()
            .flat_map(|arg| match arg {
                Expr::Call(own, inner) if own == operator => inner,
                arg => vec![arg],
            })
            .collect(),
        _ => args,
    };
    Ok(Expr::Call(operator, args))
}

fn allowed(operator: Operator, at: usize) -> &'static [Kind] {
    use Kind::{Geometry, List, Moment, Number, Span, Text, Truth};
    match operator {
        Operator::And | Operator::Or | Operator::Not => &[Truth],
        Operator::Equal | Operator::NotEqual => &[Truth, Number, Text, Moment],
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual | Operator::Between => {
            &[Number, Text, Moment]
        }
        Operator::Like | Operator::Casei | Operator::Accenti => &[Text],
        Operator::In if at == 0 => &[Truth, Number, Text, Moment],
        Operator::In => &[List],
        Operator::IsNull => &[Truth, Number, Text, Moment, Geometry, List],
        Operator::Spatial(_) => &[Geometry],
        Operator::Temporal(_) => &[Moment, Span, Text],
        Operator::Array(_) => &[List],
        _ => &[Number],
    }
}

fn comparable(name: &str, a: &Expr, b: &Expr) -> Result<(), String> {
    let same = |a: Kind, b: Kind| {
        a == b
            || [a, b].contains(&Kind::Any)
            || matches!((a, b), (Kind::Text, Kind::Moment) | (Kind::Moment, Kind::Text))
    };
    if same(kind(a), kind(b)) {
        return Ok(());
    }
    Err(format!("`{name}` cannot compare {} with {}", shown(a), shown(b)))
}

/// The whole condition: a truth, and not nested too deeply.
pub(super) fn condition(expr: Expr) -> Result<Expr, String> {
    match expr {
        Expr::Property(name) => {
            Err(format!("`{name}` alone is no condition: write `{name} = true`, or what else it is to be"))
        }
        expr if kind(&expr) != Kind::Truth => Err(format!("{} is no condition", shown(&expr))),
        expr => Ok(expr),
    }
}

/// Refuses to go deeper than is allowed.
pub(super) fn deeper(depth: usize) -> Result<usize, String> {
    if depth >= DEEPEST { Err(format!("it nests more than {DEEPEST} levels deep")) } else { Ok(depth + 1) }
}

fn shown(expr: &Expr) -> String {
    let json = expr.to_json().to_string();
    match json.char_indices().nth(60) {
        Some((end, _)) => format!("`{}…`", &json[..end]),
        None => format!("`{json}`"),
    }
}
