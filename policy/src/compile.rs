//! From policy documents to plans: every `<base/>` replaced, every named value filled in, every
//! value checked.
//!
//! A document that several operations inherit is compiled for each of them, so that every plan is
//! whole. What is wrong with it is then found several times, and [`Collector`] keeps one of each.

mod document;
mod element;
mod literal;
mod policies;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::artifacts::NamedValues;
use crate::context::OperationInfo;
use crate::diagnostic::{Collector, Diagnostic, Position, suggest};
use crate::plan::{Action, ForwardRequest, Origin, Plan, Scope, Section, Step};
use crate::setting::Setting;
use crate::xml::Element;

pub(crate) use document::PolicyDocument;
pub(crate) use element::Reader;

/// What a document may refer to, and what compiling several of them shares.
pub(crate) struct Compiler<'a> {
    /// `{{name}}`
    pub(crate) named_values: &'a NamedValues,
    /// The ids of all backend entities, also of those that could not be read.
    pub(crate) backends: &'a BTreeSet<&'a str>,
    /// Where mistakes go.
    pub(crate) collector: &'a mut Collector,
    /// The number of each `validate-jwt`, by its place: the same in every plan it is part of.
    jwt_indexes: BTreeMap<(Arc<str>, Position), usize>,
}

/// Where the elements being compiled stand.
#[derive(Clone)]
pub(crate) struct Place<'a> {
    file: &'a Arc<str>,
    /// [`PolicyDocument::name`].
    document: &'a str,
    scope: Scope,
    section: Section,
    /// The enclosing elements, e.g. `choose[1]/when[2]/`; empty directly in the section.
    path: String,
    /// The operation, if the document is that of one.
    operation: Option<&'a OperationInfo>,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(
        named_values: &'a NamedValues,
        backends: &'a BTreeSet<&'a str>,
        collector: &'a mut Collector,
    ) -> Self {
        Self {
            named_values,
            backends,
            collector,
            jwt_indexes: BTreeMap::new(),
        }
    }

    /// How many `validate-jwt` elements there were.
    pub(crate) fn validate_jwt_count(&self) -> usize {
        self.jwt_indexes.len()
    }

    /// The effective policy of the documents that exist, from broad to narrow.
    pub(crate) fn plan(
        &mut self,
        documents: &[&PolicyDocument],
        operation: Option<&OperationInfo>,
    ) -> Plan {
        let mut section = |section| self.section(documents, section, operation);
        let mut plan = Plan {
            inbound: section(Section::Inbound),
            backend: section(Section::Backend),
            outbound: section(Section::Outbound),
            on_error: section(Section::OnError),
            cors: None,
        };
        plan.cors = plan.inbound.iter().find_map(|step| match &step.action {
            Action::Cors(cors) => Some(Arc::clone(cors)),
            _ => None,
        });
        self.check_forwards(&plan.backend, 0);
        plan
    }

    /// The effective section: that of the narrowest document, with its parent's in place of
    /// `<base/>`.
    fn section(
        &mut self,
        documents: &[&PolicyDocument],
        section: Section,
        operation: Option<&OperationInfo>,
    ) -> Vec<Step> {
        let Some((document, parents)) = documents.split_last() else {
            return built_in(section);
        };
        let Some(element) = document.section(section) else {
            return self.section(parents, section, operation);
        };
        let place = Place {
            file: &document.file,
            document: &document.name,
            scope: document.scope,
            section,
            path: String::new(),
            operation: operation.filter(|_| document.scope == Scope::Operation),
        };
        let mut inherited = Some(parents);
        self.list(
            element,
            &place,
            &mut |compiler, base| match inherited.take() {
                Some(parents) => compiler.section(parents, section, operation),
                None => {
                    let message = format!("`<base/>` stands in `{}` twice", section.as_str());
                    let diagnostic = Diagnostic::new(&document.file, base.position, message);
                    compiler
                        .collector
                        .report(diagnostic.with_help("keep one: the parent's policies run once"));
                    Vec::new()
                }
            },
        )
    }

    /// The policies inside `when` or `otherwise`, where `<base/>` may not stand.
    fn branch(&mut self, element: &Element, place: &Place<'_>) -> Vec<Step> {
        self.list(element, place, &mut |compiler, base| {
            let diagnostic = Diagnostic::new(
                place.file,
                base.position,
                "`<base/>` may only stand directly in a section",
            );
            compiler
                .collector
                .report(diagnostic.with_help("move it out of `choose`"));
            Vec::new()
        })
    }

    /// The children of a section or of a branch, in order.
    fn list(
        &mut self,
        parent: &Element,
        place: &Place<'_>,
        base: &mut dyn FnMut(&mut Self, &Element) -> Vec<Step>,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut ordinals: BTreeMap<&str, usize> = BTreeMap::new();
        for element in parent.elements() {
            if element.name == "base" {
                Reader::new(self, place.file, element).nothing_inside();
                steps.extend(base(self, element));
                continue;
            }
            let ordinal = ordinals.entry(&element.name).or_default();
            *ordinal += 1;
            if *ordinal == 2 && element.name == "cors" {
                let message = format!("`cors` stands in `{}` twice", place.section.as_str());
                let diagnostic = Diagnostic::new(place.file, element.position, message);
                self.collector
                    .report(diagnostic.with_help("list all origins in one `cors`"));
            }
            let path = format!("{}{}[{ordinal}]", place.path, element.name);
            steps.extend(self.step(element, place, path));
        }
        Reader::new(self, place.file, parent).no_text();
        steps
    }

    fn step(&mut self, element: &Element, place: &Place<'_>, path: String) -> Option<Step> {
        let policy = policies::find(&element.name);
        let Some(policy) = policy.filter(|p| p.sections.contains(&place.section)) else {
            self.refuse(element, place, policy);
            return None;
        };
        let inner = Place {
            path,
            ..place.clone()
        };
        let mut reader = Reader::new(self, place.file, element);
        let id = reader.id();
        let action = (policy.compile)(&mut reader, &inner)?;
        let origin = Origin {
            policy: policy.name,
            scope: place.scope,
            section: place.section,
            path: inner.path.into(),
            id,
            file: Arc::clone(place.file),
            position: element.position,
        };
        Some(Step { action, origin })
    }

    /// Reports a policy that does not exist, does not exist yet, or may not stand here.
    fn refuse(&mut self, element: &Element, place: &Place<'_>, policy: Option<&policies::Policy>) {
        let name = &element.name;
        let section = place.section.as_str();
        let supported = policies::names_in(place.section);
        let list = format!("supported in `{section}`: {}", suggest::list(&supported));
        let (message, help) = match policy {
            Some(policy) => {
                let sections: Vec<_> = policy.sections.iter().map(|s| s.as_str()).collect();
                (
                    format!("`{name}` may not stand in `{section}`"),
                    format!("it may stand in: {}", suggest::list(&sections)),
                )
            }
            None if policies::NOT_YET.contains(&name.as_str()) => {
                (format!("`{name}` is not supported yet"), list)
            }
            None => {
                let near = suggest::closest(name, &supported)
                    .map(|near| format!("did you mean `{near}`? "));
                (
                    format!("`{name}` is not a policy"),
                    format!("{}{list}", near.unwrap_or_default()),
                )
            }
        };
        self.collector
            .report(Diagnostic::new(place.file, element.position, message).with_help(help));
    }

    /// Reports a second `forward-request` on any way through the steps; gives the most on one way.
    fn check_forwards(&mut self, steps: &[Step], before: usize) -> usize {
        steps.iter().fold(before, |count, step| match &step.action {
            Action::ForwardRequest(_) => {
                if count > 0 {
                    let diagnostic = Diagnostic::new(
                        &step.origin.file,
                        step.origin.position,
                        "the request would be forwarded a second time",
                    );
                    self.collector.report(
                        diagnostic
                            .with_help("keep one `forward-request` on each way through `backend`"),
                    );
                }
                count + 1
            }
            Action::Choose(choose) => {
                let branches = choose
                    .whens
                    .iter()
                    .map(|when| &when.steps)
                    .chain([&choose.otherwise]);
                branches
                    .map(|branch| self.check_forwards(branch, count))
                    .max()
                    .unwrap_or(count)
            }
            _ => count,
        })
    }

    /// The number of the `validate-jwt` at a place.
    fn jwt_index(&mut self, file: &Arc<str>, position: Position) -> usize {
        let next = self.jwt_indexes.len();
        *self
            .jwt_indexes
            .entry((Arc::clone(file), position))
            .or_insert(next)
    }
}

/// What is inherited where no document is: the request is forwarded.
fn built_in(section: Section) -> Vec<Step> {
    if section != Section::Backend {
        return Vec::new();
    }
    let forward = ForwardRequest {
        timeout: Setting::Literal(policies::DEFAULT_TIMEOUT),
        follow_redirects: false,
        only_http1: false,
        fail_on_error_status: false,
    };
    let origin = Origin {
        policy: "forward-request",
        scope: Scope::Global,
        section,
        path: "forward-request[1]".into(),
        id: None,
        file: "built-in".into(),
        position: Position { line: 1, column: 1 },
    };
    vec![Step {
        action: Action::ForwardRequest(Box::new(forward)),
        origin,
    }]
}

#[cfg(test)]
mod tests;
