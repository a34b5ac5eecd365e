//! What is neither a tag nor text: comments, CDATA, processing instructions; document types are
//! refused.

use super::scanner::Scanner;
use crate::diagnostic::Position;

impl<'a> Scanner<'a> {
    /// Reads what starts with `<!` or `<?`.
    pub(super) fn markup(&mut self) {
        let position = self.cursor.position();
        if self.cursor.eat("<!--") {
            self.skip_past("-->", "this comment", position);
        } else if self.cursor.eat("<![CDATA[") {
            let start = self.cursor.position();
            if let Some(content) = self.skip_past("]]>", "this CDATA section", position) {
                self.plain_text(content, start);
            }
        } else if self.cursor.eat("<?") {
            self.skip_past("?>", "this processing instruction", position);
        } else {
            let help = "remove it: policy documents have no document type and define no entities";
            self.report(
                position,
                "a document type or other declaration cannot stand here",
                help,
            );
            self.cursor.take_while(|c| c != '>' && c != '[');
            if self.cursor.eat("[") {
                self.skip_past("]", "this document type", position);
                self.cursor.take_while(|c| c != '>');
            }
            self.cursor.eat(">");
        }
    }

    /// Reads up to and including `end`; what stood before it.
    fn skip_past(&mut self, end: &str, what: &str, position: Position) -> Option<&'a str> {
        let rest = self.cursor.rest();
        let Some(length) = rest.find(end) else {
            self.report(
                position,
                format!("{what} is never closed"),
                &format!("close it with `{end}`"),
            );
            self.give_up();
            return None;
        };
        self.cursor.take(length + end.len());
        Some(&rest[..length])
    }
}
