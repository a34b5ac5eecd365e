//! `check-header` and `ip-filter`

use crate::compile::literal;
use crate::compile::{Place, Reader};
use crate::plan::{Action, AddressRange, CheckHeader, IpFilter};
use crate::xml::Element;

pub(super) fn check_header(reader: &mut Reader<'_, '_>, _: &Place<'_>) -> Option<Action> {
    reader.attributes(&[
        "name",
        "failed-check-httpcode",
        "failed-check-error-message",
        "ignore-case",
    ]);
    reader.children(&["value"]);
    let name = reader.required("name", literal::header_name_text);
    let failed_status = reader.required("failed-check-httpcode", literal::status);
    let failed_message = reader.required("failed-check-error-message", literal::text);
    let ignore_case = reader.required("ignore-case", literal::boolean);
    let values = reader.texts("value", literal::text);
    Some(Action::CheckHeader(Box::new(CheckHeader {
        name: name?,
        failed_status: failed_status?,
        failed_message: failed_message?,
        ignore_case: ignore_case?,
        values,
    })))
}

pub(super) fn ip_filter(reader: &mut Reader<'_, '_>, _: &Place<'_>) -> Option<Action> {
    reader.attributes(&["action"]);
    reader.children(&["address", "address-range"]);
    let action = reader.required("action", literal::one_of(&["allow", "forbid"]));
    if reader.element.elements().next().is_none() {
        reader.report_here(
            "`ip-filter` has no address",
            "add `<address>…</address>` or `<address-range from=\"…\" to=\"…\" />`",
        );
    }
    let mut ranges: Vec<_> = reader
        .texts("address", literal::address_text)
        .into_iter()
        .map(AddressRange::One)
        .collect();
    for element in reader.each("address-range") {
        ranges.extend(range(reader, element));
    }
    Some(Action::IpFilter(Box::new(IpFilter {
        action: action?,
        ranges,
    })))
}

fn range(reader: &mut Reader<'_, '_>, element: &Element) -> Option<AddressRange> {
    let mut reader = reader.of(element);
    reader.attributes(&["from", "to"]);
    reader.children(&[]);
    let from = reader.required_literal("from", literal::address);
    let to = reader.required_literal("to", literal::address);
    let (from, to) = (from?, to?);
    if from.is_ipv4() != to.is_ipv4() {
        reader.report_here("the range mixes IPv4 and IPv6", "write one range for each");
    } else if from > to {
        reader.report_here("the range is empty: `from` is above `to`", "swap the two");
    }
    Some(AddressRange::Range(from, to))
}
