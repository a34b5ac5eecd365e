//! The operations of an OpenAPI 3.0 or 3.1 document, named as APIM's import names them.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;

use super::node::{Kind, Member, Node};
use crate::context::OperationInfo;
use crate::diagnostic::{Collector, Diagnostic, suggest};
use crate::template::UrlTemplate;

/// The methods a path item may have, as OpenAPI writes them.
const METHODS: [(&str, Method); 8] = [
    ("get", Method::GET),
    ("put", Method::PUT),
    ("post", Method::POST),
    ("delete", Method::DELETE),
    ("options", Method::OPTIONS),
    ("head", Method::HEAD),
    ("patch", Method::PATCH),
    ("trace", Method::TRACE),
];

/// What else a path item may have.
const PATH_ITEM_FIELDS: [&str; 4] = ["summary", "description", "servers", "parameters"];

/// The longest operation id, as in APIM.
const MAX_ID: usize = 76;

/// An operation without its plan.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) info: OperationInfo,
    pub(super) method: Method,
    pub(super) template: UrlTemplate,
}

/// Reads the operations in the order of the document; `None`, reported, if it is not one that lists
/// operations.
pub(super) fn operations(
    file: &Arc<str>,
    document: &Node,
    collector: &mut Collector,
) -> Option<Vec<Declared>> {
    let (taken, raw_ids) = (BTreeSet::new(), BTreeSet::new());
    let mut reader = Reader {
        file,
        document,
        collector,
        taken,
        raw_ids,
        found: Vec::new(),
    };
    if !reader.version_is_supported() {
        return None;
    }
    reader.paths()?;
    Some(reader.found)
}

struct Reader<'a> {
    file: &'a Arc<str>,
    document: &'a Node,
    collector: &'a mut Collector,
    /// The operation ids given so far.
    taken: BTreeSet<String>,
    /// The same before they were normalised.
    raw_ids: BTreeSet<String>,
    found: Vec<Declared>,
}

impl<'a> Reader<'a> {
    fn version_is_supported(&mut self) -> bool {
        let help = "convert it to OpenAPI 3.0 or 3.1";
        match self
            .document
            .get("openapi")
            .map(|node| (node, node.as_str().unwrap_or_default()))
        {
            Some((_, version))
                if ["3.0", "3.1"]
                    .iter()
                    .any(|v| version == *v || version.starts_with(&format!("{v}."))) =>
            {
                true
            }
            Some((node, version)) => {
                self.report(
                    node,
                    format!("OpenAPI version `{version}` is not supported"),
                    help,
                );
                false
            }
            None if self.document.get("swagger").is_some() => {
                self.report(self.document, "Swagger 2.0 is not supported", help);
                false
            }
            None => {
                self.report(
                    self.document,
                    "this is not an OpenAPI document: the field `openapi` is missing",
                    help,
                );
                false
            }
        }
    }

    fn paths(&mut self) -> Option<()> {
        let Some(paths) = self.document.get("paths") else {
            let help = "list the operations under `paths`; what is not listed is answered with 404";
            self.report(self.document, "the field `paths` is missing", help);
            return None;
        };
        if !matches!(paths.kind, Kind::Object(_)) {
            let message = format!("`paths` must be an object, found {}", paths.describe());
            self.report(paths, message, "write `paths: {}` for none");
            return None;
        }
        for path in paths.members().iter().filter(|m| !m.name.starts_with("x-")) {
            self.path(path);
        }
        Some(())
    }

    fn path(&mut self, path: &'a Member) {
        let template = match UrlTemplate::parse(&path.name) {
            Ok(template) => template,
            Err(error) => {
                let message = format!("`{}`: {error}", path.name);
                self.collector
                    .report(Diagnostic::new(self.file, path.position, message));
                return;
            }
        };
        if path.value.get("$ref").is_some() {
            return self.report(
                &path.value,
                "a `$ref` in place of a path is not supported",
                "write the operations here",
            );
        }
        self.check_parameters(&path.value, &template);
        for member in path.value.members() {
            if let Some((_, method)) = METHODS.iter().find(|(name, _)| *name == member.name) {
                self.operation(member, method, &template);
            } else if !PATH_ITEM_FIELDS.contains(&member.name.as_str())
                && !member.name.starts_with("x-")
            {
                let known: Vec<&str> = METHODS
                    .iter()
                    .map(|(name, _)| *name)
                    .chain(PATH_ITEM_FIELDS)
                    .collect();
                let diagnostic = Diagnostic::new(
                    self.file,
                    member.position,
                    format!("unknown field `{}`", member.name),
                );
                self.collector
                    .report(diagnostic.with_help(suggest::help(&member.name, &known)));
            }
        }
    }

    fn operation(&mut self, member: &'a Member, method: &Method, template: &UrlTemplate) {
        self.check_parameters(&member.value, template);
        if let Some(other) = self
            .found
            .iter()
            .find(|o| o.method == *method && o.template.same_shape(template))
        {
            let message = format!(
                "`{method} {}` fits the same requests as `{method} {}`",
                template.text, other.template.text
            );
            let diagnostic = Diagnostic::new(self.file, member.position, message);
            self.collector
                .report(diagnostic.with_help("keep one of the two"));
            return;
        }
        let Some(id) = self.id(member, method, template) else {
            return;
        };
        let name = member
            .value
            .get("summary")
            .and_then(Node::as_str)
            .filter(|s| !s.trim().is_empty());
        let info = OperationInfo {
            name: name.map_or_else(|| id.as_str().into(), Into::into),
            id: id.into(),
            method: method.as_str().into(),
            url_template: Arc::clone(&template.text),
        };
        self.found.push(Declared {
            info,
            method: method.clone(),
            template: template.clone(),
        });
    }

    /// The normalised `operationId`, or one made of method and template; with a number if it is
    /// taken.
    fn id(
        &mut self,
        member: &'a Member,
        method: &Method,
        template: &UrlTemplate,
    ) -> Option<String> {
        let written = member.value.get("operationId");
        let raw = match written.map(|node| (node, node.as_str())) {
            Some((node, None)) => {
                let message = format!("`operationId` must be a text, found {}", node.describe());
                self.report(node, message, "put it in quotes");
                return None;
            }
            Some((node, Some(text))) => {
                if !self.raw_ids.insert(text.to_owned()) {
                    self.report(
                        node,
                        format!("the operationId `{text}` stands here twice"),
                        "give every operation its own",
                    );
                    return None;
                }
                text
            }
            None => "",
        };
        let mut base = normalise(raw);
        if base.is_empty() {
            base = normalise(&format!("{method}-{}", template.text));
        }
        let mut id = base.clone();
        for n in 1.. {
            if self.taken.insert(id.clone()) {
                break;
            }
            let suffix = format!("-{n}");
            let room = base.len().min(MAX_ID - suffix.len());
            id = format!("{}{suffix}", &base[..room]);
        }
        Some(id)
    }

    /// A path parameter that is not in the template is a slip in one of them.
    fn check_parameters(&mut self, holder: &'a Node, template: &UrlTemplate) {
        let names: Vec<&str> = template.parameters().map(|name| &**name).collect();
        for parameter in holder
            .get("parameters")
            .map(Node::items)
            .unwrap_or_default()
        {
            let Some(parameter) = self.resolve(parameter) else {
                continue;
            };
            let is_path = parameter.get("in").and_then(Node::as_str) == Some("path");
            let Some(name) = parameter
                .get("name")
                .and_then(Node::as_str)
                .filter(|_| is_path)
            else {
                continue;
            };
            if !names.contains(&name) {
                let message = format!(
                    "the path parameter `{name}` is not in the template `{}`",
                    template.text
                );
                self.report(parameter, message, suggest::help(name, &names));
            }
        }
    }

    /// Follows a local `$ref`.
    fn resolve(&mut self, node: &'a Node) -> Option<&'a Node> {
        let Some(reference) = node.get("$ref") else {
            return Some(node);
        };
        let target = reference
            .as_str()
            .and_then(|text| text.strip_prefix("#/"))
            .and_then(|pointer| self.document.at(pointer.split('/')));
        if target.is_none() {
            self.report(
                reference,
                "this `$ref` leads nowhere",
                "refer to this document, e.g. `#/components/parameters/id`",
            );
        }
        target
    }

    fn report(&mut self, node: &Node, message: impl Into<String>, help: impl Into<String>) {
        self.collector
            .report(Diagnostic::new(self.file, node.position, message).with_help(help));
    }
}

/// Lower case, each run of other characters a `-`, none at the ends, bounded.
fn normalise(text: &str) -> String {
    let mut id = String::with_capacity(text.len().min(MAX_ID));
    for c in text.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_alphanumeric() {
            id.push(c);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
        if id.len() == MAX_ID {
            break;
        }
    }
    id.truncate(id.trim_end_matches('-').len());
    id
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let mut collector = Collector::default();
        let node = super::super::yaml::parse(text).unwrap();
        let found = operations(&"specification.yaml".into(), &node, &mut collector).unwrap();
        let lines = found.iter().map(|o| {
            format!(
                "{} {} {} {}",
                o.info.id, o.method, o.template.text, o.info.name
            )
        });
        collector
            .finish(Some(lines.collect()))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn ids_and_names_are_those_of_the_import() {
        let text = "
openapi: 3.0.3
paths:
  /a:
    parameters: []
    get: { operationId: Get_All Things!, summary: All things }
    post: { operationId: get-all-things }
  /b/{id}:
    x-note: any
    parameters: [{ $ref: '#/components/parameters/id' }]
    delete: {}
    head: { operationId: '?' }
components: { parameters: { id: { in: path, name: id } } }
";
        let expected = [
            "get-all-things GET /a All things",
            "get-all-things-1 POST /a get-all-things-1",
            "delete-b-id DELETE /b/{id} delete-b-id",
            "head-b-id HEAD /b/{id} head-b-id",
        ];
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn normalised_ids_are_bounded() {
        assert_eq!(normalise("  Foo__Bar/ "), "foo-bar");
        assert_eq!(normalise("é"), "");
        assert_eq!(normalise(&"ab".repeat(50)).len(), MAX_ID);
        assert_eq!(normalise(&format!("{}_b", "a".repeat(75))).len(), 75);
    }
}
