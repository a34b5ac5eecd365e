//! A URL template of an operation, and a path that asks for it: two lines.

use weir_policy::template::UrlTemplate;

/// A template matches a path with a value for each of its parameters, or not at all.
pub(crate) fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (template, path) = text.split_once('\n').unwrap_or((text, "/"));
    let Ok(template) = UrlTemplate::parse(template) else {
        return;
    };
    assert!(template.same_shape(&template));
    assert!(template.cmp_specificity(&template).is_eq());
    if let Some(values) = template.matches(path) {
        let names: Vec<_> = template.parameters().collect();
        let found: Vec<_> = values.iter().map(|(name, _)| name).collect();
        assert_eq!(names, found, "{text:?}");
    }
}
