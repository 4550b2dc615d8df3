//! CQL2 text, read.
//!
//! A single quote within a text is written twice; a backslash is a character as any other, and special in the pattern of
//! `LIKE` alone. Names that CQL2 has no words for (`s2:a-b`) stand in double quotes.

mod wkt;

use super::{
    Expr, Operator, check, json,
    token::{Kind, Token, tokens},
};

impl Expr {
    /// Reads a condition in CQL2: JSON where it begins with `{`, else text.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim_start().starts_with('{') {
            let value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
            return Self::of_json(&value);
        }
        let mut reader = Reader { tokens: tokens(text)?, at: 0, text };
        let expr = reader.or(0)?;
        match reader.peek() {
            None => check::condition(expr),
            Some(_) => Err(reader.stopped("an operator or the end")),
        }
    }
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    text: &'a str,
}

/// Words that are no names of properties unless they stand in double quotes.
pub(super) const KEYWORDS: [&str; 11] =
    ["and", "or", "not", "like", "between", "in", "is", "null", "true", "false", "div"];

impl Reader<'_> {
    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    /// What was expected where something else stands.
    fn stopped(&self, expected: &str) -> String {
        match self.tokens.get(self.at) {
            Some(token) => {
                let rest: String = self.text[token.at..].chars().take(20).collect();
                format!("at `{rest}`: {expected} is expected here")
            }
            None => format!("it ends where {expected} is expected"),
        }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Kind::Name(name)) if name.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.at += usize::from(is);
        is
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Some(Kind::Sign(own)) if *own == sign);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.stopped(&format!("`{sign}`"))) }
    }

    fn or(&mut self, depth: usize) -> Result<Expr, String> {
        self.joined(depth, "or", Operator::Or, |reader| {
            reader.joined(depth, "and", Operator::And, |reader| reader.not(depth))
        })
    }

    fn joined(
        &mut self,
        depth: usize,
        word: &str,
        operator: Operator,
        mut part: impl FnMut(&mut Self) -> Result<Expr, String>,
    ) -> Result<Expr, String> {
        check::deeper(depth)?;
        let first = part(self)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.take_word(word) {
            parts.push(part(self)?);
        }
        check::call(operator, parts)
    }

    fn not(&mut self, depth: usize) -> Result<Expr, String> {
        if self.take_word("not") {
            let inner = self.not(check::deeper(depth)?)?;
            return check::call(Operator::Not, vec![inner]);
        }
        self.predicate(depth)
    }

    fn predicate(&mut self, depth: usize) -> Result<Expr, String> {
        let left = self.sum(depth)?;
        if let Some(Kind::Sign(sign)) = self.peek() {
            let compared = ["=", "<>", "!=", "<", "<=", ">", ">="].contains(sign);
            if let Some(operator) = Operator::named(sign).filter(|_| compared) {
                self.at += 1;
                let right = self.sum(depth)?;
                return check::call(operator, vec![left, right]);
            }
        }
        if self.take_word("is") {
            let not = self.take_word("not");
            if !self.take_word("null") {
                return Err(self.stopped("NULL"));
            }
            return negated(not, check::call(Operator::IsNull, vec![left])?);
        }
        let before = self.at;
        let not = self.take_word("not");
        let found = if self.take_word("like") {
            check::call(Operator::Like, vec![left, self.sum(depth)?])?
        } else if self.take_word("between") {
            let from = self.sum(depth)?;
            if !self.take_word("and") {
                return Err(self.stopped("AND"));
            }
            check::call(Operator::Between, vec![left, from, self.sum(depth)?])?
        } else if self.take_word("in") {
            check::call(Operator::In, vec![left, self.list(depth)?])?
        } else {
            self.at = before;
            return Ok(left);
        };
        negated(not, found)
    }

    fn sum(&mut self, depth: usize) -> Result<Expr, String> {
        self.chain(depth, &[("+", Operator::Add), ("-", Operator::Subtract)], Self::product)
    }

    fn product(&mut self, depth: usize) -> Result<Expr, String> {
        let operators = [
            ("*", Operator::Multiply),
            ("/", Operator::Divide),
            ("%", Operator::Remainder),
            ("div", Operator::WholeDivide),
        ];
        self.chain(depth, &operators, Self::power)
    }

    fn power(&mut self, depth: usize) -> Result<Expr, String> {
        self.chain(depth, &[("^", Operator::Power)], Self::signed)
    }

    /// Operators of one rank, the first applied first.
    fn chain(
        &mut self,
        depth: usize,
        operators: &[(&str, Operator)],
        operand: fn(&mut Self, usize) -> Result<Expr, String>,
    ) -> Result<Expr, String> {
        let mut left = operand(self, depth)?;
        let mut length = depth;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.take_sign(sign) || self.take_word(sign))
        {
            length = check::deeper(length)?;
            left = check::call(*operator, vec![left, operand(self, depth)?])?;
        }
        Ok(left)
    }

    fn signed(&mut self, depth: usize) -> Result<Expr, String> {
        if self.take_sign("-") {
            return match self.signed(check::deeper(depth)?)? {
                Expr::Number(number) => Ok(Expr::Number(-number)),
                other => check::call(Operator::Multiply, vec![Expr::Number(-1.0), other]),
            };
        }
        if self.take_sign("+") {
            return self.signed(check::deeper(depth)?);
        }
        self.value(check::deeper(depth)?)
    }

    fn value(&mut self, depth: usize) -> Result<Expr, String> {
        if self.take_sign("(") {
            return self.parenthesis(depth);
        }
        let Some(kind) = self.peek().cloned() else { return Err(self.stopped("a value")) };
        self.at += 1;
        match kind {
            Kind::Number(number) => Ok(Expr::Number(number)),
            Kind::Text(text) => Ok(Expr::Text(text)),
            Kind::Quoted(name) => Ok(Expr::Property(name)),
            Kind::Name(name) => self.named(&name, depth),
            Kind::Sign(_) => {
                self.at -= 1;
                Err(self.stopped("a value"))
            }
        }
    }

    /// An expression in parentheses, or a list.
    fn parenthesis(&mut self, depth: usize) -> Result<Expr, String> {
        if self.take_sign(")") {
            return Ok(Expr::List(Vec::new()));
        }
        let first = self.or(depth)?;
        if !matches!(self.peek(), Some(Kind::Sign(","))) {
            self.expect(")")?;
            return Ok(first);
        }
        let mut values = vec![first];
        while self.take_sign(",") {
            values.push(self.or(depth)?);
        }
        self.expect(")")?;
        Ok(Expr::List(values))
    }

    /// A list in parentheses, also of one value.
    fn list(&mut self, depth: usize) -> Result<Expr, String> {
        self.expect("(")?;
        match self.parenthesis(check::deeper(depth)?)? {
            list @ Expr::List(_) => Ok(list),
            one => Ok(Expr::List(vec![one])),
        }
    }

    /// What a name begins: a truth, a function, a geometry, or a property.
    fn named(&mut self, name: &str, depth: usize) -> Result<Expr, String> {
        let lower = name.to_ascii_lowercase();
        if matches!(lower.as_str(), "true" | "false") {
            return Ok(Expr::Bool(lower == "true"));
        }
        if KEYWORDS.contains(&lower.as_str()) {
            self.at -= 1;
            return Err(self.stopped("a value"));
        }
        if let Some(geometry) = wkt::read(self, &lower, depth)? {
            return Ok(geometry);
        }
        if !self.take_sign("(") {
            return Ok(Expr::Property(name.to_owned()));
        }
        self.function(name, &lower, depth)
    }

    fn function(&mut self, name: &str, lower: &str, depth: usize) -> Result<Expr, String> {
        let expr = match lower {
            "date" => json::date(&self.text_argument()?)?,
            "timestamp" => json::timestamp(&self.text_argument()?)?,
            "interval" => {
                let start = self.interval_end()?;
                self.expect(",")?;
                Expr::Interval(start, self.interval_end()?)
            }
            "bbox" => {
                let mut numbers = vec![self.number_argument()?];
                while self.take_sign(",") {
                    numbers.push(self.number_argument()?);
                }
                json::of_bbox(&numbers)?
            }
            _ => {
                let operator =
                    Operator::named(name).filter(|own| own.is_function()).ok_or_else(|| json::unknown(name))?;
                let mut args = vec![self.argument(operator, depth)?];
                while self.take_sign(",") {
                    args.push(self.argument(operator, depth)?);
                }
                check::call(operator, args)?
            }
        };
        self.expect(")")?;
        Ok(expr)
    }

    fn argument(&mut self, operator: Operator, depth: usize) -> Result<Expr, String> {
        let is_list = matches!(operator, Operator::Array(_)) && matches!(self.peek(), Some(Kind::Sign("(")));
        if is_list { self.list(depth) } else { self.or(depth) }
    }

    fn text_argument(&mut self) -> Result<String, String> {
        let Some(Kind::Text(text)) = self.peek().cloned() else { return Err(self.stopped("a text in single quotes")) };
        self.at += 1;
        Ok(text)
    }

    fn number_argument(&mut self) -> Result<f64, String> {
        let negative = self.take_sign("-");
        let Some(Kind::Number(number)) = self.peek() else { return Err(self.stopped("a number")) };
        let number = if negative { -number } else { *number };
        self.at += 1;
        Ok(number)
    }

    fn interval_end(&mut self) -> Result<Option<Box<Expr>>, String> {
        match self.peek().cloned() {
            Some(Kind::Text(text)) => {
                self.at += 1;
                json::end(&text)
            }
            Some(Kind::Name(_) | Kind::Quoted(_)) => match self.value(0)? {
                own @ (Expr::Property(_) | Expr::Date(_) | Expr::Timestamp(_)) => Ok(Some(Box::new(own))),
                _ => Err(self.stopped("a date, moment or property before this")),
            },
            _ => Err(self.stopped("a date or moment in single quotes, '..' or a property")),
        }
    }
}

fn negated(not: bool, expr: Expr) -> Result<Expr, String> {
    if not { check::call(Operator::Not, vec![expr]) } else { Ok(expr) }
}
