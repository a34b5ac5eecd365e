//! One policy document: `<policies>` and its sections.

use std::sync::Arc;

use crate::diagnostic::{Collector, Diagnostic, suggest};
use crate::plan::{Scope, Section};
use crate::xml::{self, Element};

const SECTIONS: [Section; 4] = [
    Section::Inbound,
    Section::Backend,
    Section::Outbound,
    Section::OnError,
];

/// A document and the scope it belongs to.
#[derive(Debug)]
pub(crate) struct PolicyDocument {
    pub(super) file: Arc<str>,
    /// What names of things in it start with: `global`, the API's id, or that and the operation's
    /// id.
    pub(super) name: String,
    pub(super) scope: Scope,
    root: Element,
}

impl PolicyDocument {
    /// Reads a document; what is wrong with its outline is reported. `None` if there is no outline.
    pub(crate) fn read(
        file: &Arc<str>,
        text: &str,
        name: String,
        scope: Scope,
        collector: &mut Collector,
    ) -> Option<Self> {
        let root = match xml::read(file, text) {
            Ok(document) => document.root,
            Err(errors) => {
                errors.into_iter().for_each(|error| collector.report(error));
                return None;
            }
        };
        let document = Self {
            file: Arc::clone(file),
            name,
            scope,
            root,
        };
        document.check_outline(collector);
        Some(document)
    }

    /// The section, if the document has it.
    pub(super) fn section(&self, section: Section) -> Option<&Element> {
        self.root
            .elements()
            .find(|element| element.name == section.as_str())
    }

    fn check_outline(&self, collector: &mut Collector) {
        let mut report = |position, message: String, help: String| {
            collector.report(Diagnostic::new(&self.file, position, message).with_help(help));
        };
        if self.root.name != "policies" {
            let help = "a policy document is `<policies>` with `inbound`, `backend`, `outbound` and `on-error`";
            return report(
                self.root.position,
                format!("the root is `{}`", self.root.name),
                help.to_owned(),
            );
        }
        let known = SECTIONS.map(Section::as_str);
        for attribute in &self.root.attributes {
            let message = format!("`policies` has no attribute `{}`", attribute.name);
            report(attribute.position, message, "remove it".to_owned());
        }
        for text in self
            .root
            .texts()
            .filter(|text| !text.text().trim().is_empty())
        {
            report(
                text.position(),
                "there is text between the sections".to_owned(),
                "remove it".to_owned(),
            );
        }
        for (i, section) in self.root.elements().enumerate() {
            let name = section.name.as_str();
            if !known.contains(&name) {
                report(
                    section.position,
                    format!("`{name}` is not a section"),
                    suggest::help(name, &known),
                );
            } else if self
                .root
                .elements()
                .take(i)
                .any(|earlier| earlier.name == name)
            {
                report(
                    section.position,
                    format!("the section `{name}` stands here twice"),
                    "merge the two".to_owned(),
                );
            }
            for attribute in &section.attributes {
                let message = format!("`{name}` has no attribute `{}`", attribute.name);
                report(attribute.position, message, "remove it".to_owned());
            }
        }
    }
}
