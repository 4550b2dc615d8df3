//! A failure as a user or a script is told it: one sentence or one JSON object on standard error, and an exit code.

use std::fmt;

use anyhow::Error;
use clap::ValueEnum;
use serde_json::json;

use crate::interrupt::Interrupted;

/// How failures are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ErrorFormat {
    /// One sentence.
    #[default]
    Human,
    /// One JSON object on one line: kind, message, where, hint, `exit_code`.
    Json,
}

/// Wrong usage, or an input that cannot be used.
const REFUSED: u8 = 2;
/// What a shell gives for a program that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;
/// What a shell gives for a program whose reader has gone.
pub(crate) const BROKEN_PIPE: u8 = 141;
/// To which the bits of the classes of findings are added.
const FINDINGS: u8 = 64;

/// Findings that count as errors: what `swath validate`, and `--strict` elsewhere, end with.
#[derive(Debug)]
pub(crate) struct Findings {
    /// The bits of their classes.
    pub(crate) classes: u8,
    /// What is said of them.
    pub(crate) message: String,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Findings {}

/// Tells a failure and gives the code to end with.
pub(crate) fn tell(error: &Error, format: ErrorFormat) -> u8 {
    let code = exit_code(error);
    if code == BROKEN_PIPE {
        return code;
    }
    let message = on_one_line(&format!("{error:#}"));
    match format {
        ErrorFormat::Human => eprintln!("error: {message}"),
        ErrorFormat::Json => {
            let kind = kind(error);
            let told = json!({"error": {
                "kind": kind, "message": message, "where": place(error), "hint": hint(kind), "exit_code": code,
            }});
            eprintln!("{told}");
        }
    }
    code
}

/// Tells what is wrong with what was typed, as JSON.
pub(crate) fn tell_usage(error: &clap::Error) -> u8 {
    let message = on_one_line(error.to_string().trim_start_matches("error: "));
    let told = json!({"error": {
        "kind": "usage", "message": message, "where": null, "hint": hint("usage"), "exit_code": REFUSED,
    }});
    eprintln!("{told}");
    REFUSED
}

fn exit_code(error: &Error) -> u8 {
    let gone = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(std::io::ErrorKind::BrokenPipe)
    };
    match error.downcast_ref::<Findings>() {
        Some(findings) => FINDINGS + findings.classes,
        None if error.is::<Interrupted>() => INTERRUPTED,
        None if error.chain().any(gone) => BROKEN_PIPE,
        None => REFUSED,
    }
}

/// The name of what went wrong: of the deepest cause that has one.
fn kind(error: &Error) -> &'static str {
    if error.is::<Findings>() {
        return "findings";
    }
    if error.is::<Interrupted>() {
        return "interrupted";
    }
    let named = error.chain().find_map(|cause| {
        cause.downcast_ref::<swath_catalog::Error>().map(swath_catalog::Error::kind).or_else(|| {
            let of_crate = [
                (cause.is::<swath_raster::Error>(), "raster"),
                (cause.is::<swath_loader::Error>(), "dataset"),
                (cause.is::<swath_autodiff::Error>(), "network"),
                (cause.is::<swath_train::TrainError>(), "training"),
                (cause.is::<std::io::Error>(), "io"),
                (cause.is::<serde_json::Error>(), "invalid-json"),
            ];
            of_crate.into_iter().find(|(is, _)| *is).map(|(_, kind)| kind)
        })
    });
    named.unwrap_or("input")
}

fn place(error: &Error) -> Option<String> {
    error.chain().find_map(|cause| cause.downcast_ref::<swath_catalog::Error>()?.place())
}

/// What to do about failures of a kind, where the message does not already end with it.
fn hint(kind: &str) -> &'static str {
    match kind {
        "usage" | "invalid-argument" => "see `swath help` and `swath help COMMAND`",
        "findings" => "read the findings on standard output; mend them, or leave --strict out",
        "broken-link" => "complete the catalog, or map the prefix with --rewrite PREFIX=FOLDER",
        "refused" => {
            "a document may lead only where its own origin allows; map what you trust with --rewrite PREFIX=FOLDER"
        }
        "no-pairs" => "`swath explain` says of every label and image why it is in no pair",
        "exists" => "choose another place, or pass --overwrite",
        "unreadable" | "io" | "raster" => "check that it exists, is complete and may be read",
        "invalid-json" | "not-stac" | "invalid-field" => "`swath validate` lists all that is wrong with a catalog",
        "interrupted" => "run the same command again with --resume, where it has it",
        _ => "the message says what to change",
    }
}

/// Longest message shown, in characters; names out of a file may be of any length.
const LONGEST_MESSAGE: usize = 2000;

/// A message as one line, whatever a library made of it: a name out of a file must not move the terminal's cursor.
fn on_one_line(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown = String::new();
    for character in line.chars().take(LONGEST_MESSAGE) {
        if character.is_control() { shown.extend(character.escape_default()) } else { shown.push(character) }
    }
    if line.chars().nth(LONGEST_MESSAGE).is_some() { shown + "…" } else { shown }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_message_is_one_short_line_without_control_characters() {
        assert_eq!(on_one_line("node 'a\n\u{1b}[31m':  no"), "node 'a \\u{1b}[31m': no");
        let long = on_one_line(&"a".repeat(3000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (LONGEST_MESSAGE + 1, true));
    }

    #[test]
    fn codes_and_kinds_look_through_context() {
        let refused = swath_catalog::Href::parse("").unwrap_err();
        let refused = Error::new(refused).context("reading");
        assert_eq!((exit_code(&refused), kind(&refused), place(&refused)), (2, "invalid-href", Some(String::new())));
        let pipe: anyhow::Result<()> = Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe)).context("writing");
        assert_eq!(exit_code(&pipe.unwrap_err()), BROKEN_PIPE);
        let findings = Error::new(Findings { classes: 5, message: "two".to_owned() });
        assert_eq!((exit_code(&findings), kind(&findings)), (69, "findings"));
        assert_eq!(kind(&anyhow::anyhow!("no")), "input");
    }
}
