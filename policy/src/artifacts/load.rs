//! Puts the files of a folder together: named values first, then backends, then documents, then the
//! plan of every operation. A file that is wrong does not stop the others from being checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::layout::{self, Role};
use super::node::Node;
use super::openapi::Declared;
use super::{NamedValueOverrides, NamedValues, api, backend, json, openapi, yaml};
use crate::compile::{Compiler, PolicyDocument};
use crate::configuration::{Api, Backend, Configuration, Operation};
use crate::diagnostic::{Collector, Diagnostic, Diagnostics, suggest};
use crate::plan::{Action, Plan, Scope, Step};

/// How many operation ids a message lists.
const MAX_LISTED: usize = 20;

/// A file's path and text.
type File<'a> = (&'a Arc<str>, &'a Arc<str>);

/// The files of one API's folder.
#[derive(Default)]
struct ApiFolder<'a> {
    /// Any of its files, to report what is missing.
    first: Option<&'a Arc<str>>,
    information: Option<File<'a>>,
    specifications: Vec<File<'a>>,
    policy: Option<File<'a>>,
    operations: BTreeMap<&'a str, File<'a>>,
}

/// All files by their role.
#[derive(Default)]
struct Folder<'a> {
    policy: Option<File<'a>>,
    apis: BTreeMap<&'a str, ApiFolder<'a>>,
    backends: BTreeMap<&'a str, File<'a>>,
    named_values: Vec<File<'a>>,
}

impl<'a> Folder<'a> {
    /// The API of that name, which has `file`.
    fn api(&mut self, name: &'a str, file: File<'a>) -> &mut ApiFolder<'a> {
        let api = self.apis.entry(name).or_default();
        api.first.get_or_insert(file.0);
        api
    }
}

/// An API that was read, before its plans are made. Parts that are missing have been reported; the
/// documents are checked all the same.
struct ReadApi<'a> {
    file: &'a Arc<str>,
    information: Option<api::Information>,
    specification: Option<Specification>,
    policy: Option<PolicyDocument>,
    /// By operation id.
    operation_policies: BTreeMap<&'a str, PolicyDocument>,
}

struct Specification {
    text: serde_json::Value,
    operations: Vec<Declared>,
}

pub(super) fn load(
    files: &BTreeMap<Arc<str>, Arc<str>>,
    overrides: &NamedValueOverrides,
) -> Result<Configuration, Diagnostics> {
    let mut collector = Collector::default();
    let folder = sort(files, &mut collector);
    let named_values = named_values(&folder, overrides, &mut collector);
    let backends = backends(&folder, &named_values, &mut collector);
    let global = folder
        .policy
        .and_then(|file| document(file, "global".to_owned(), Scope::Global, &mut collector));
    let apis: Vec<_> = folder
        .apis
        .iter()
        .filter_map(|(name, files)| read_api(name, files, &named_values, &mut collector))
        .collect();
    check_paths(&apis, &mut collector);

    let backend_ids: BTreeSet<&str> = folder.backends.keys().copied().collect();
    let mut compiler = Compiler::new(&named_values, &backend_ids, &mut collector);
    let broad: Vec<_> = global.iter().collect();
    let global = compiler.plan(&broad, None);
    let apis = apis
        .into_iter()
        .filter_map(|api| compile_api(api, &broad, &mut compiler))
        .collect();
    let validate_jwt_count = compiler.validate_jwt_count();
    collector.finish(Some(Configuration {
        apis,
        backends,
        global: Arc::new(global),
        validate_jwt_count,
    }))
}

fn sort<'a>(files: &'a BTreeMap<Arc<str>, Arc<str>>, collector: &mut Collector) -> Folder<'a> {
    let mut folder = Folder::default();
    let mut reported = BTreeSet::new();
    for file in files {
        let Some(role) = layout::role(file.0, &mut reported, collector) else {
            continue;
        };
        match role {
            Role::GlobalPolicy => folder.policy = Some(file),
            Role::ApiInformation(name) => folder.api(name, file).information = Some(file),
            Role::Specification(name) => folder.api(name, file).specifications.push(file),
            Role::ApiPolicy(name) => folder.api(name, file).policy = Some(file),
            Role::OperationPolicy(name, operation) => {
                folder.api(name, file).operations.insert(operation, file);
            }
            Role::Backend(name) => {
                folder.backends.insert(name, file);
            }
            Role::NamedValue => folder.named_values.push(file),
        }
    }
    folder
}

fn named_values(
    folder: &Folder<'_>,
    overrides: &NamedValueOverrides,
    collector: &mut Collector,
) -> NamedValues {
    let mut values = NamedValues::new(overrides);
    let mut seen = BTreeMap::new();
    for file in &folder.named_values {
        if let Some(properties) = properties(*file, collector) {
            values.add(file.0, &properties, &mut seen, collector);
        }
    }
    values
}

fn backends(
    folder: &Folder<'_>,
    named_values: &NamedValues,
    collector: &mut Collector,
) -> BTreeMap<Arc<str>, Arc<Backend>> {
    let mut backends = BTreeMap::new();
    for (id, file) in &folder.backends {
        let properties = properties(*file, collector);
        let backend =
            properties.and_then(|node| backend::read(id, file.0, &node, named_values, collector));
        backends.extend(backend.map(|backend| (Arc::clone(&backend.id), Arc::new(backend))));
    }
    backends
}

fn read_api<'a>(
    name: &'a str,
    files: &ApiFolder<'a>,
    named_values: &NamedValues,
    collector: &mut Collector,
) -> Option<ReadApi<'a>> {
    let first = files.first?;
    let Some(information) = files.information else {
        let message = format!("the API `{name}` has no `apiInformation.json`");
        let diagnostic = Diagnostic::new(first, None, message);
        collector.report(diagnostic.with_help(format!(
            "add `apis/{name}/apiInformation.json`, or remove the folder"
        )));
        return None;
    };
    let properties = properties(information, collector)?;
    if api::is_old_revision(name, &properties) {
        return None;
    }
    let read = api::read(name, information.0, &properties, named_values, collector);
    let specification = specification(name, information.0, files, collector);
    let id = api::id(name);
    let policy = files
        .policy
        .and_then(|file| document(file, id.to_owned(), Scope::Api, collector));
    let documents = files.operations.iter().filter_map(|(operation, file)| {
        let document = document(
            *file,
            format!("{id}/{operation}"),
            Scope::Operation,
            collector,
        )?;
        Some((*operation, document))
    });
    let operation_policies: BTreeMap<_, _> = documents.collect();
    if let Some(specification) = &specification {
        check_operation_folders(files, &specification.operations, collector);
    }
    Some(ReadApi {
        file: information.0,
        information: read,
        specification,
        policy,
        operation_policies,
    })
}

fn specification(
    name: &str,
    information: &Arc<str>,
    files: &ApiFolder<'_>,
    collector: &mut Collector,
) -> Option<Specification> {
    let Some((file, text)) = files.specifications.first() else {
        let diagnostic = Diagnostic::new(
            information,
            None,
            format!("the API `{name}` has no specification"),
        );
        collector.report(diagnostic.with_help(format!(
            "add `apis/{name}/specification.yaml` with its operations"
        )));
        return None;
    };
    if let Some((second, _)) = files.specifications.get(1) {
        let diagnostic = Diagnostic::new(
            second,
            None,
            format!("the API `{name}` has a specification already: `{file}`"),
        );
        collector.report(diagnostic.with_help("keep one of the two"));
    }
    let node = parse((*file, *text), collector)?;
    let operations = openapi::operations(file, &node, collector)?;
    Some(Specification {
        text: node.to_json(),
        operations,
    })
}

fn check_operation_folders(
    files: &ApiFolder<'_>,
    operations: &[Declared],
    collector: &mut Collector,
) {
    let ids: Vec<&str> = operations
        .iter()
        .map(|operation| &*operation.info.id)
        .collect();
    for (id, (path, _)) in &files.operations {
        if !ids.contains(id) {
            let near = suggest::closest(id, &ids).map(|near| format!("did you mean `{near}`? "));
            let more = if ids.len() > MAX_LISTED { ", …" } else { "" };
            let listed = suggest::list(&ids[..ids.len().min(MAX_LISTED)]);
            let help = format!(
                "{}the specification has: {listed}{more}",
                near.unwrap_or_default()
            );
            collector.report(
                Diagnostic::new(path, None, format!("there is no operation `{id}`"))
                    .with_help(help),
            );
        }
    }
}

/// Two APIs may not be served under one path. APIM ignores case there, so this does too.
fn check_paths(apis: &[ReadApi<'_>], collector: &mut Collector) {
    let mut seen: BTreeMap<String, &Arc<str>> = BTreeMap::new();
    for (api, information) in apis
        .iter()
        .filter_map(|api| Some((api, api.information.as_ref()?)))
    {
        let path = &information.info.path;
        if let Some(first) = seen.insert(path.to_lowercase(), api.file) {
            let message = format!("the path `{path}` is taken by `{first}`");
            let diagnostic = Diagnostic::new(api.file, information.path_position, message);
            collector.report(diagnostic.with_help("give every API a `path` of its own"));
        }
    }
}

fn compile_api(
    api: ReadApi<'_>,
    broad: &[&PolicyDocument],
    compiler: &mut Compiler<'_>,
) -> Option<Api> {
    let mut documents = broad.to_vec();
    documents.extend(&api.policy);
    // Plans nobody runs, so that every document is checked: also one that each operation leaves
    // out, and those of an API that cannot be served.
    compiler.plan(&documents, None);
    for document in api.operation_policies.values() {
        compiler.plan(&[document], None);
    }
    let (information, specification) = (api.information?, api.specification?);
    let mut operations = Vec::new();
    for declared in specification.operations {
        let mut documents = documents.clone();
        documents.extend(api.operation_policies.get(&*declared.info.id));
        let plan = Arc::new(compiler.plan(&documents, Some(&declared.info)));
        let Declared {
            info,
            method,
            template,
        } = declared;
        operations.push(Operation {
            info: Arc::new(info),
            method,
            template,
            plan,
        });
    }
    if information.service_url.is_none() {
        check_destinations(api.file, &operations, compiler.collector);
    }
    Some(Api {
        info: Arc::new(information.info),
        service_url: information.service_url,
        service_url_at: information.service_url_at,
        operations,
        specification: Arc::new(specification.text),
    })
}

/// Without `serviceUrl`, whatever is forwarded needs a policy that says where to.
fn check_destinations(file: &Arc<str>, operations: &[Operation], collector: &mut Collector) {
    let stranded = operations.iter().find(|operation| {
        let Plan {
            inbound, backend, ..
        } = &*operation.plan;
        let forwards = any(backend, &|action| {
            matches!(action, Action::ForwardRequest(_))
        });
        let aims = |steps: &[Step]| {
            any(steps, &|action| {
                matches!(action, Action::SetBackendService(_))
            })
        };
        forwards && !aims(inbound) && !aims(backend)
    });
    if let Some(operation) = stranded {
        let message = format!(
            "the operation `{}` has nowhere to go: there is no `serviceUrl`",
            operation.info.id
        );
        let help = "add `serviceUrl`, or `set-backend-service` to a policy";
        collector.report(Diagnostic::new(file, None, message).with_help(help));
    }
}

/// Whether some step, however deep, fits.
fn any(steps: &[Step], fits: &dyn Fn(&Action) -> bool) -> bool {
    steps.iter().any(|step| match &step.action {
        Action::Choose(choose) => {
            choose.whens.iter().any(|when| any(&when.steps, fits)) || any(&choose.otherwise, fits)
        }
        action => fits(action),
    })
}

fn document(
    (path, text): File<'_>,
    name: String,
    scope: Scope,
    collector: &mut Collector,
) -> Option<PolicyDocument> {
    PolicyDocument::read(path, text, name, scope, collector)
}

/// The content of `{"properties": {…}}`.
fn properties(file: File<'_>, collector: &mut Collector) -> Option<Node> {
    let node = parse(file, collector)?;
    for member in node.members().iter().filter(|m| m.name != "properties") {
        let diagnostic = Diagnostic::new(
            file.0,
            member.position,
            format!("unknown field `{}`", member.name),
        );
        collector.report(diagnostic.with_help(suggest::help(&member.name, &["properties"])));
    }
    let properties = node.get("properties").cloned();
    if properties.is_none() {
        let diagnostic =
            Diagnostic::new(file.0, node.position, "the field `properties` is missing");
        collector.report(diagnostic.with_help("write `{ \"properties\": { … } }`"));
    }
    properties
}

fn parse((path, text): File<'_>, collector: &mut Collector) -> Option<Node> {
    let parsed = if path.ends_with(".json") {
        json::parse(text)
    } else {
        yaml::parse(text)
    };
    parsed
        .map_err(|error| collector.report(Diagnostic::new(path, error.position, error.message)))
        .ok()
}
