//! What may use what inside this crate, as CONTRIBUTING.md says it.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// A folder, and the modules of this crate that stand below it or beside it.
const ORDER: [(&str, &[&str]); 5] = [
    ("window", &["store", "stores", "layers", "server", "client"]),
    ("stores", &["layers", "server", "client"]),
    ("layers", &["server", "client"]),
    ("server", &["client"]),
    ("client", &["server"]),
];

/// Sources of the folder and of the module it belongs to, without their tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.with_extension("rs")];
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.retain(|path| !path.components().any(|part| part.as_os_str() == "tests"));
    found.retain(|path| path.file_name().is_none_or(|name| name != "tests.rs"));
    found
}

#[test]
fn each_folder_uses_only_what_stands_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut looked_at = 0;
    for (folder, below) in ORDER {
        for path in sources(&root.join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            looked_at += 1;
            for module in below {
                let used = code.contains(&format!("crate::{module}::"));
                assert!(!used, "{} uses {module}", path.display());
            }
        }
    }
    assert!(looked_at > 40, "{looked_at} files");
}
