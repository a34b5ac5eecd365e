//! `context` and what hangs below it.

use std::sync::Arc;

use http::Uri;

use super::{Answer, Property, property};
use crate::context::{Context, LastError, Request, Response};
use crate::expression::operand::{Link, Operand, wrong};
use crate::expression::types::Type;

macro_rules! receiver {
    ($function:ident, $variant:ident, $ty:ty) => {
        /// The receiver, which the static types say is this one.
        fn $function<'c>(arguments: &[Operand<'c>], get: fn(&'c $ty) -> Operand<'c>) -> Answer<'c> {
            match arguments.first() {
                Some(Operand::$variant(receiver)) => Ok(get(receiver)),
                other => Err(wrong("object", other)),
            }
        }
    };
}

receiver!(context, Context, Context);
receiver!(request, Request, Request);
receiver!(response, Response, Response);
receiver!(api, Api, crate::context::ApiInfo);
receiver!(operation, Operation, crate::context::OperationInfo);
receiver!(deployment, Deployment, crate::context::Deployment);
receiver!(last_error, LastError, LastError);

fn optional(text: Option<&Arc<str>>) -> Operand<'_> {
    text.map_or(Operand::Null, |text| Operand::borrowed(text))
}

fn null<'c>(_: &[Operand<'c>]) -> Answer<'c> {
    Ok(Operand::Null)
}

pub(super) static CONTEXT: &[Property] = &[
    property("Request", Type::Request, |a| {
        context(a, |c| Operand::Request(&c.request))
    }),
    property("Response", Type::Response, |a| {
        context(a, |c| {
            c.response.as_ref().map_or(Operand::Null, Operand::Response)
        })
    }),
    property("Variables", Type::Variables, |a| {
        context(a, |c| Operand::Variables(&c.variables))
    }),
    property("Api", Type::Api, |a| context(a, |c| Operand::Api(&c.api))),
    property("Operation", Type::Operation, |a| {
        context(a, |c| Operand::Operation(&c.operation))
    }),
    property("Deployment", Type::Deployment, |a| {
        context(a, |c| Operand::Deployment(&c.deployment))
    }),
    property("LastError", Type::LastError, |a| {
        context(a, |c| {
            c.last_error
                .as_ref()
                .map_or(Operand::Null, Operand::LastError)
        })
    }),
    property("RequestId", Type::Guid, |a| {
        context(a, |c| Operand::Guid(c.request_id))
    }),
    property("Timestamp", Type::Time, |a| {
        context(a, |c| Operand::Time(c.timestamp))
    }),
    property("Product", Type::Product, null),
    property("Subscription", Type::Subscription, null),
    property("User", Type::User, null),
];

pub(super) static REQUEST: &[Property] = &[
    property("Method", Type::String, |a| {
        request(a, |r| Operand::borrowed(r.method.as_str()))
    }),
    property("IpAddress", Type::String, |a| {
        request(a, |r| Operand::shared(Some(r.ip.to_string().into())))
    }),
    property("Headers", Type::Multimap, |a| {
        request(a, |r| Operand::Headers(&r.headers))
    }),
    property("Url", Type::Url, |a| {
        request(a, |r| Operand::Url(Link::Borrowed(&r.url)))
    }),
    property("OriginalUrl", Type::Url, |a| {
        request(a, |r| Operand::Url(Link::Borrowed(&r.original_url)))
    }),
    property("MatchedParameters", Type::Parameters, |a| {
        request(a, |r| Operand::Parameters(&r.matched_parameters))
    }),
    property("Certificate", Type::Certificate, |a| {
        request(a, |r| match &r.certificate {
            Some(certificate) => Operand::Certificate(certificate),
            None => Operand::Null,
        })
    }),
];

pub(super) static RESPONSE: &[Property] = &[
    property("StatusCode", Type::Int, |a| {
        response(a, |r| Operand::Int(r.status.as_u16().into()))
    }),
    property("StatusReason", Type::String, |a| {
        response(a, |r| match &r.reason {
            Some(reason) => Operand::borrowed(reason),
            None => Operand::borrowed(r.status.canonical_reason().unwrap_or("")),
        })
    }),
    property("Headers", Type::Multimap, |a| {
        response(a, |r| Operand::Headers(&r.headers))
    }),
];

pub(super) static API: &[Property] = &[
    property("Id", Type::String, |a| api(a, |x| Operand::borrowed(&x.id))),
    property("Name", Type::String, |a| {
        api(a, |x| Operand::borrowed(&x.name))
    }),
    property("Path", Type::String, |a| {
        api(a, |x| Operand::borrowed(&x.path))
    }),
    property("Revision", Type::String, |a| {
        api(a, |x| optional(x.revision.as_ref()))
    }),
    property("Version", Type::String, |a| {
        api(a, |x| optional(x.version.as_ref()))
    }),
    property("ServiceUrl", Type::Url, |a| {
        api(a, |x| {
            let url = x
                .service_url
                .as_deref()
                .and_then(|url| url.parse::<Uri>().ok());
            url.map_or(Operand::Null, |url| {
                Operand::Url(Link::Shared(Arc::new(url)))
            })
        })
    }),
];

pub(super) static OPERATION: &[Property] = &[
    property("Id", Type::String, |a| {
        operation(a, |x| Operand::borrowed(&x.id))
    }),
    property("Method", Type::String, |a| {
        operation(a, |x| Operand::borrowed(&x.method))
    }),
    property("Name", Type::String, |a| {
        operation(a, |x| Operand::borrowed(&x.name))
    }),
    property("UrlTemplate", Type::String, |a| {
        operation(a, |x| Operand::borrowed(&x.url_template))
    }),
];

pub(super) static DEPLOYMENT: &[Property] = &[
    property("GatewayId", Type::String, |a| {
        deployment(a, |x| Operand::borrowed(&x.gateway_id))
    }),
    property("Region", Type::String, |a| {
        deployment(a, |x| Operand::borrowed(&x.region))
    }),
    property("ServiceName", Type::String, |a| {
        deployment(a, |x| Operand::borrowed(&x.service_name))
    }),
];

pub(super) static LAST_ERROR: &[Property] = &[
    property("Source", Type::String, |a| {
        last_error(a, |x| Operand::borrowed(&x.source))
    }),
    property("Reason", Type::String, |a| {
        last_error(a, |x| optional(x.reason.as_ref()))
    }),
    property("Message", Type::String, |a| {
        last_error(a, |x| Operand::borrowed(&x.message))
    }),
    property("Scope", Type::String, |a| {
        last_error(a, |x| optional(x.scope.as_ref()))
    }),
    property("Section", Type::String, |a| {
        last_error(a, |x| optional(x.section.as_ref()))
    }),
    property("Path", Type::String, |a| {
        last_error(a, |x| optional(x.path.as_ref()))
    }),
    property("PolicyId", Type::String, |a| {
        last_error(a, |x| optional(x.policy_id.as_ref()))
    }),
];

pub(super) static PRODUCT: &[Property] = &[
    property("Id", Type::String, null),
    property("Name", Type::String, null),
    property("State", Type::String, null),
];

pub(super) static SUBSCRIPTION: &[Property] = &[
    property("Id", Type::String, null),
    property("Name", Type::String, null),
    property("Key", Type::String, null),
    property("PrimaryKey", Type::String, null),
    property("SecondaryKey", Type::String, null),
];

pub(super) static USER: &[Property] = &[
    property("Id", Type::String, null),
    property("Email", Type::String, null),
    property("FirstName", Type::String, null),
    property("LastName", Type::String, null),
    property("Note", Type::String, null),
];
