//! Reads policy documents as people write them.
//!
//! Policy files are XML except where a value holds an expression: there C# stands unescaped,
//! quotes, `<` and `&` included, so an XML parser refuses most of them. This reader knows just
//! enough C# to find where an expression ends. It promises exact positions (line and column of
//! every character, also behind decoded entities and filled-in named values), bounded work, no
//! document type definitions, and several errors per reading where it can recover.

mod cursor;
mod entity;
pub(crate) mod lexical;
mod markup;
mod raw_value;
mod scanner;
mod tag;
#[cfg(test)]
mod tests;
mod tree;
mod value;

use std::borrow::Cow;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;

pub use raw_value::{NamedValue, RawValue, SubstitutionError};
pub use tree::{Attribute, Document, Element, Node};

/// The largest document read, in bytes: what API Management allows.
const MAX_DOCUMENT: usize = 256 * 1024;

/// Reads a document.
///
/// # Errors
/// What is wrong and where, at most a handful of errors, in the order of the document. Never empty.
pub fn read(file: &Arc<str>, text: &str) -> Result<Document, Vec<Diagnostic>> {
    if text.len() > MAX_DOCUMENT {
        let error = Diagnostic::new(file, None, format!("the document has {} bytes", text.len()));
        return Err(vec![error.with_help(format!(
            "a policy document may have {MAX_DOCUMENT} bytes (256 KiB)"
        ))]);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    scanner::scan(file, &with_plain_line_breaks(text))
}

/// Line breaks as XML has them: one `\n` each.
fn with_plain_line_breaks(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}
