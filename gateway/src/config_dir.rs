//! From a folder on disk to a configuration. The gateway and `weir check` read the same way.
//!
//! The walk is bounded in depth, number of files and bytes: a path typed wrong (`/` instead of
//! `./config`) is an error in a moment, not a long silence. Links are followed, because mounted
//! configurations (for example of Kubernetes) consist of links; the bound on depth ends a loop of
//! them.

mod fingerprint;

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use weir_policy::artifacts::{Artifacts, NamedValueOverrides};
use weir_policy::{Configuration, Diagnostic, Diagnostics};

use crate::compiled::prepared::Prepared;
use crate::upstream::tls::BackendTls;

pub use fingerprint::fingerprint;

/// Files of one configuration: ten times the largest estates known (about 1,000 APIs with a few
/// files each).
const MOST_FILES: usize = 50_000;
/// Folders below each other: the layout needs four, workspaces two more.
const MOST_DEPTH: usize = 8;
/// Bytes of one file; an OpenAPI document is at most 4 MB in API Management.
const MOST_FILE_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes of all files together.
const MOST_BYTES: u64 = 512 * 1024 * 1024;

/// Endings of files that can belong to a configuration; others (notes, scripts) are not even read.
const ENDINGS: [&str; 4] = ["xml", "json", "yaml", "yml"];

/// Reads and compiles the configuration in `dir`; `overrides` replace named values. What loads can
/// be put to work: a start finds no other error in it.
///
/// # Errors
/// Everything that is wrong with it, with file, place and what would work.
pub fn load(dir: &Path, overrides: &NamedValueOverrides) -> Result<Configuration, Diagnostics> {
    load_with(dir, overrides, &BackendTls::default())
}

/// The same for a gateway with certificates to show to backends.
///
/// # Errors
/// The same, and what is wrong with those files.
pub fn load_with(
    dir: &Path,
    overrides: &NamedValueOverrides,
    backend_tls: &BackendTls,
) -> Result<Configuration, Diagnostics> {
    let mut walk = Walk {
        artifacts: Artifacts::new(),
        files: 0,
        bytes: 0,
        problems: Vec::new(),
    };
    if !dir.is_dir() {
        let help = "name a folder that holds policy.xml, apis/, backends/ and named values/";
        walk.problem(&dir.display().to_string(), "is not a folder", help);
    }
    walk.folder(dir, "", 0);
    if !walk.problems.is_empty() {
        return Err(Diagnostics(walk.problems));
    }
    let configuration = walk.artifacts.compile(overrides)?;
    Prepared::new(&configuration, &backend_tls.read()?)?;
    Ok(configuration)
}

struct Walk {
    artifacts: Artifacts,
    files: usize,
    bytes: u64,
    problems: Vec<Diagnostic>,
}

impl Walk {
    fn folder(&mut self, dir: &Path, relative: &str, depth: usize) {
        // Folders count too, or links could make a small tree look endless.
        self.files += 1;
        if depth > MOST_DEPTH {
            return self.problem(
                relative,
                "is nested too deep",
                "keep to the layout that the APIOps extractor writes",
            );
        }
        let Ok(entries) = fs::read_dir(dir) else {
            if self.problems.is_empty() {
                self.problem(
                    relative,
                    "cannot be read",
                    "check the permissions of the folder",
                );
            }
            return;
        };
        let mut entries: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for path in entries {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            // Hidden folders hold version control and the bookkeeping of mounted volumes.
            if name.starts_with('.') {
                continue;
            }
            let relative = if relative.is_empty() {
                name.to_owned()
            } else {
                format!("{relative}/{name}")
            };
            if path.is_dir() {
                self.folder(&path, &relative, depth + 1);
            } else if path
                .extension()
                .and_then(|e| e.to_str())
                .is_some_and(|e| ENDINGS.contains(&e))
            {
                self.file(&path, &relative);
            }
            if self.files > MOST_FILES || self.bytes > MOST_BYTES {
                break;
            }
        }
    }

    fn file(&mut self, path: &Path, relative: &str) {
        self.files += 1;
        if self.files > MOST_FILES {
            let message = format!("is one file too many: a configuration has at most {MOST_FILES}");
            return self.problem(relative, &message, "check that the right folder was named");
        }
        let text = match read(path) {
            Ok(text) => text,
            Err(why) => return self.problem(relative, &why, "configuration files are UTF-8 text"),
        };
        self.bytes += text.len() as u64;
        if self.bytes > MOST_BYTES {
            let message = format!("brings the configuration above {MOST_BYTES} bytes");
            return self.problem(relative, &message, "check that the right folder was named");
        }
        self.artifacts.insert(relative, text);
    }

    fn problem(&mut self, file: &str, message: &str, help: &str) {
        self.problems.push(Diagnostic {
            file: Arc::from(file),
            position: None,
            message: message.to_owned(),
            help: Some(help.to_owned()),
        });
    }
}

fn read(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells "too large" from "just fits", also if the file grows
    // meanwhile.
    file.take(MOST_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MOST_FILE_BYTES {
        return Err(format!("is larger than {MOST_FILE_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| format!("is not UTF-8: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn messages(dir: &Path) -> Vec<String> {
        let problems = load(dir, &NamedValueOverrides::new()).unwrap_err();
        problems.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_folder_that_is_none_is_an_error_that_names_it() {
        let messages = messages(Path::new("/nonexistent/weir"));
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert!(
            messages[0].starts_with("/nonexistent/weir: is not a folder"),
            "{messages:?}"
        );
    }

    #[test]
    fn all_unreadable_files_are_named_at_once() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("policy.xml"), [0xff, 0xfe]).unwrap();
        fs::create_dir(dir.path().join("apis")).unwrap();
        let large = fs::File::create(dir.path().join("apis/big.json")).unwrap();
        large.set_len(MOST_FILE_BYTES + 1).unwrap();
        fs::write(dir.path().join("notes.txt"), [0xff]).unwrap();
        let messages = messages(dir.path());
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(
            messages[0].starts_with("apis/big.json: is larger than"),
            "{messages:?}"
        );
        assert!(
            messages[1].starts_with("policy.xml: is not UTF-8"),
            "{messages:?}"
        );
    }

    #[test]
    fn a_loop_of_links_ends() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("again")).unwrap();
        assert!(
            messages(dir.path())
                .iter()
                .any(|m| m.contains("nested too deep"))
        );
    }
}
