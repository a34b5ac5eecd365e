//! `apis/{name}/apiInformation.json`.

use std::sync::Arc;

use http::Uri;

use super::backend::base_url;
use super::fields::Fields;
use super::named_values::NamedValues;
use super::node::Node;
use crate::context::ApiInfo;
use crate::diagnostic::{Collector, Location, Position};

const FIELDS: [&str; 20] = [
    "path",
    "displayName",
    "description",
    "serviceUrl",
    "protocols",
    "subscriptionRequired",
    "subscriptionKeyParameterNames",
    "type",
    "apiType",
    "apiRevision",
    "apiRevisionDescription",
    "isCurrent",
    "apiVersion",
    "apiVersionDescription",
    "apiVersionSetId",
    "authenticationSettings",
    "contact",
    "license",
    "termsOfServiceUrl",
    "sourceApiId",
];

/// What `apiInformation.json` says.
pub(super) struct Information {
    pub(super) info: ApiInfo,
    /// Where `path` stands.
    pub(super) path_position: Position,
    pub(super) service_url: Option<Uri>,
    pub(super) service_url_at: Location,
}

/// Whether the folder is a revision that is not served: its name ends in `;rev=N` and it says
/// `isCurrent: false`.
pub(super) fn is_old_revision(folder: &str, properties: &Node) -> bool {
    folder.contains(";rev=")
        && properties.get("isCurrent").map(Node::to_json) == Some(serde_json::Value::Bool(false))
}

/// The id of the API in a folder, whose name may end in `;rev=N`.
pub(super) fn id(folder: &str) -> &str {
    folder.split_once(";rev=").map_or(folder, |(id, _)| id)
}

/// Reads the properties of an API; `None`, reported, if it cannot be served.
pub(super) fn read(
    folder: &str,
    file: &Arc<str>,
    properties: &Node,
    named_values: &NamedValues,
    collector: &mut Collector,
) -> Option<Information> {
    let mut fields = Fields::open(file, properties, &FIELDS, collector)?;
    check_subscription(&mut fields);
    check_kind(&mut fields);
    fields.unsupported(
        "apiVersionSetId",
        "write the version into `path`, e.g. `orders/v1`",
    );
    if !folder.contains(";rev=") && fields.boolean("isCurrent") == Some(false) {
        let help = format!(
            "remove the folder, or name it `{folder};rev=N` to keep a revision that is not served"
        );
        fields.report(
            properties,
            "this API is not current, yet it is not in the folder of a revision",
            help,
        );
    }
    let path_field = fields.required_text("path");
    let path = path_field.and_then(|(text, node)| path(text, node, &mut fields));
    let service = fields
        .text("serviceUrl")
        .filter(|(text, _)| !text.trim().is_empty());
    let service_url =
        service.and_then(|(text, node)| base_url(text, node, named_values, &mut fields));
    let mut shared = |name| fields.text(name).map(|(text, _)| Arc::<str>::from(text));
    let id = id(folder);
    let info = ApiInfo {
        id: id.into(),
        name: shared("displayName").unwrap_or_else(|| id.into()),
        path: path?.into(),
        revision: shared("apiRevision"),
        version: shared("apiVersion"),
        service_url: service_url.as_ref().map(|url| url.to_string().into()),
    };
    let service_url_at = Location {
        file: Arc::clone(file),
        position: service.map_or(properties.position, |(_, node)| node.position),
    };
    Some(Information {
        info,
        path_position: path_field?.1.position,
        service_url,
        service_url_at,
    })
}

fn check_subscription(fields: &mut Fields<'_, '_>) {
    let help = "write `\"subscriptionRequired\": false`: products and subscription keys are not supported yet";
    match fields.get("subscriptionRequired") {
        None => {
            let node = fields.node;
            fields.report(
                node,
                "the API requires a subscription, because `subscriptionRequired` is not there",
                help,
            );
        }
        Some(node) => {
            if fields.boolean("subscriptionRequired") == Some(true) {
                fields.report(node, "the API requires a subscription", help);
            }
        }
    }
}

fn check_kind(fields: &mut Fields<'_, '_>) {
    for name in ["type", "apiType"] {
        if let Some((kind, node)) = fields
            .text(name)
            .filter(|(kind, _)| !kind.eq_ignore_ascii_case("http"))
        {
            fields.report(
                node,
                format!("an API of the type `{kind}` is not supported yet"),
                "only `http` is",
            );
        }
    }
    for (protocol, node) in fields.texts("protocols") {
        if !["http", "https"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(protocol))
        {
            fields.report(
                node,
                format!("the protocol `{protocol}` is not supported yet"),
                "use `http` and `https`",
            );
        }
    }
}

/// The path without slashes at its ends.
fn path(text: &str, node: &Node, fields: &mut Fields<'_, '_>) -> Option<String> {
    let path = text.trim_matches('/');
    let usable = format!("/{path}")
        .parse::<http::uri::PathAndQuery>()
        .is_ok()
        && !path.contains(['?', '#', '{', '}', '*', '%', '\\'])
        && (path.is_empty() || path.split('/').all(|part| !matches!(part, "" | "." | "..")));
    if !usable {
        fields.report(
            node,
            format!("`{text}` is not the path of an API"),
            "write segments of a URL, e.g. `orders/v1`",
        );
        return None;
    }
    Some(path.to_owned())
}
