//! Globs over parameter names: `*` is any run of characters (dots too), `?` any one, all else itself.

use crate::parameters::Parameter;

/// Whether a glob matches a text from end to end.
pub(crate) fn matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    // Where to go back to: the last `*`, and the text position it has swallowed up to.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                retry = Some((g, t));
                g += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                g += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, swallowed)) => {
                    retry = Some((star, swallowed + 1));
                    g = star + 1;
                    t = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|&c| c == '*')
}

/// Whether a glob matches a parameter's name or its path.
pub(crate) fn matches_parameter(glob: &str, parameter: &Parameter) -> bool {
    matches(glob, &parameter.name) || parameter.path.as_deref().is_some_and(|path| matches(glob, path))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_and_question_marks() {
        for (glob, text, expected) in [
            ("encoder.*", "encoder.layer1.0.conv1.weight", true),
            ("encoder.*", "decoder.encoder.x", false),
            ("*.bias", "a.b.bias", true),
            ("*.bias", "a.b.bias_mask", false),
            ("layer?.0", "layer3.0", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(glob, text), expected, "{glob} on {text}");
        }
    }
}
