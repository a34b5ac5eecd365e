#![allow(clippy::unwrap_used)]
//! Every document in `corpus/` reads as the `.txt` beside it says: a tree with the place and text
//! of each value, or the exact errors. `UPDATE_CORPUS=1` writes those files anew; look at the
//! difference before keeping it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir_policy::xml::{self, Attribute, Element, NamedValue, Node, RawValue};
use weir_policy::{Diagnostic, Expression};

/// The named values of the corpus.
fn named_value(name: &str) -> Option<NamedValue<'static>> {
    let (text, secret) = match name {
        "spa-origin" => ("http://localhost:3000", false),
        "openid-config-url" => (
            "https://id.example.com/.well-known/openid-configuration",
            false,
        ),
        "backend-client-id" => ("f8a5b3c1", false),
        "count" | "schlüssel" => ("15", false),
        "url" => ("https://api.example.com/", false),
        "expression" => ("@(context.Request.Method)", false),
        "recursive" => ("{{count}}", false),
        "markup" => ("<&>", false),
        "key" => ("s3cr3t-s3cr3t", true),
        _ => return None,
    };
    Some(NamedValue { text, secret })
}

fn documents(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(folder);
    let entries = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|ext| ext == "xml"))
        .collect();
    found.sort();
    assert!(
        found.len() > 10,
        "{} has lost its documents",
        folder.display()
    );
    found
}

/// Compares what each document of a folder reads as with its `.txt`.
fn check(folder: &str, describe: fn(&str) -> String) {
    let mut different = String::new();
    for path in documents(folder) {
        let found = describe(&std::fs::read_to_string(&path).unwrap());
        let expectation = path.with_extension("txt");
        if std::env::var_os("UPDATE_CORPUS").is_some() {
            std::fs::write(&expectation, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&expectation).unwrap_or_default();
        if expected != found {
            writeln!(
                different,
                "{}\n--- expected\n{expected}--- found\n{found}",
                path.display()
            )
            .unwrap();
        }
    }
    assert!(different.is_empty(), "\n{different}");
}

#[test]
fn good_documents_read_as_described() {
    check("good", |text| match xml::read(&Arc::from("p.xml"), text) {
        Ok(document) => {
            let mut out = String::new();
            describe(&document.root, 0, &mut out);
            out
        }
        Err(errors) => format!("REFUSED\n{}", lines(&errors)),
    });
}

#[test]
fn bad_documents_are_refused_with_their_errors() {
    check("bad", |text| match xml::read(&Arc::from("p.xml"), text) {
        Ok(document) => {
            let mut out = String::new();
            describe(&document.root, 0, &mut out);
            format!("ACCEPTED\n{out}")
        }
        Err(errors) => lines(&errors),
    });
}

fn lines(errors: &[Diagnostic]) -> String {
    errors.iter().map(|error| format!("{error}\n")).collect()
}

fn describe(element: &Element, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    writeln!(out, "{indent}<{}> {}", element.name, element.position).unwrap();
    for Attribute { name, value, .. } in &element.attributes {
        describe_value(name, value, &indent, out);
    }
    for child in &element.children {
        match child {
            Node::Element(element) => describe(element, depth + 1, out),
            Node::Text(text) => describe_value("#text", text, &indent, out),
        }
    }
}

fn describe_value(name: &str, raw: &RawValue, indent: &str, out: &mut String) {
    let kind = if raw.is_expression() {
        "expression"
    } else {
        "literal"
    };
    writeln!(
        out,
        "{indent}  {name} {} {kind} {:?}",
        raw.position(),
        raw.text()
    )
    .unwrap();
    let filled = match raw.substitute(&named_value) {
        Ok(filled) => filled,
        Err(errors) => {
            let errors: Vec<_> = errors
                .iter()
                .map(|error| error.diagnostic(&Arc::from("p.xml")))
                .collect();
            return indented(&errors, indent, out);
        }
    };
    if filled != *raw {
        writeln!(out, "{indent}    becomes {filled:?}").unwrap();
    }
    if filled.is_expression()
        && let Err(errors) = Expression::parse(&filled, &Arc::from("p.xml"))
    {
        indented(&errors, indent, out);
    }
}

fn indented(errors: &[Diagnostic], indent: &str, out: &mut String) {
    for line in lines(errors).lines() {
        writeln!(out, "{indent}    {line}").unwrap();
    }
}
