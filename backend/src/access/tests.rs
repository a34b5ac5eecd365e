//! Which addresses the rules let through.

#![allow(clippy::unwrap_used)]

use super::*;

fn networks(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn rule(priority: u32, action: Action, texts: &[&str]) -> Rule {
    Rule {
        priority,
        action,
        ..Rule::allow(networks(texts))
    }
}

fn allows(rules: &[Rule], unmatched: Option<Action>, peer: &str) -> bool {
    AccessRestrictions::new(rules.to_vec(), unmatched)
        .allows(peer.parse().unwrap(), &HeaderMap::new())
}

#[test]
fn without_rules_everybody_may_connect() {
    assert!(allows(&[], None, "192.0.2.1"));
    assert!(!allows(&[], Some(Action::Deny), "192.0.2.1"));
}

#[test]
fn any_rule_denies_all_it_does_not_name() {
    let allow = [rule(100, Action::Allow, &["10.0.3.0/24", "2001:db8::/32"])];
    assert!(allows(&allow, None, "10.0.3.9") && allows(&allow, None, "2001:db8::1"));
    assert!(!allows(&allow, None, "10.0.4.9") && !allows(&allow, None, "::1"));
    let lone_deny = [rule(100, Action::Deny, &["10.0.3.0/24"])];
    assert!(!allows(&lone_deny, None, "10.0.3.9"));
    assert!(
        !allows(&lone_deny, None, "192.0.2.1"),
        "a lone Deny rule denies all"
    );
    assert!(allows(&lone_deny, Some(Action::Allow), "192.0.2.1"));
    assert!(!allows(&lone_deny, Some(Action::Allow), "10.0.3.9"));
}

#[test]
fn the_lowest_priority_decides_and_equal_ones_in_order() {
    let both = |first: Action, one: u32, second: Action, two: u32| {
        allows(
            &[
                rule(one, first, &["10.0.0.0/8"]),
                rule(two, second, &["10.0.0.0/8"]),
            ],
            None,
            "10.1.1.1",
        )
    };
    assert!(!both(Action::Allow, 200, Action::Deny, 100));
    assert!(both(Action::Allow, 100, Action::Deny, 200));
    assert!(both(Action::Allow, 100, Action::Deny, 100));
    assert!(!both(Action::Deny, 100, Action::Allow, 100));
}

#[test]
fn mapped_addresses_and_networks_are_ipv4() {
    let allow = [rule(100, Action::Allow, &["10.0.0.0/8"])];
    assert!(allows(&allow, None, "::ffff:10.1.2.3"));
    assert!(!allows(&allow, None, "::ffff:11.1.2.3"));
    let mapped = [rule(100, Action::Allow, &["::ffff:10.0.0.0/104"])];
    assert!(allows(&mapped, None, "10.1.2.3") && allows(&mapped, None, "::ffff:10.1.2.3"));
    assert!(!allows(&mapped, None, "11.1.2.3"));
}

#[test]
fn host_bits_do_not_matter() {
    let allow = [rule(100, Action::Allow, &["10.1.2.3/8"])];
    assert!(allows(&allow, None, "10.200.0.1"));
}

fn with_headers(filters: Vec<HeaderFilter>, peer: &str, headers: &[(&'static str, &str)]) -> bool {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    let rules = vec![Rule {
        headers: filters,
        ..Rule::allow(networks(&["10.0.0.0/8"]))
    }];
    AccessRestrictions::new(rules, None).allows(peer.parse().unwrap(), &map)
}

#[test]
fn header_filters_narrow_a_rule_and_never_widen_it() {
    let client = || {
        vec![HeaderFilter::ForwardedFor(
            networks(&["192.0.2.0/24", "198.51.100.7/32"]).into(),
        )]
    };
    assert!(with_headers(
        client(),
        "10.1.1.1",
        &[("x-forwarded-for", "192.0.2.9")]
    ));
    assert!(with_headers(
        client(),
        "10.1.1.1",
        &[("x-forwarded-for", "203.0.113.1, ::ffff:198.51.100.7")]
    ));
    assert!(with_headers(
        client(),
        "10.1.1.1",
        &[("x-forwarded-for", "bad"), ("x-forwarded-for", "192.0.2.9")]
    ));
    assert!(
        !with_headers(client(), "10.1.1.1", &[]),
        "the header must be there"
    );
    assert!(!with_headers(
        client(),
        "10.1.1.1",
        &[("x-forwarded-for", "203.0.113.1")]
    ));
    assert!(
        !with_headers(client(), "172.16.0.1", &[("x-forwarded-for", "192.0.2.9")]),
        "the peer must match as well"
    );
    assert!(!with_headers(
        vec![],
        "172.16.0.1",
        &[("x-forwarded-for", "10.1.1.1")]
    ));
}

#[test]
fn several_filters_must_all_match_and_values_are_alternatives() {
    let filters = || {
        let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        vec![
            HeaderFilter::ForwardedHost(text(&["a.example", "b.example"])),
            HeaderFilter::FrontDoorId(text(&["id-1", "id-2"])),
        ]
    };
    let host = ("x-forwarded-host", "B.Example");
    assert!(with_headers(
        filters(),
        "10.1.1.1",
        &[host, ("x-azure-fdid", "id-2")]
    ));
    assert!(!with_headers(
        filters(),
        "10.1.1.1",
        &[host, ("x-azure-fdid", "id-3")]
    ));
    assert!(!with_headers(filters(), "10.1.1.1", &[host]));
}
