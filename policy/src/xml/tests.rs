#![allow(clippy::unwrap_used)]
//! The reader over small texts. Whole documents are in `tests/corpus`.

use std::sync::Arc;

use super::*;
use crate::diagnostic::Position;

fn at(line: u32, column: u32) -> Position {
    Position { line, column }
}

fn read_value(text: &str) -> RawValue {
    let document = read(&Arc::from("f"), text).unwrap();
    document.root.attribute("k").unwrap().value.clone()
}

#[test]
fn every_character_of_a_value_knows_its_place() {
    let value = read_value("<a\n k=\"@(é &amp;&amp;\n  x)\"/>");
    assert_eq!(value.text(), "@(é &&\n  x)");
    let places: Vec<Position> = value
        .text()
        .char_indices()
        .map(|(offset, _)| value.position_at(offset))
        .collect();
    let expected = [
        (2, 5),
        (2, 6),
        (2, 7),
        (2, 8),
        (2, 9),
        (2, 14),
        (2, 19),
        (3, 1),
        (3, 2),
        (3, 3),
        (3, 4),
    ];
    assert_eq!(places, expected.map(|(line, column)| at(line, column)));
    assert_eq!(value.position_at(value.text().len()), at(3, 5));
}

#[test]
fn what_is_filled_in_stands_where_its_braces_stood() {
    let value = read_value("<a k=\"x{{n}}y{{m}}z\"/>");
    let filled = value
        .substitute(&|_| {
            Some(NamedValue {
                text: "1\n2",
                secret: false,
            })
        })
        .unwrap();
    assert_eq!(filled.text(), "x1\n2y1\n2z");
    let places: Vec<u32> = (0..filled.text().len())
        .map(|offset| filled.position_at(offset).column)
        .collect();
    assert_eq!(places, [7, 8, 8, 8, 13, 14, 14, 14, 19]);
    assert!(!filled.is_secret());
}

#[test]
fn a_secret_shows_nowhere() {
    let secret = |name: &str| {
        (name == "s").then_some(NamedValue {
            text: "hunter2",
            secret: true,
        })
    };
    let filled = read_value("<a k=\"x {{s}} y\"/>")
        .substitute(&secret)
        .unwrap();
    assert!(filled.is_secret());
    assert_eq!(filled.text(), "x hunter2 y");
    assert_eq!(filled.quoted(), "(a secret)");
    assert_eq!(filled.quote(0..1), "`x`");
    assert_eq!(filled.quote(8..10), "(a secret)");
    assert!(!format!("{filled:?}").contains("hunter"));
    // Trimming it into an expression keeps the mark.
    let code = |_: &str| {
        Some(NamedValue {
            text: " @(\"hunter2\") ",
            secret: true,
        })
    };
    let filled = read_value("<a k=\" {{s}}\"/>").substitute(&code).unwrap();
    assert!(filled.is_expression() && filled.is_secret());
    assert_eq!(filled.text(), "@(\"hunter2\")");
}

/// A comment means nothing, and so does what is wrong in it. What may be filled in, is.
#[test]
fn a_comment_may_hold_what_looks_like_a_reference() {
    let fill = |value: &str| {
        let filled = read_value(&format!("<a k='{value}'/>")).substitute(&|_| {
            Some(NamedValue {
                text: "7",
                secret: false,
            })
        });
        filled.map(|filled| filled.text().to_owned())
    };
    for (value, filled) in [
        (
            "@{ // {{ old name }}\n return {{n}}; }",
            "@{ // {{ old name }}\n return 7; }",
        ),
        (
            "@(1 /* {{ old\n name }} {{a b}} */)",
            "@(1 /* {{ old\n name }} {{a b}} */)",
        ),
        (r#"@("{{n}}" + 1 /* {{n}} */)"#, r#"@("7" + 1 /* 7 */)"#),
    ] {
        assert_eq!(fill(value).as_deref(), Ok(filled), "{value}");
    }
    for value in [
        r#"@("// {{ old name }}")"#,
        r#"@("/* {{ old name }} */")"#,
        "@(/* */ {{ old name }} /* */)",
        "// {{ old name }}",
    ] {
        assert!(fill(value).is_err(), "{value}");
    }
}

#[test]
fn quoting_shortens() {
    let value = read_value(&format!("<a k=\"{}\"/>", "é".repeat(100)));
    assert_eq!(value.quoted(), format!("`{}…`", "é".repeat(60)));
}

#[test]
fn filling_in_is_bounded() {
    let value = read_value(&format!("<a k=\"{}\"/>", "{{n}}".repeat(1000)));
    let long = "x".repeat(4096);
    let errors = value
        .substitute(&|_| {
            Some(NamedValue {
                text: &long,
                secret: false,
            })
        })
        .unwrap_err();
    assert!(
        matches!(errors[..], [SubstitutionError::TooLong { .. }]),
        "{errors:?}"
    );
}

#[test]
fn a_large_document_is_refused_before_it_is_read() {
    let text = format!("<a>{}</a>", " ".repeat(256 * 1024));
    let errors = read(&Arc::from("f"), &text).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "f: the document has 262151 bytes\n    a policy document may have 262144 bytes (256 KiB)"
    );
}

#[test]
fn errors_are_bounded() {
    let text = format!("<a>{}</a>", "<b k=1/>".repeat(100));
    assert_eq!(read(&Arc::from("f"), &text).unwrap_err().len(), 20);
}

#[test]
fn the_end_of_an_expression_is_found() {
    let cases = [
        ("(a)b", Ok(3)),
        ("(\"(\" + ')')", Ok(11)),
        ("($\"{a[\")\"]}\")x", Ok(13)),
        ("($\"{a:)}\")", Ok(10)),
        ("(@\"\\\")", Ok(6)),
        ("(a", Err((0, "this `(` is never closed"))),
        (
            "(a[b)",
            Err((4, "`)` where `]` is needed to close the bracket before it")),
        ),
        ("('')", Err((1, "this character literal is never closed"))),
        ("(\"\\\n\")", Err((3, "a line break in a string"))),
        ("($\"{a\")", Err((5, "this string is never closed"))),
    ];
    for (text, expected) in cases {
        let found = lexical::closing(text, 0).map_err(|error| (error.at, error.to_string()));
        assert_eq!(
            found,
            expected.map_err(|(at, message): (usize, &str)| (at, message.to_owned())),
            "{text}"
        );
    }
}
