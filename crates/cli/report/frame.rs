//! The frame that every page of swath has: title, navigation, sections, and a policy that lets it load nothing.

use super::svg::escape;

const STYLE: &str = include_str!("style.css");

/// A page with its parts.
pub(super) struct Frame<'a> {
    /// What kind of page it is, as in `swath report`.
    pub(super) kind: &'a str,
    pub(super) title: &'a str,
    /// One or two sentences under the heading.
    pub(super) summary: &'a str,
    pub(super) made_at: &'a str,
    /// Headline figures as HTML, before the sections.
    pub(super) figures: String,
    /// Anchor, heading and content of each section; those without content are left out.
    pub(super) sections: Vec<(&'static str, &'static str, Option<String>)>,
    /// HTML after the sections.
    pub(super) remarks: String,
}

impl Frame<'_> {
    /// The whole page. It loads nothing: its policy forbids everything but inline style and `data:` pictures.
    pub(super) fn html(&self) -> String {
        let mut links = String::new();
        let mut body = String::new();
        for (id, heading, content) in &self.sections {
            if let Some(content) = content {
                links += &format!(r##"<li><a href="#{id}">{heading}</a></li>"##);
                body += &format!(
                    r#"<section id="{id}" aria-labelledby="{id}-heading"><h2 id="{id}-heading">{heading}</h2>{content}</section>"#
                );
            }
        }
        let (title, version) = (escape(self.title), env!("CARGO_PKG_VERSION"));
        format!(
            r##"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>
{STYLE}</style></head><body><div class="page"><a class="skip" href="#main">Skip to the results</a>
<header><p class="kicker">{kind} · {made_at}</p><h1>{title}</h1><p class="summary">{summary}</p>
<nav aria-label="Sections"><ul>{links}</ul></nav></header>
<main id="main">{figures}{body}{remarks}</main>
<footer>Made by swath {version}, {made_at}. This page is complete in itself and loads nothing.</footer></div></body></html>
"##,
            kind = escape(self.kind),
            made_at = escape(self.made_at),
            summary = escape(self.summary),
            figures = self.figures,
            remarks = self.remarks
        )
    }
}

/// The numbers that a reader looks for first: value as HTML, and what it is.
pub(super) fn figures(figures: &[(String, String)]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let items: String =
        figures.iter().map(|(value, name)| format!("<div><dt>{}</dt><dd>{value}</dd></div>", escape(name))).collect();
    format!(r#"<dl class="figures" aria-label="Main figures">{items}</dl>"#)
}
