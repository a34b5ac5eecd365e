//! Which file of the folder is what, by its path.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::{Collector, Diagnostic, suggest};

/// A file that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role<'a> {
    /// The policy of all APIs.
    GlobalPolicy,
    /// What is known of an API; the folder's name may end in `;rev=N`.
    ApiInformation(&'a str),
    /// Its OpenAPI document.
    Specification(&'a str),
    /// Its policy.
    ApiPolicy(&'a str),
    /// The policy of one operation.
    OperationPolicy(&'a str, &'a str),
    /// A backend.
    Backend(&'a str),
    /// A named value.
    NamedValue,
}

/// Folders that change nothing here: they describe things for people or for services weir does not
/// have, or are refused where a policy or an API refers to them.
const IGNORED_FOLDERS: [&str; 7] = [
    "loggers",
    "diagnostics",
    "tags",
    "groups",
    "gateways",
    "policy fragments",
    "version sets",
];

/// Folders that would change what a request gets.
const UNSUPPORTED_FOLDERS: [&str; 3] = ["products", "subscriptions", "workspaces"];

/// Folders of an API that change nothing here.
const IGNORED_API_FOLDERS: [&str; 4] = ["diagnostics", "schemas", "releases", "tags"];

const READ_FOLDERS: [&str; 3] = ["apis", "backends", "named values"];
const API_FILES: [&str; 3] = ["apiInformation.json", "specification.yaml", "policy.xml"];

/// What `path` is. `None`: nothing to read; reported if it looks like a mistake or asks for what
/// does not exist yet.
pub(super) fn role<'a>(
    path: &'a Arc<str>,
    reported: &mut BTreeSet<&'a str>,
    collector: &mut Collector,
) -> Option<Role<'a>> {
    let parts: Vec<&str> = path.split('/').collect();
    let mut unexpected = |known: &[&str]| {
        let name = parts.last().copied().unwrap_or_default();
        if !is_for_people(name) {
            let message = format!("`{name}` is not part of a configuration folder");
            collector
                .report(Diagnostic::new(path, None, message).with_help(suggest::help(name, known)));
        }
        None
    };
    match parts[..] {
        ["policy.xml"] => Some(Role::GlobalPolicy),
        ["apis", api, "apiInformation.json"] => Some(Role::ApiInformation(api)),
        [
            "apis",
            api,
            "specification.yaml" | "specification.yml" | "specification.json",
        ] => Some(Role::Specification(api)),
        [
            "apis",
            _,
            "specification.graphql" | "specification.wsdl" | "specification.wadl",
        ] => {
            let diagnostic = Diagnostic::new(path, None, "this kind of API is not supported yet");
            collector.report(
                diagnostic
                    .with_help("describe the API with OpenAPI 3.0 or 3.1 in `specification.yaml`"),
            );
            None
        }
        ["apis", api, "policy.xml"] => Some(Role::ApiPolicy(api)),
        ["apis", api, "operations", operation, "policy.xml"] => {
            Some(Role::OperationPolicy(api, operation))
        }
        ["apis", _, "operations", _, _] => unexpected(&["policy.xml"]),
        ["apis", _, folder, ..] if parts.len() > 3 && IGNORED_API_FOLDERS.contains(&folder) => None,
        ["apis", _, _] => unexpected(&API_FILES),
        ["backends", backend, "backendInformation.json"] => Some(Role::Backend(backend)),
        ["backends", _, _] => unexpected(&["backendInformation.json"]),
        ["named values", _, "namedValueInformation.json"] => Some(Role::NamedValue),
        ["named values", _, _] => unexpected(&["namedValueInformation.json"]),
        [folder, _, ..] if IGNORED_FOLDERS.contains(&folder) || folder.starts_with('.') => None,
        [folder, _, ..] if UNSUPPORTED_FOLDERS.contains(&folder) => {
            if reported.insert(folder) {
                let message = format!("`{folder}` are not supported yet");
                collector.report(
                    Diagnostic::new(path, None, message)
                        .with_help(format!("remove the folder `{folder}`")),
                );
            }
            None
        }
        [folder, _, ..] if !READ_FOLDERS.contains(&folder) => {
            if reported.insert(folder) {
                let message =
                    format!("the folder `{folder}` is not part of a configuration folder");
                collector.report(
                    Diagnostic::new(path, None, message)
                        .with_help(suggest::help(folder, &READ_FOLDERS)),
                );
            }
            None
        }
        // Kubernetes' own: it makes the folder a ConfigMap.
        ["kustomization.yaml"] => None,
        [name] if name.starts_with("configuration.") && name.ends_with(".yaml") => None,
        [_] => unexpected(&["policy.xml"]),
        _ => unexpected(&[]),
    }
}

/// Files that people and tools leave anywhere.
fn is_for_people(name: &str) -> bool {
    name.starts_with('.') || name.ends_with(".md")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(path: &str) -> Result<Option<String>, String> {
        let mut collector = Collector::default();
        let path: Arc<str> = path.into();
        let role =
            role(&path, &mut BTreeSet::new(), &mut collector).map(|role| format!("{role:?}"));
        collector.finish(Some(role)).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_read() {
        for (path, role) in [
            ("policy.xml", "GlobalPolicy"),
            (
                "apis/a;rev=2/apiInformation.json",
                "ApiInformation(\"a;rev=2\")",
            ),
            ("apis/a/specification.json", "Specification(\"a\")"),
            (
                "apis/a/operations/o/policy.xml",
                "OperationPolicy(\"a\", \"o\")",
            ),
            ("backends/b/backendInformation.json", "Backend(\"b\")"),
            ("named values/n/namedValueInformation.json", "NamedValue"),
        ] {
            assert_eq!(read(path).unwrap().unwrap(), role, "{path}");
        }
    }

    #[test]
    fn what_is_ignored() {
        for path in [
            "loggers/l/loggerInformation.json",
            "policy fragments/f/policy.xml",
            "apis/a/diagnostics/d/diagnosticInformation.json",
            "apis/a/README.md",
            "README.md",
            ".gitignore",
            "configuration.extractor.yaml",
            "kustomization.yaml",
        ] {
            assert_eq!(read(path), Ok(None), "{path}");
        }
    }

    #[test]
    fn what_is_refused() {
        for (path, message) in [
            (
                "Policy.xml",
                "`Policy.xml` is not part of a configuration folder\n    did you mean `policy.xml`? known here: policy.xml",
            ),
            (
                "products/p/policy.xml",
                "`products` are not supported yet\n    remove the folder `products`",
            ),
            (
                "apis/a/specification.graphql",
                "this kind of API is not supported yet\n    describe the API with OpenAPI 3.0 or 3.1 in `specification.yaml`",
            ),
            (
                "apis/a/operations/o/x.xml",
                "`x.xml` is not part of a configuration folder\n    known here: policy.xml",
            ),
            (
                "named_values/a/b.json",
                "the folder `named_values` is not part of a configuration folder\n    did you mean `named values`? known here: apis, backends, named values",
            ),
            (
                "apis/a/b/c/d/e",
                "`e` is not part of a configuration folder\n    known here: none",
            ),
        ] {
            assert_eq!(read(path).unwrap_err(), format!("{path}: {message}"));
        }
    }
}
