//! A configuration folder of a test's own: the scenario's, changed.

use std::fs;
use std::path::{Path, PathBuf};

/// A temporary copy of `config/`.
pub struct ConfigDir(tempfile::TempDir);

impl ConfigDir {
    /// The scenario as it is.
    pub fn scenario() -> Self {
        let directory = tempfile::tempdir().unwrap();
        copy(&Self::scenario_path(), directory.path());
        Self(directory)
    }

    /// The repository's `config/`.
    pub fn scenario_path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
    }

    /// Replaces text in the global policy; it must be there.
    pub fn with(self, from: &str, to: &str) -> Self {
        self.edit("policy.xml", from, to)
    }

    /// Replaces text in any file.
    pub fn edit(self, file: &str, from: &str, to: &str) -> Self {
        let path = self.0.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} does not contain {from:?}");
        fs::write(path, text.replace(from, to)).unwrap();
        self
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn as_str(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
