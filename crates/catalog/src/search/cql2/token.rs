//! CQL2 text as tokens.

/// One token, and where it begins, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A name or keyword.
    Name(String),
    /// A name in double quotes, which is never a keyword.
    Quoted(String),
    /// A text in single quotes.
    Text(String),
    Number(f64),
    /// Anything else: `(`, `<=`.
    Sign(&'static str),
}

/// Longer signs first, since the first that fits is taken.
const SIGNS: [&str; 15] = ["<>", "<=", ">=", "!=", "=", "<", ">", "+", "-", "*", "/", "%", "^", "(", ")"];

/// Splits a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, length) = match first {
            space if space.is_whitespace() => {
                at += space.len_utf8();
                continue;
            }
            '\'' => quoted(rest, '\'').map(|(own, length)| (Kind::Text(own), length)).ok_or_else(|| unclosed(rest))?,
            '"' => quoted(rest, '"').map(|(own, length)| (Kind::Quoted(own), length)).ok_or_else(|| unclosed(rest))?,
            '0'..='9' | '.' => number(rest)?,
            ',' => (Kind::Sign(","), 1),
            other if starts_name(other) => {
                let length = rest.find(|c| !continues_name(c)).unwrap_or(rest.len());
                (Kind::Name(rest[..length].to_owned()), length)
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Kind::Sign(sign), sign.len()),
                None => return Err(format!("`{first}` at {at} is nothing that CQL2 text has")),
            },
        };
        tokens.push(Token { kind, at });
        at += length;
    }
    Ok(tokens)
}

pub(super) fn starts_name(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | ':')
}

pub(super) fn continues_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | ':' | '.')
}

/// What stands between quotes, a quote in it written twice, and how long it is with them.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut own = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            if characters.peek().is_none_or(|(_, next)| *next != quote) {
                return Some((own, at + 1));
            }
            characters.next();
        }
        own.push(character);
    }
    None
}

fn unclosed(text: &str) -> String {
    format!("the quote before `{}` is not closed", text.chars().skip(1).take(20).collect::<String>())
}

fn number(text: &str) -> Result<(Kind, usize), String> {
    let digits =
        |from: usize| text[from..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |length| from + length);
    let mut end = digits(0);
    if text[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    match text[..end].parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((Kind::Number(number), end)),
        _ => Err(format!("`{}` is no number", &text[..end])),
    }
}
