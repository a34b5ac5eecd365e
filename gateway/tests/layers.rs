//! The crate's layers: each module uses only those that stand before it here, so that a change of one
//! reaches upwards only, and a reader can begin at the bottom.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom to the top. Modules of one row know nothing of each other.
const LAYERS: &[&[&str]] = &[
    &["error", "failure", "limits", "path", "client_address"],
    &["metrics"],
    &["live", "openapi"],
    &["upstream"],
    &["compiled"],
    &["exchange"],
    &["reload"],
    &["config", "config_dir"],
    &["run"],
];

/// Inside `exchange`, the same.
const EXCHANGE: &[&[&str]] = &[&["cors", "forwarding", "trace"], &["arrival", "steps"]];

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// What follows `prefix` at each of its places in the code, comments left out.
fn names_after<'t>(text: &'t str, prefix: &'t str) -> impl Iterator<Item = &'t str> {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(move |code| code.split(prefix).skip(1))
        .map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            &rest[..end.unwrap_or(rest.len())]
        })
}

fn layer_of(layers: &[&[&str]], module: &str) -> Option<usize> {
    layers.iter().position(|layer| layer.contains(&module))
}

#[test]
fn each_module_uses_only_the_layers_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&source, &mut all);
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for file in all {
        let name = file.strip_prefix(&source).unwrap();
        let module = name
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let own = layer_of(LAYERS, module);
        let own = own.unwrap_or_else(|| panic!("`{module}` has no layer: give it one"));
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            !text.contains("crate::{"),
            "{}: name one module a line",
            name.display()
        );
        for used in names_after(&text, "crate::") {
            let Some(layer) = layer_of(LAYERS, used) else {
                continue; // an item of the crate's root
            };
            seen += 1;
            if layer > own || (layer == own && used != module) {
                wrong.push(format!("{} uses `{used}`", name.display()));
            }
        }
    }
    assert!(
        seen > 60,
        "the modules use each other {seen} times: is the text read right?"
    );
    assert!(
        wrong.is_empty(),
        "a layer uses one that is not below it:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn inside_an_exchange_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/exchange");
    for name in EXCHANGE[0] {
        let text = fs::read_to_string(folder.join(name).with_extension("rs")).unwrap();
        for used in names_after(&text, "crate::exchange::") {
            let above = layer_of(EXCHANGE, used).is_some_and(|layer| layer > 0);
            assert!(!above, "exchange/{name}.rs uses `{used}`");
        }
    }
}
