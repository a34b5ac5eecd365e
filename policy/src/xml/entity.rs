//! Character references: the five of XML and the numeric ones. There are no others, because there
//! is no DTD.

/// The longest reference looked at, `&#x10FFFF;`, with room for zeros.
const MAX_LENGTH: usize = 16;

/// The character that the reference at the start of `text` (which begins with `&`) stands for, and
/// its length in bytes.
pub(super) fn decode(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(MAX_LENGTH).position(|b| b == b';')?;
    let name = text.get(1..end)?;
    let character = named(name).or_else(|| numeric(name))?;
    Some((character, end + 1))
}

/// As [`decode`], for the five names only.
pub(super) fn decode_named(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(MAX_LENGTH).position(|b| b == b';')?;
    named(text.get(1..end)?).map(|character| (character, end + 1))
}

fn named(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

fn numeric(name: &str) -> Option<char> {
    let number = name.strip_prefix('#')?;
    let digits = number.strip_prefix(['x', 'X']);
    // `from_str_radix` would take a sign.
    if digits.unwrap_or(number).starts_with(['+', '-']) {
        return None;
    }
    let code = match digits {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code).filter(|c| is_allowed(*c))
}

/// Whether XML 1.0 allows the character in a document.
pub(super) fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}')
}
