//! Indices and lengths of C# strings, which count UTF-16 units, over strings that are UTF-8.

use crate::expression::fault::Fault;

/// `Length`
pub(super) fn length(text: &str) -> i64 {
    let units = if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    };
    i64::try_from(units).unwrap_or(i64::MAX)
}

/// The byte offset of an index from 0 to the length. An index within a character of two units has
/// none.
pub(super) fn byte_offset(text: &str, index: i64) -> Result<usize, Fault> {
    let index = usize::try_from(index).map_err(|_| Fault::OutOfRange)?;
    if text.is_ascii() {
        return if index <= text.len() {
            Ok(index)
        } else {
            Err(Fault::OutOfRange)
        };
    }
    let mut units = 0;
    for (offset, character) in text.char_indices() {
        if units == index {
            return Ok(offset);
        }
        units += character.len_utf16();
    }
    if units == index {
        Ok(text.len())
    } else {
        Err(Fault::OutOfRange)
    }
}

/// The index of a byte offset.
pub(super) fn index_of(text: &str, offset: usize) -> i64 {
    length(&text[..offset])
}

/// `Substring(start)` and `Substring(start, length)`
pub(super) fn substring(text: &str, start: i64, length: Option<i64>) -> Result<&str, Fault> {
    let from = byte_offset(text, start)?;
    let rest = &text[from..];
    match length {
        Some(length) => Ok(&rest[..byte_offset(rest, length)?]),
        None => Ok(rest),
    }
}

/// `text[index]`
pub(super) fn character(text: &str, index: i64) -> Result<char, Fault> {
    let offset = byte_offset(text, index)?;
    text[offset..].chars().next().ok_or(Fault::OutOfRange)
}
