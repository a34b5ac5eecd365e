//! Puts the specifications of all APIs together.
//!
//! With one API the document is its specification. With several, names get the API's id as a
//! prefix, and operations are grouped by API. Paths are those that clients ask for; operations that
//! no request reaches, because another API's longer path takes it, are left out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use weir_policy::{Api, Operation};
use weir_token::{Providers, ProvidersError};

use super::names::Names;
use super::scheme::Scheme;
use super::sign_in::{Own, Schemes};

/// The document without what is only known later.
#[derive(Debug)]
pub(super) struct Merged {
    /// Of OpenAPI.
    pub(super) version: &'static str,
    pub(super) info: Map<String, Value>,
    /// Everything else but `servers` and `components.securitySchemes`.
    pub(super) rest: Map<String, Value>,
    pub(super) schemes: Vec<Scheme>,
}

/// Methods as path items write them.
const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// What else is taken over from a path item.
const PATH_ITEM_FIELDS: [&str; 3] = ["summary", "description", "parameters"];

/// The kinds of components that are taken over; security schemes go another way.
const COMPONENTS: [&str; 9] = [
    "schemas",
    "responses",
    "parameters",
    "examples",
    "requestBodies",
    "headers",
    "links",
    "callbacks",
    "pathItems",
];

/// The version of a description that has none of its own.
const VERSION: &str = "1";

pub(super) fn merge(apis: &[Api], providers: &Providers) -> Result<Merged, ProvidersError> {
    let modern = apis.iter().any(is_modern);
    let mut merging = Merging {
        apis,
        schemes: Schemes::new(providers),
        paths: Map::new(),
        components: BTreeMap::new(),
    };
    let mut tags = Vec::new();
    let mut prefixes = BTreeSet::new();
    for api in apis {
        let names = Names {
            specification: &api.specification,
            prefix: (apis.len() > 1).then(|| prefix(&api.info.id, &mut prefixes)),
            group: (apis.len() > 1).then_some(&*api.info.name),
            path: &api.info.path,
            upgrade: modern && !is_modern(api),
        };
        tags.extend(api_tags(api, &names));
        merging.components(&names);
        let own = merging.schemes.add(api, &names)?;
        merging.paths(api, &names, &own)?;
    }
    let Merging {
        schemes,
        paths,
        components,
        ..
    } = merging;
    let mut rest = Map::new();
    if let [api] = apis
        && let Some(docs) = api.specification.get("externalDocs")
    {
        rest.insert("externalDocs".to_owned(), docs.clone());
    }
    if !tags.is_empty() {
        rest.insert("tags".to_owned(), tags.into());
    }
    rest.insert("paths".to_owned(), paths.into());
    if !components.is_empty() {
        let components: Map<_, _> = components
            .into_iter()
            .map(|(kind, named)| (kind.to_owned(), named.into()))
            .collect();
        rest.insert("components".to_owned(), components.into());
    }
    let version = if modern { "3.1.0" } else { "3.0.3" };
    Ok(Merged {
        version,
        info: info(apis),
        rest,
        schemes: schemes.list,
    })
}

struct Merging<'a> {
    apis: &'a [Api],
    schemes: Schemes<'a>,
    paths: Map<String, Value>,
    /// By kind.
    components: BTreeMap<&'static str, Map<String, Value>>,
}

impl Merging<'_> {
    fn components(&mut self, names: &Names<'_>) {
        for kind in COMPONENTS {
            let named = names
                .specification
                .get("components")
                .and_then(|components| components.get(kind));
            for (name, value) in named.and_then(Value::as_object).into_iter().flatten() {
                // A callback is itself a map: from where it goes to a path item.
                let is_map = kind == "callbacks" && value.get("$ref").is_none();
                let copy = if is_map {
                    names.copy_named(value)
                } else {
                    names.copy(value)
                };
                self.components
                    .entry(kind)
                    .or_default()
                    .insert(names.name(name), copy);
            }
        }
    }

    fn paths(&mut self, api: &Api, names: &Names<'_>, own: &Own) -> Result<(), ProvidersError> {
        let mut operations = BTreeMap::new();
        for operation in &api.operations {
            operations.insert(
                (&*operation.template.text, operation.method.as_str()),
                operation,
            );
        }
        let written = names.specification.get("paths").and_then(Value::as_object);
        let taken = written_ids(written);
        for (template, item) in written.into_iter().flatten() {
            let path = names.path(template);
            if !template.starts_with('/') || self.is_taken(api, &path) {
                continue;
            }
            let Value::Object(fields) = item else {
                continue;
            };
            let mut copy: Map<String, Value> = Map::new();
            for field in PATH_ITEM_FIELDS {
                copy.extend(
                    fields
                        .get(field)
                        .map(|value| (field.to_owned(), names.copy(value))),
                );
            }
            for method in METHODS {
                let name = method.to_ascii_uppercase();
                let served = operations.get(&(template.as_str(), name.as_str()));
                if let (Some(served), Some(Value::Object(written))) = (served, fields.get(method)) {
                    let mut operation = self.operation(written, served, names, own)?;
                    let id = || names.name(&free_id(served, &taken)).into();
                    operation.entry("operationId").or_insert_with(id);
                    copy.insert(method.to_owned(), operation.into());
                }
            }
            self.paths.insert(path, copy.into());
        }
        Ok(())
    }

    /// Whether requests for the path go to another API: to the one with the longest path of its
    /// own.
    fn is_taken(&self, api: &Api, path: &str) -> bool {
        self.apis.iter().any(|other| {
            let longer = other.info.path.len() > api.info.path.len();
            let rest = path
                .strip_prefix('/')
                .and_then(|path| path.strip_prefix(&*other.info.path));
            longer && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    fn operation(
        &mut self,
        written: &Map<String, Value>,
        served: &Operation,
        names: &Names<'_>,
        own: &Own,
    ) -> Result<Map<String, Value>, ProvidersError> {
        let mut copy = names.keywords(written);
        if let Some(group) = names.group
            && copy
                .get("tags")
                .and_then(Value::as_array)
                .is_none_or(Vec::is_empty)
        {
            copy.insert("tags".to_owned(), json!([group]));
        }
        // Neither version allows an operation without answers.
        copy.entry("responses").or_insert_with(
            || json!({ "default": { "description": "The answer of the backend" } }),
        );
        let general = || names.copy_security(names.specification.get("security")?);
        let security = copy.shift_remove("security").or_else(general);
        let ways = self.schemes.requirements(
            own,
            security.as_ref().and_then(Value::as_array),
            &served.plan,
        )?;
        if let Some(ways) = ways {
            copy.insert(
                "security".to_owned(),
                ways.into_iter().map(Value::Object).collect(),
            );
        }
        Ok(copy)
    }
}

/// The operation ids of a specification's paths.
fn written_ids(paths: Option<&Map<String, Value>>) -> BTreeSet<&str> {
    let operations = paths
        .into_iter()
        .flat_map(Map::values)
        .filter_map(Value::as_object)
        .flat_map(Map::values);
    operations
        .filter_map(|operation| operation.get("operationId")?.as_str())
        .collect()
}

/// An id for an operation that has none: the one that policies and metrics know it by, unless
/// another has it.
fn free_id(served: &Operation, taken: &BTreeSet<&str>) -> String {
    let mut id = served.info.id.to_string();
    while taken.contains(id.as_str()) {
        id.push('_');
    }
    id
}

fn is_modern(api: &Api) -> bool {
    api.specification
        .get("openapi")
        .and_then(Value::as_str)
        .is_some_and(|version| version.starts_with("3.1"))
}

/// What the names of an API start with: its id in the characters that names may have, and no dot.
fn prefix(id: &str, taken: &mut BTreeSet<String>) -> String {
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut prefix: String = id
        .chars()
        .map(|c| if usable(c) { c } else { '_' })
        .collect();
    while !taken.insert(prefix.clone()) {
        prefix.push('_');
    }
    prefix
}

fn api_tags(api: &Api, names: &Names<'_>) -> Vec<Value> {
    let description = api
        .specification
        .pointer("/info/description")
        .filter(|text| text.is_string());
    let group = names.group.map(|group| match description {
        Some(description) => json!({ "name": group, "description": description }),
        None => json!({ "name": group }),
    });
    let written = api
        .specification
        .get("tags")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let renamed = written.filter_map(|tag| {
        let mut tag = names.keywords(tag.as_object()?);
        let name = names.tag(tag.get("name")?.as_str()?);
        tag.insert("name".to_owned(), name.into());
        Some(Value::Object(tag))
    });
    group.into_iter().chain(renamed).collect()
}

fn info(apis: &[Api]) -> Map<String, Value> {
    let mut info = Map::new();
    if let [api] = apis {
        info.insert("title".to_owned(), (*api.info.name).into());
        let written = api
            .specification
            .get("info")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        info.extend(
            written
                .filter(|(key, _)| !key.starts_with("x-"))
                .map(|(key, value)| (key.clone(), value.clone())),
        );
    } else {
        info.insert("title".to_owned(), "weir".into());
        let listed: Vec<&str> = apis.iter().map(|api| &*api.info.name).collect();
        if !listed.is_empty() {
            info.insert(
                "description".to_owned(),
                format!("The APIs of this gateway: {}.", listed.join(", ")).into(),
            );
        }
    }
    info.entry("version").or_insert_with(|| VERSION.into());
    info
}
