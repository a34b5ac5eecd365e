//! The rules for new passwords, beside the field. After a refusal each says whether it was kept;
//! nothing here needs a script, and nothing depends on colour.

use maud::{Markup, html};

use crate::strength::Strength;

const KINDS: [&str; 4] = [
    "a lower-case letter",
    "an upper-case letter",
    "a digit",
    "a symbol, such as ! or -",
];

/// The rules; with the strength of what was typed, which of them it keeps.
pub(crate) fn list(strength: Option<Strength>) -> Markup {
    let mixed = strength.map(Strength::is_mixed);
    // The fourth kind is not missed where three are enough.
    let kept = |kind: usize| {
        strength
            .map(|it| it.kinds[kind])
            .filter(|found| *found || mixed == Some(false))
    };
    let kinds = html! {
        "at least three of these four:"
        ul { @for (index, kind) in KINDS.into_iter().enumerate() { (rule(kept(index), &html! { (kind) })) } }
    };
    html! {
        ul.rules {
            (rule(strength.map(|it| it.length), &html! { "8 to 64 characters" }))
            (rule(mixed, &kinds))
        }
    }
}

fn rule(kept: Option<bool>, text: &Markup) -> Markup {
    let (class, said) = match kept {
        None => (None, None),
        Some(true) => (Some("kept"), Some("Done: ")),
        Some(false) => (Some("broken"), Some("Missing: ")),
    };
    html! { li class=[class] { @if let Some(said) = said { span.said { (said) } } (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(strength: Option<Strength>) -> [usize; 2] {
        let html = list(strength).into_string();
        ["Done: ", "Missing: "].map(|said| html.matches(said).count())
    }

    #[test]
    fn every_rule_says_whether_it_was_kept() {
        assert_eq!(marks(None), [0, 0], "nothing was typed yet");
        // Of "passw0rd": the length and two kinds are there; two kinds are not, and so the mixture
        // is not.
        assert_eq!(marks(Some(Strength::of("passw0rd"))), [3, 3]);
        // Three kinds are enough, so that only the length is missing.
        assert_eq!(marks(Some(Strength::of("Pa5"))), [4, 1]);
    }
}
