//! `like`: `%` for any characters, `_` for one, a backslash before either for itself.

/// Whether all of `text` is as `pattern` says. Takes time in proportion to both lengths' product at most.
pub(super) fn matches(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern = tokens(pattern);
    let (mut at, mut to) = (0, 0);
    // Where to go on when what follows the last `%` does not fit: one character further on.
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(to) {
            Some(Token::Any) => {
                retry = Some((at, to + 1));
                to += 1;
            }
            Some(Token::One) => (at, to) = (at + 1, to + 1),
            Some(Token::Char(own)) if *own == text[at] => (at, to) = (at + 1, to + 1),
            _ => {
                let Some((from, after)) = retry else { return false };
                retry = Some((from + 1, after));
                (at, to) = (from + 1, after);
            }
        }
    }
    pattern[to..].iter().all(|token| *token == Token::Any)
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Any,
    One,
    Char(char),
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '%' => Token::Any,
            '_' => Token::One,
            '\\' => Token::Char(characters.next().unwrap_or('\\')),
            other => Token::Char(other),
        });
    }
    tokens
}

/// A pattern that only `text` itself fits.
pub(super) fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_texts() {
        for (text, pattern, fits) in [
            ("landsat-8", "landsat%", true),
            ("landsat-8", "%8", true),
            ("landsat-8", "landsat", false),
            ("landsat-8", "%sat_8", true),
            ("landsat-8", "LANDSAT%", false),
            ("aXbXc", "a%X_", true),
            ("100%", "100\\%", true),
            ("100a", "100\\%", false),
            ("", "%", true),
            ("", "_", false),
            ("äö", "__", true),
            ("a\\b", "a\\\\b", true),
        ] {
            assert_eq!(matches(text, pattern), fits, "{text} like {pattern}");
        }
        assert!(matches("50%_\\", &escaped("50%_\\")) && !matches("50x_\\", &escaped("50%_\\")));
    }

    #[test]
    fn patterns_of_many_wildcards_are_soon_decided() {
        assert!(!matches(&"a".repeat(5000), &"%a".repeat(500).replace("%a%a", "%a_%a").replace('_', "b")));
    }
}
