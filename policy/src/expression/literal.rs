//! The values of literals.

use super::token::Kind;

/// The content of a string literal without its quotes.
///
/// # Errors
/// Where in it a bad escape stands, and what is wrong.
pub(super) fn string(content: &str, is_verbatim: bool) -> Result<String, (usize, String)> {
    if is_verbatim {
        Ok(content.replace("\"\"", "\""))
    } else {
        unescape(content, false)
    }
}

/// A piece of an interpolated string between its holes.
pub(super) fn interpolated_text(piece: &str, is_verbatim: bool) -> Result<String, (usize, String)> {
    if !is_verbatim {
        return unescape(piece, true);
    }
    check_braces(piece)?;
    Ok(piece
        .replace("\"\"", "\"")
        .replace("{{", "{")
        .replace("}}", "}"))
}

fn check_braces(piece: &str) -> Result<(), (usize, String)> {
    match piece
        .replace("{{", "  ")
        .replace("}}", "  ")
        .find(['{', '}'])
    {
        Some(at) => Err((at, LONE_BRACE.to_owned())),
        None => Ok(()),
    }
}

const LONE_BRACE: &str =
    "a `}` that closes nothing: in an interpolated string a brace is written twice";

/// A character literal without its quotes.
pub(super) fn character(content: &str) -> Result<char, String> {
    let text = unescape(content, false).map_err(|(_, message)| message)?;
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(
            "a character literal holds one character; a text stands in double quotes".to_owned(),
        ),
    }
}

fn unescape(content: &str, has_braces: bool) -> Result<String, (usize, String)> {
    let mut text = String::with_capacity(content.len());
    let mut at = 0;
    while let Some(c) = content[at..].chars().next() {
        let rest = &content[at..];
        if c == '\\' {
            let (character, length) = escape(rest).map_err(|message| (at, message))?;
            text.push(character);
            at += length;
        } else if has_braces && (c == '{' || c == '}') {
            if !rest[1..].starts_with(c) {
                return Err((at, LONE_BRACE.to_owned()));
            }
            text.push(c);
            at += 2;
        } else {
            text.push(c);
            at += c.len_utf8();
        }
    }
    Ok(text)
}

/// The character an escape stands for, and how long the escape is.
fn escape(rest: &str) -> Result<(char, usize), String> {
    let simple = |c| Ok((c, 2));
    match rest[1..].chars().next() {
        Some(c @ ('\'' | '"' | '\\')) => simple(c),
        Some('0') => simple('\0'),
        Some('a') => simple('\u{7}'),
        Some('b') => simple('\u{8}'),
        Some('f') => simple('\u{c}'),
        Some('n') => simple('\n'),
        Some('r') => simple('\r'),
        Some('t') => simple('\t'),
        Some('v') => simple('\u{b}'),
        Some('u') => unicode(rest, 4),
        Some('U') => unicode(rest, 8),
        Some('x') => {
            let digits = rest[2..]
                .bytes()
                .take(4)
                .take_while(u8::is_ascii_hexdigit)
                .count();
            if digits == 0 {
                Err("`\\x` needs digits after it".to_owned())
            } else {
                unicode(rest, digits)
            }
        }
        _ => Err(
            "unknown escape: write `\\\\` for a backslash, or @\"…\" for a string without escapes"
                .to_owned(),
        ),
    }
}

fn unicode(rest: &str, digits: usize) -> Result<(char, usize), String> {
    let code = rest
        .get(2..2 + digits)
        .filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
    let code = code
        .and_then(|text| u32::from_str_radix(text, 16).ok())
        .ok_or("an escape needs hexadecimal digits")?;
    if let (0xd800..=0xdbff, Some(low)) = (code, low_surrogate(&rest[2 + digits..])) {
        let joined = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        return char::from_u32(joined)
            .map(|c| (c, 2 + digits + 6))
            .ok_or_else(|| "no such character".to_owned());
    }
    char::from_u32(code)
        .map(|c| (c, 2 + digits))
        .ok_or_else(|| "half a surrogate pair is no character".to_owned())
}

/// The second `\uXXXX` of a pair.
fn low_surrogate(rest: &str) -> Option<u32> {
    let code = u32::from_str_radix(rest.strip_prefix("\\u")?.get(..4)?, 16).ok()?;
    (0xdc00..=0xdfff).contains(&code).then_some(code)
}

/// A number at the start of `rest`, and its length.
pub(super) fn number(rest: &str) -> Result<(Kind, usize), String> {
    let lower = rest.get(..2).unwrap_or_default().to_ascii_lowercase();
    if let Some(radix) = [("0x", 16), ("0b", 2)]
        .iter()
        .find(|(prefix, _)| *prefix == lower)
        .map(|(_, radix)| *radix)
    {
        let length = 2 + run(&rest[2..], |c| c.is_digit(radix) || c == '_');
        return integer(rest, &rest[2..length], length, radix);
    }
    let digits = |text: &str| run(text, |c| c.is_ascii_digit() || c == '_');
    let mut length = digits(rest);
    let mut is_float = false;
    if rest[length..].starts_with('.')
        && rest[length + 1..].starts_with(|c: char| c.is_ascii_digit())
    {
        length += 1 + digits(&rest[length + 1..]);
        is_float = true;
    }
    let exponent = exponent_length(&rest[length..]);
    length += exponent;
    is_float |= exponent > 0;
    let suffix = rest[length..]
        .chars()
        .next()
        .filter(char::is_ascii_alphabetic);
    match suffix.map(|c| c.to_ascii_lowercase()) {
        Some('m') => Err("decimal numbers are not supported: leave the suffix `m` out".to_owned()),
        Some('d' | 'f') => float(&rest[..length]).map(|kind| (kind, length + 1)),
        _ if is_float => float(&rest[..length]).map(|kind| (kind, length)),
        _ => integer(rest, &rest[..length], length, 10),
    }
}

fn run(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c| !fits(c)).unwrap_or(text.len())
}

/// `e5`, `E-5`; 0 if there is none.
fn exponent_length(rest: &str) -> usize {
    let Some(after) = rest.strip_prefix(['e', 'E']) else {
        return 0;
    };
    let unsigned = after.strip_prefix(['+', '-']).unwrap_or(after);
    match run(unsigned, |c| c.is_ascii_digit()) {
        0 => 0,
        digits => 1 + (after.len() - unsigned.len()) + digits,
    }
}

fn float(text: &str) -> Result<Kind, String> {
    text.replace('_', "")
        .parse()
        .map(Kind::Float)
        .map_err(|_| "this is no number".to_owned())
}

fn integer(rest: &str, digits: &str, length: usize, radix: u32) -> Result<(Kind, usize), String> {
    let value = i64::from_str_radix(&digits.replace('_', ""), radix)
        .map_err(|_| "this number is not one from 0 to 9223372036854775807".to_owned())?;
    let suffix = run(&rest[length..], |c| matches!(c, 'l' | 'L' | 'u' | 'U')).min(2);
    Ok((Kind::Int(value), length + suffix))
}
