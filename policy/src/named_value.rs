//! The grammar of named values: their names, and `{{name}}` where one stands for its value.
//!
//! Policies, JSON and YAML files and the command line all ask here, so a name that may be defined
//! may be used, too. What looks like a reference and is none is a mistake, never text: a header
//! checked against `{{ke y}}` would refuse the secret and admit whoever sends the placeholder.

use std::ops::Range;

use thiserror::Error;

/// The longest name, in characters, as in APIM.
const MAX_NAME: usize = 256;

/// How much of what was written a message repeats, in characters.
const MAX_SHOWN: usize = 60;

/// Whether a named value may have this name: letters and digits of any script, `.`, `-` and `_`, 1
/// to 256 of them.
#[must_use]
pub fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.chars().count()) && name.chars().all(is_name_character)
}

fn is_name_character(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// Something between `{{` and `}}` that is no reference. The text is the file's own, before
/// anything is filled in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Mistake {
    /// A name that no named value can have.
    #[error("`{0}` is no reference to a named value")]
    NotAName(String),
    /// Only the blanks around the name are wrong. Holds the name.
    #[error("`{{{{ {0} }}}}` is no reference to a named value: there are blanks in it")]
    Blanks(String),
    /// No `}}`.
    #[error("`{0}` begins a reference to a named value that does not end")]
    Unclosed(String),
    /// A reference within braces of another.
    #[error("`{0}` is a reference within another, and named values do not nest")]
    Nested(String),
}

impl Mistake {
    /// What would work.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NotAName(_) => {
                format!("a name has letters, digits, `.`, `-` and `_`, at most {MAX_NAME} of them")
            }
            Self::Blanks(name) => format!("write `{{{{{name}}}}}`"),
            Self::Unclosed(_) => "write `{{name}}`".to_owned(),
            Self::Nested(_) => "define a named value for the whole".to_owned(),
        }
    }
}

/// What was found at a `{{`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found<'t> {
    /// `{{name}}`, at this place.
    Reference(Range<usize>, &'t str),
    /// A mistake that begins here.
    Mistake(usize, Mistake),
}

/// Every reference and every mistake in a text that is no expression. One brace may stand before a
/// reference and belongs to the text: `{"n":{{{name}}}}` is JSON.
pub(crate) fn in_literal(text: &str) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(run) = next_run(text, from) {
        let inside = &text[run.end..];
        let start = run.end - 2;
        match reference(inside) {
            Some(name) if run.len() <= 3 => {
                from = run.end + name.len() + 2;
                found.push(Found::Reference(start..from, name));
            }
            Some(_) => {
                from = run.end;
                found.push(Found::Mistake(
                    run.start,
                    Mistake::Nested(shown(&text[run.start..])),
                ));
            }
            None => {
                from = run.end;
                found.push(Found::Mistake(start, mistake(inside)));
            }
        }
    }
    found
}

/// The same in an expression, where braces have meanings of their own: blocks, formats, and in the
/// text of interpolated strings `{{` for a brace. There only what can be nothing else is a mistake,
/// and nothing is in the places of `exempt`: those strings, and comments, which mean nothing.
pub(crate) fn in_expression<'t>(text: &'t str, exempt: &[Range<usize>]) -> Vec<Found<'t>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(run) = next_run(text, from) {
        from = run.end;
        let inside = &text[run.end..];
        let start = run.end - 2;
        if let Some(name) = reference(inside) {
            from = run.end + name.len() + 2;
            found.push(Found::Reference(start..from, name));
        } else if !exempt.iter().any(|place| place.contains(&start))
            && inside
                .split_once("}}")
                .is_some_and(|(content, _)| is_one_phrase(content))
        {
            found.push(Found::Mistake(start, mistake(inside)));
        }
    }
    found
}

/// The next two or more `{` in a row.
fn next_run(text: &str, from: usize) -> Option<Range<usize>> {
    let start = from + text.get(from..)?.find("{{")?;
    let length = text[start..]
        .bytes()
        .take_while(|byte| *byte == b'{')
        .count();
    Some(start..start + length)
}

/// The name at the start of `inside`, if `}}` follows it.
fn reference(inside: &str) -> Option<&str> {
    let end = inside.find(|c| !is_name_character(c))?;
    let name = &inside[..end];
    (inside[end..].starts_with("}}") && is_name(name)).then_some(name)
}

/// Whether code would hardly say this between doubled braces: no list, block, call, format or
/// string.
fn is_one_phrase(content: &str) -> bool {
    !content.trim().is_empty()
        && !content.contains(['{', '}', '(', ')', '"', '\'', '\\', ';', ',', '=', '\n'])
}

/// What is wrong with what follows `{{`.
fn mistake(inside: &str) -> Mistake {
    let Some((content, _)) = inside.split_once("}}") else {
        return Mistake::Unclosed(shown(&format!("{{{{{inside}")));
    };
    let whole = format!("{{{{{content}}}}}");
    if content.contains("{{") {
        return Mistake::Nested(shown(&whole));
    }
    let trimmed = content.trim();
    if trimmed != content && is_name(trimmed) {
        return Mistake::Blanks(shown(trimmed));
    }
    Mistake::NotAName(shown(&whole))
}

/// On one line and not too long.
fn shown(text: &str) -> String {
    let mut line: String = text
        .chars()
        .take(MAX_SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// References as `name@place`, mistakes as `!kind@place`.
    fn told(found: Vec<Found<'_>>) -> Vec<String> {
        let tell = |found| match found {
            Found::Reference(place, name) => format!("{name}@{}..{}", place.start, place.end),
            Found::Mistake(at, Mistake::NotAName(_)) => format!("!name@{at}"),
            Found::Mistake(at, Mistake::Blanks(_)) => format!("!blanks@{at}"),
            Found::Mistake(at, Mistake::Unclosed(_)) => format!("!unclosed@{at}"),
            Found::Mistake(at, Mistake::Nested(_)) => format!("!nested@{at}"),
        };
        found.into_iter().map(tell).collect()
    }

    #[test]
    fn names_are_letters_and_digits_of_any_script() {
        for name in [
            "a",
            "function-key.v2",
            "schlüssel",
            "鍵_1",
            &"x".repeat(256),
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            " ",
            "a b",
            "a/b",
            "a:b",
            "ke\u{301}y",
            "a{b",
            &"x".repeat(257),
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_literal_holds_references_or_mistakes() {
        let long = format!("{{{{{}}}}}", "x".repeat(257));
        for (text, found) in [
            ("a{{b}}c", &["b@1..6"][..]),
            ("{{schlüssel}}", &["schlüssel@0..14"]),
            ("{{{b}}}", &["b@1..6"]),
            (r#"{"n":{{n}}}"#, &["n@5..10"]),
            ("{{a}}{{b.c-d_e}}", &["a@0..5", "b.c-d_e@5..16"]),
            ("{ {a} } }}", &[]),
            ("{{ a }}", &["!blanks@0"]),
            ("{{a b}} {{c}}", &["!name@0", "c@8..13"]),
            ("{{}}", &["!name@0"]),
            ("{{a/b}}", &["!name@0"]),
            (&long, &["!name@0"]),
            ("{{a", &["!unclosed@0"]),
            ("{{a}", &["!unclosed@0"]),
            ("{{", &["!unclosed@0"]),
            ("{{{{a}}}}", &["!nested@0"]),
            ("{{a{{b}}c}}", &["!nested@0", "b@3..8"]),
            ("{{a {{b}}", &["!nested@0", "b@4..9"]),
        ] {
            assert_eq!(told(in_literal(text)), found, "{text}");
        }
    }

    #[test]
    fn an_expression_may_use_braces_of_its_own() {
        let code = |text| told(in_expression(text, &[]));
        for (text, found) in [
            (r#"@("{{a}}" + {{b}})"#, &["a@3..8", "b@12..17"][..]),
            (r#"@("{{ a }}")"#, &["!blanks@3"]),
            (r#"@("{{not a name}}")"#, &["!name@3"]),
            (r#"@("{{a/b}}")"#, &["!name@3"]),
            (r#"@("{{" + x + "}}")"#, &[]),
            (r#"@(string.Format("{{\"a\": {0}}}", 1))"#, &[]),
            ("@{ if (a) {{ return 1; }} }", &[]),
            (r#"@(new Dictionary<string, string>{{"a", "b"}})"#, &[]),
            ("@(new[] {{}})", &[]),
        ] {
            assert_eq!(code(text), found, "{text}");
        }
        let interpolated = r#"@($"{{ a }}" + "{{ b }}")"#;
        assert_eq!(
            told(in_expression(interpolated, std::slice::from_ref(&(2..12)))),
            ["!blanks@16"]
        );
    }

    #[test]
    fn a_mistake_is_shown_on_one_line() {
        let text = format!("{{{{a\n{}", "x".repeat(100));
        let [Found::Mistake(_, mistake)] = &in_literal(&text)[..] else {
            panic!()
        };
        assert_eq!(mistake.to_string().matches('\n').count(), 0);
        assert!(mistake.to_string().len() < 150);
        assert_eq!(
            Mistake::Blanks("a".into()).to_string(),
            "`{{ a }}` is no reference to a named value: there are blanks in it"
        );
        assert_eq!(Mistake::Blanks("a".into()).help(), "write `{{a}}`");
    }
}
