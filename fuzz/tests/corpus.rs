//! Every target over its corpus, and the document target over the policy crate's documents too.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use weir_fuzz::{TARGETS, Target};

/// The files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Runs a target over each file, and over every prefix of a short one.
fn run(target: Target, folder: &Path) -> usize {
    let files = files(folder);
    for file in &files {
        let data = fs::read(file).unwrap();
        target(&data);
        if data.len() <= 512 {
            (0..data.len()).for_each(|end| target(&data[..end]));
        }
    }
    files.len()
}

#[test]
fn every_target_holds_for_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in TARGETS {
        assert!(run(target, &corpus.join(name)) >= 3, "{name} has a corpus");
    }
}

#[test]
fn every_document_of_the_policy_crate_is_read_or_refused() {
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy/tests");
    let (_, target) = TARGETS[0];
    assert!(run(target, &policy.join("corpus")) > 20);
    assert!(run(target, &policy.join("documents")) > 20);
}
