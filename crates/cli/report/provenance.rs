//! How the run was made: facts, commands, configuration and checksums.

use super::model::{Provenance, RunReport};
use super::svg::escape;

/// The section, or nothing when nothing was recorded.
pub(super) fn section(report: &RunReport) -> Option<String> {
    let Provenance { facts, commands, config, sha256 } = &report.provenance;
    let mut html = String::new();
    if !facts.is_empty() {
        let groups: String = facts.iter().map(|(heading, facts)| group(heading, facts)).collect();
        html += &format!(r#"<div class="facts">{groups}</div>"#);
    }
    if !commands.is_empty() {
        html += &format!(
            r#"<h3>Commands</h3><pre tabindex="0" role="region" aria-label="Commands"><code>{}</code></pre>"#,
            escape(&commands.join("\n"))
        );
    }
    if !config.is_empty() {
        html += &format!(
            r#"<details><summary>Configuration as used</summary><pre tabindex="0" role="region" aria-label="Configuration"><code>{}</code></pre></details>"#,
            escape(config)
        );
    }
    if !sha256.is_empty() {
        let rows: String = sha256
            .iter()
            .map(|(path, hash)| {
                format!(
                    r#"<tr><th scope="row" class="path">{}</th><td class="hash">{}</td></tr>"#,
                    escape(path),
                    escape(hash)
                )
            })
            .collect();
        html += &format!(
            r#"<details><summary>sha256 of the files that went in and came out</summary><table class="wide"><thead><tr><th scope="col">file</th><th scope="col" style="text-align:left">sha256</th></tr></thead><tbody>{rows}</tbody></table></details>"#
        );
    }
    (!html.is_empty()).then_some(html)
}

fn group(heading: &str, facts: &[(String, String)]) -> String {
    let facts: String =
        facts.iter().map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(value))).collect();
    format!("<div><h3>{}</h3><dl>{facts}</dl></div>", escape(heading))
}
