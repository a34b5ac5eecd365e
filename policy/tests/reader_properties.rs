#![allow(clippy::unwrap_used)]
//! Rules that hold for every text the reader is given: arbitrary ones, and the corpus with mistakes
//! made at random.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use weir_policy::Expression;
use weir_policy::xml::{self, Element, NamedValue, Node, RawValue};

static CORPUS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = ["good", "bad"]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let mut paths: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "xml"));
    paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .filter(|text| text.len() < 4096)
        .collect()
});

/// Reads and does with every value what a load does.
fn exercise(text: &str) {
    let file: Arc<str> = Arc::from("f");
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let last_line = u32::try_from(lines.split('\n').count()).unwrap();
    match xml::read(&file, text) {
        Ok(document) => visit(&document.root, &mut |value| use_value(value, &lines)),
        Err(errors) => {
            assert!((1..=21).contains(&errors.len()));
            for error in errors {
                let line = error.position.unwrap().line;
                assert!((1..=last_line).contains(&line), "{error}");
            }
        }
    }
}

fn visit(element: &Element, visitor: &mut dyn FnMut(&RawValue)) {
    element
        .attributes
        .iter()
        .for_each(|attribute| visitor(&attribute.value));
    for child in &element.children {
        match child {
            Node::Element(element) => visit(element, visitor),
            Node::Text(text) => visitor(text),
        }
    }
}

fn use_value(raw: &RawValue, document: &str) {
    let document = document.strip_prefix('\u{feff}').unwrap_or(document);
    let lines: Vec<Vec<char>> = document
        .split('\n')
        .map(|line| line.chars().collect())
        .collect();
    for (offset, character) in raw.text().char_indices() {
        let position = raw.position_at(offset);
        let line = &lines[position.line as usize - 1];
        let found = line
            .get(position.column as usize - 1)
            .copied()
            .unwrap_or('\n');
        assert!(
            found == character || found == '&',
            "{character:?} at {position} is {found:?}"
        );
    }
    let Ok(filled) = raw.substitute(&|_| {
        Some(NamedValue {
            text: "\"x\" + 1",
            secret: true,
        })
    }) else {
        return;
    };
    if filled.is_expression() {
        let _ = Expression::parse(&filled, &Arc::from("f"));
    }
}

fn mutated() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "\"",
        "'",
        "<",
        ">",
        "&",
        "@(",
        "@{",
        ")",
        "}",
        "{{",
        "}}",
        "</",
        "/>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?",
        "$\"",
        "@\"",
        "//",
        "/*",
        "*/",
        "\\",
        "\n",
        "\r",
        "é",
        "&quot;",
        "&amp;",
        "=",
        " ",
        "]",
        "[",
        "\u{0}",
        "<a>",
        "</a>",
    ]);
    let edit = (
        any::<prop::sample::Index>(),
        0..12_usize,
        prop::option::of(piece),
    );
    (
        any::<prop::sample::Index>(),
        prop::collection::vec(edit, 1..6),
    )
        .prop_map(|(document, edits)| {
            let mut text: Vec<char> = document.get(&CORPUS).chars().collect();
            for (place, removed, inserted) in edits {
                let start = place.index(text.len() + 1);
                let end = (start + removed).min(text.len());
                text.splice(start..end, inserted.unwrap_or("").chars());
            }
            text.into_iter().collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn corpus_documents_with_mistakes_read_or_are_refused(text in mutated()) {
        exercise(&text);
    }

    #[test]
    fn any_text_reads_or_is_refused(text in any::<String>()) {
        exercise(&text);
    }

    #[test]
    fn any_literal_survives_being_escaped(original in "[^\u{0}-\u{1f}\u{fffe}\u{ffff}]*") {
        let escaped = original.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let document = xml::read(&Arc::from("f"), &format!("<a k=\"x{escaped}\"/>")).unwrap();
        let expected = format!("x{original}");
        prop_assert_eq!(document.root.attributes[0].value.text(), expected);
    }

    #[test]
    fn any_string_in_an_expression_reads_raw_and_escaped(original in "[ -~é\u{1f600}]*") {
        let string = format!("\"{}\"", original.replace('\\', "\\\\").replace('"', "\\\""));
        let code = format!("@({string} + (1 < 2) + '\"')");
        let escaped = code.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let text = |value: &str| {
            let document = xml::read(&Arc::from("f"), &format!("<a k=\"{value}\">{value}</a>")).unwrap();
            let root = document.root;
            (root.attributes[0].value.text().to_owned(), root.text().unwrap().text().to_owned())
        };
        prop_assert_eq!(text(&escaped), (code.clone(), code.clone()));
        // What looks like an entity would be decoded.
        if !original.contains('&') {
            prop_assert_eq!(text(&code), (code.clone(), code.clone()));
        }
    }
}
