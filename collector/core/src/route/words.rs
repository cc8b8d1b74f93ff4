//! The hand-off's sentence.
//!
//! Names inside it come from strangers: control characters are taken out here, and every voice
//! escapes what is left. Nothing here decides.

use super::Case;
use longpole_model::finding::SiteShare;

/// Facts told in the sentence; the investigation holds them all.
const FACTS: usize = 4;
/// Characters kept of one fact.
const FACT_CHARS: usize = 240;

/// "This looks like a ... problem that ... would handle better. Here is what was found so far: ...".
pub(super) fn message(case: &Case<'_>, specialist: &str) -> String {
    let kind = case.bottleneck.kind.title();
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!(
        "This looks like {article} {kind} problem that {specialist} would handle better. \
         Here is what was found so far: {}.",
        facts(case)
    )
}

/// The strongest facts for the verdict, then where the time went.
fn facts(case: &Case<'_>) -> String {
    let mut evidence: Vec<_> = case.bottleneck.evidence.iter().filter(|e| e.supports).collect();
    evidence.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    let mut out: Vec<String> =
        evidence.iter().take(FACTS).map(|e| plain(e.claim.trim_end_matches('.'))).collect();
    out.extend(case.attributions.first().and_then(|a| {
        let top = a.sites.first()?;
        Some(plain(&format!("{} the change of {} is in {}", share(top), a.entry, place(top))))
    }));
    if !case.code.function.is_empty() {
        out.push(plain(&format!("the code is {} {}", case.code.function, case.code.path)));
    }
    if out.is_empty() {
        return "nothing beyond the verdict itself".into();
    }
    out.join("; ")
}

fn share(site: &SiteShare) -> String {
    format!("{:.0} % of", site.share * 100.0)
}

fn place(site: &SiteShare) -> String {
    let s = &site.site;
    match &s.peer {
        Some(peer) => format!("{} to {} ({})", s.operation, peer, s.category.as_str()),
        None => format!("{} ({})", s.operation, s.category.as_str()),
    }
}

/// Without control characters, cut to [`FACT_CHARS`].
fn plain(text: &str) -> String {
    let text = text.trim();
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut out: String = clean.take(FACT_CHARS).collect();
    if text.chars().nth(FACT_CHARS).is_some() {
        out.push('…');
    }
    out
}
