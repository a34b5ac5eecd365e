#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn matched(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let found = UrlTemplate::parse(template).unwrap().matches(path)?;
    Some(
        found
            .into_iter()
            .map(|(name, value)| (name.to_string(), value))
            .collect(),
    )
}

fn pairs(list: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
    Some(
        list.iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect(),
    )
}

#[test]
fn literals_parameters_and_wildcards_match() {
    assert_eq!(matched("/", "/"), pairs(&[]));
    assert_eq!(matched("/", ""), pairs(&[]));
    assert_eq!(matched("/hello", "/hello"), pairs(&[]));
    assert_eq!(matched("/hello", "hello"), pairs(&[]));
    assert_eq!(
        matched("/a/{x}/b/{y}", "/a/1/b/2"),
        pairs(&[("x", "1"), ("y", "2")])
    );
    assert_eq!(
        matched("/report-{day}.csv", "/report-monday.csv"),
        pairs(&[("day", "monday")])
    );
    assert_eq!(matched("/files/*", "/files/a/b/c"), pairs(&[]));
    assert_eq!(matched("/{tenant}/*", "/t/x"), pairs(&[("tenant", "t")]));
}

#[test]
fn what_differs_does_not_match() {
    for (template, path) in [
        ("/hello", "/Hello"),
        ("/hello", "/hello/"),
        ("/hello", "/hello/x"),
        ("/hello", "/"),
        ("/{x}", "/"),
        ("/{x}", "/a/b"),
        ("/a/{x}", "/a/"),
        ("/a/{x}/b", "/a//b"),
        ("/files/*", "/files"),
        ("/files/*", "/files/"),
        ("/*", "/"),
        ("/v{n}", "/v"),
    ] {
        assert_eq!(
            matched(template, path),
            None,
            "{template} must not match {path}"
        );
    }
}

#[test]
fn values_are_decoded() {
    assert_eq!(matched("/{x}", "/a%20b"), pairs(&[("x", "a b")]));
    assert_eq!(matched("/{x}", "/caf%C3%A9"), pairs(&[("x", "café")]));
    assert_eq!(matched("/{x}", "/a%2Fb"), pairs(&[("x", "a/b")]));
    assert_eq!(matched("/{x}", "/100%"), pairs(&[("x", "100%")]));
    assert_eq!(matched("/hello", "/h%65llo"), pairs(&[]));
    assert_eq!(matched("/caf%C3%A9", "/caf%C3%A9"), pairs(&[]));
}

#[test]
fn a_value_that_could_mean_another_path_matches_nothing() {
    for path in [
        "/..",
        "/.",
        "/%2e%2E",
        "/a%2F..%2Fb",
        "/..%5Cb",
        "/%00",
        "/a%0D%0Ab",
        "/%ff",
        "/%C0%AE",
    ] {
        assert_eq!(matched("/{x}", path), None, "{path}");
    }
    for path in ["/files/../secret", "/files/%2e%2e/secret", "/files/a%00"] {
        assert_eq!(matched("/files/*", path), None, "{path}");
    }
}

#[test]
fn bad_templates_say_what_is_wrong() {
    let error = |text: &str| UrlTemplate::parse(text).unwrap_err().to_string();
    assert_eq!(error("hello"), "a URL template starts with `/`");
    assert_eq!(
        error("/a?b={c}"),
        "a URL template is a path only: `?` and `#` are not supported in it"
    );
    assert_eq!(error("/{a"), "the braces in `{a` do not pair up");
    assert_eq!(error("/a}"), "the braces in `a}` do not pair up");
    assert_eq!(error("/{{a}}"), "the braces in `{{a}}` do not pair up");
    assert_eq!(
        error("/{a}-{b}"),
        "`{a}-{b}` has two parameters; a segment may hold one"
    );
    assert_eq!(
        error("/{}"),
        "`{}` is not a parameter name; use letters, digits, `.`, `-` and `_`"
    );
    assert_eq!(
        error("/{a b}"),
        "`{a b}` is not a parameter name; use letters, digits, `.`, `-` and `_`"
    );
    assert_eq!(error("/{a}/{a}"), "the parameter `{a}` occurs twice");
    assert_eq!(error("/*/a"), "`*` may only be the whole last segment");
    assert_eq!(error("/a*"), "`*` may only be the whole last segment");
}

#[test]
fn the_more_specific_template_sorts_first() {
    let mut templates: Vec<_> = [
        "/*",
        "/{a}",
        "/a/*",
        "/a",
        "/v{n}",
        "/a/{b}",
        "/a/b",
        "/{a}/b",
        "/version-{n}",
    ]
    .map(|t| UrlTemplate::parse(t).unwrap())
    .into();
    templates.sort_by(UrlTemplate::cmp_specificity);
    let order: Vec<_> = templates.iter().map(|t| &*t.text).collect();
    assert_eq!(
        order,
        [
            "/a",
            "/a/b",
            "/a/{b}",
            "/a/*",
            "/version-{n}",
            "/v{n}",
            "/{a}",
            "/{a}/b",
            "/*"
        ]
    );
}

#[test]
fn shapes_ignore_the_names_of_parameters() {
    let same = |a, b| {
        UrlTemplate::parse(a)
            .unwrap()
            .same_shape(&UrlTemplate::parse(b).unwrap())
    };
    assert!(same("/a/{b}/v{c}/*", "/a/{x}/v{y}/*"));
    assert!(!same("/a", "/A"));
    assert!(!same("/{a}", "/*"));
    assert!(!same("/v{a}", "/w{a}"));
    assert!(!same("/{a}", "/{a}/{b}"));
}

proptest! {
    /// Filling a template in with encoded values and matching gives the values back.
    #[test]
    fn a_filled_template_gives_its_values_back(values in proptest::collection::vec("[^/\\\\\\p{Cc}]{1,12}", 1..5)) {
        prop_assume!(values.iter().all(|v| v != "." && v != ".."));
        let template: String = (0..values.len()).map(|i| format!("/s{i}/{{p{i}}}")).collect();
        let path: String = values.iter().enumerate().map(|(i, value)| {
            format!("/s{i}/{}", percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC))
        }).collect();
        let found: Vec<_> = matched(&template, &path).unwrap().into_iter().map(|(_, v)| v).collect();
        prop_assert_eq!(found, values);
    }

    /// Nothing panics, and no value ever holds what `decode` promises to refuse.
    #[test]
    fn any_path_is_safe(path in "(/|[a-z.]|%2[eEfF]|%5C|%[0-9a-fA-F]{0,2}|\\PC){0,24}") {
        for template in ["/{x}", "/{x}/{y}", "/a{x}b/*", "/*"] {
            for (_, value) in matched(template, &path).into_iter().flatten() {
                prop_assert!(!value.is_empty());
                prop_assert!(!value.chars().any(char::is_control));
                prop_assert!(value.split(['/', '\\']).all(|part| part != "." && part != ".."));
            }
        }
    }

    /// Parsing never panics, and what parses shows its text.
    #[test]
    fn any_template_parses_or_is_refused(text in "/?([a-z{}*/?.%-]|\\PC){0,24}") {
        if let Ok(template) = UrlTemplate::parse(&text) {
            prop_assert_eq!(&*template.text, text.as_str());
            prop_assert!(template.same_shape(&template));
        }
    }
}
