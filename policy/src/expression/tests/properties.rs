//! Rules that hold for all expressions.

use proptest::prelude::*;

use super::*;

/// An arithmetic expression and its value; `None` if it overflows or divides by zero.
fn arithmetic() -> impl Strategy<Value = (String, Option<i64>)> {
    let leaf = (0..1000_i64).prop_map(|n| (n.to_string(), Some(n)));
    leaf.prop_recursive(6, 64, 2, |inner| {
        (inner.clone(), inner, 0..6_usize).prop_map(|((left, a), (right, b), operator)| {
            let value = match operator {
                0 => a.zip(b).and_then(|(a, b)| a.checked_add(b)),
                1 => a.zip(b).and_then(|(a, b)| a.checked_sub(b)),
                2 => a.zip(b).and_then(|(a, b)| a.checked_mul(b)),
                3 => a.zip(b).and_then(|(a, b)| a.checked_div(b)),
                4 => a.zip(b).and_then(|(a, b)| a.checked_rem(b)),
                _ => return (format!("-({left})"), a.and_then(i64::checked_neg)),
            };
            (
                format!("({left}) {} ({right})", ["+", "-", "*", "/", "%"][operator]),
                value,
            )
        })
    })
}

/// A chain without brackets, for precedence: terms of `*` joined by `+` and `-`.
fn chain() -> impl Strategy<Value = (String, i64)> {
    let term = prop::collection::vec(1..10_i64, 1..4);
    prop::collection::vec((any::<bool>(), term), 1..6).prop_map(|terms| {
        let mut text = "0".to_owned();
        let mut value = 0;
        for (is_plus, factors) in terms {
            let factor_texts: Vec<String> = factors.iter().map(ToString::to_string).collect();
            let product: i64 = factors.iter().product();
            text += if is_plus { " + " } else { " - " };
            text += &factor_texts.join(" * ");
            value += if is_plus { product } else { -product };
        }
        (text, value)
    })
}

/// Pieces of C# in any order: what a parser meets when somebody makes mistakes.
fn soup() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "context",
        ".",
        "Request",
        "Headers",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "$\"",
        "@\"",
        "{{",
        "}}",
        "<",
        ">",
        "string",
        "int",
        "?",
        "?.",
        "??",
        ":",
        ";",
        "=",
        "==",
        "=>",
        "&&",
        "||",
        "!",
        "+",
        "-",
        "*",
        "/",
        "//",
        "/*",
        "*/",
        "1",
        "0x",
        "1.5",
        "e",
        "é",
        "\u{1f600}",
        "\\",
        "\n",
        " ",
        "return",
        "if",
        "else",
        "var",
        "x",
        "is",
        "as",
        "null",
        "new",
        ",",
        "@",
        "&quot;",
        "&",
        "#",
        "Variables",
        "GetValueOrDefault",
        "%",
        "_",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn arithmetic_agrees_with_an_oracle((text, expected) in arithmetic()) {
        let expression = parse(&format!("@({text})"));
        // Depth is bounded; within it, the value is right.
        if let Ok(expression) = expression {
            match (expression.evaluate(&context()), expected) {
                (Ok(value), Some(expected)) => prop_assert_eq!(value, Value::Int(expected)),
                (Err(_), None) => {}
                (found, expected) => prop_assert!(false, "{:?} instead of {:?}", found, expected),
            }
        }
    }

    #[test]
    fn precedence_agrees_with_an_oracle((text, expected) in chain()) {
        prop_assert_eq!(eval(&text), Value::Int(expected));
    }

    #[test]
    fn any_string_survives_as_a_literal(original in any::<String>()) {
        // Entities would be decoded by the reader of documents.
        let original: String = original.chars().filter(|c| !c.is_control() && *c != '&').collect();
        let escaped = original.replace('\\', "\\\\").replace('"', "\\\"");
        prop_assert_eq!(text(&format!("\"{escaped}\"")), original.clone());
        let verbatim = original.replace('"', "\"\"");
        prop_assert_eq!(text(&format!("@(@\"{verbatim}\")")), original);
    }

    #[test]
    fn no_text_makes_it_panic(body in soup(), is_block in any::<bool>()) {
        let whole = if is_block { format!("@{{{body}}}") } else { format!("@({body})") };
        let document = xml::read(&Arc::from("f"), &format!("<a b=\"{whole}\"/>"));
        if let Ok(document) = document {
            for attribute in &document.root.attributes {
                if let Ok(expression) = Expression::parse(&attribute.value, &Arc::from("f")) {
                    let _ = expression.evaluate(&context());
                }
            }
        }
    }
}
