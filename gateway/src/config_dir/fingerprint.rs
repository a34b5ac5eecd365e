//! Seeing that a configuration has changed, without reading it.
//!
//! A poll of what the file system says about every file, and no notification of the kernel's: it
//! works on every file system, network ones too, and with folders that are exchanged as a whole, as
//! Kubernetes does with its links.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{ENDINGS, MOST_DEPTH, MOST_FILES};

/// Endings of files in a folder of certificates.
const CERTIFICATE_ENDINGS: [&str; 3] = ["pem", "crt", "key"];

/// A number that changes whenever a file of these does: folders of a configuration or of
/// certificates, with what would be read there, and single files. What cannot be read counts as not there.
#[must_use]
pub fn fingerprint(paths: &[PathBuf]) -> u64 {
    let mut walk = Walk {
        state: DefaultHasher::new(),
        files: 0,
    };
    for path in paths {
        if path.is_dir() {
            walk.folder(path, 0);
        } else {
            walk.file(path);
        }
    }
    walk.state.finish()
}

struct Walk {
    state: DefaultHasher,
    files: usize,
}

impl Walk {
    /// Bounded as reading is.
    fn folder(&mut self, dir: &Path, depth: usize) {
        self.files += 1;
        let Ok(entries) = fs::read_dir(dir) else {
            return;
        };
        if depth > MOST_DEPTH {
            return;
        }
        let mut entries: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for path in entries {
            let hidden = path
                .file_name()
                .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
            if hidden || self.files > MOST_FILES {
                continue;
            }
            if path.is_dir() {
                self.folder(&path, depth + 1);
            } else if path
                .extension()
                .and_then(|e| e.to_str())
                .is_some_and(|e| ENDINGS.contains(&e) || CERTIFICATE_ENDINGS.contains(&e))
            {
                self.file(&path);
            }
        }
    }

    /// Links are followed. The time of the last change of the entry itself (`ctime`) cannot be set
    /// back by anybody, so that a copy that keeps the old time is seen too.
    fn file(&mut self, path: &Path) {
        self.files += 1;
        path.hash(&mut self.state);
        let seen = fs::metadata(path).ok().map(|file| {
            (
                file.dev(),
                file.ino(),
                file.len(),
                file.mtime(),
                file.mtime_nsec(),
                file.ctime(),
                file.ctime_nsec(),
            )
        });
        seen.hash(&mut self.state);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn it_changes_with_files_of_the_configuration_and_with_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (root, secret) = (dir.path().join("config"), dir.path().join("secret"));
        fs::create_dir_all(root.join("apis")).unwrap();
        let now = || fingerprint(&[root.clone(), secret.clone()]);
        let mut last = now();
        let mut changed = |what: &str| {
            let this = now();
            assert_ne!(this, last, "{what}");
            assert_eq!(this, now(), "it is the same when nothing changes");
            last = this;
        };
        fs::write(root.join("policy.xml"), "one").unwrap();
        changed("a new file");
        fs::write(root.join("policy.xml"), "three").unwrap();
        changed("another text");
        fs::write(root.join("apis/a.json"), "{}").unwrap();
        changed("a file below");
        fs::remove_file(root.join("apis/a.json")).unwrap();
        changed("a file less");
        fs::write(&secret, "s").unwrap();
        changed("a single file");
        fs::write(root.join("notes.txt"), "n").unwrap();
        fs::write(root.join(".hidden.xml"), "h").unwrap();
        assert_eq!(now(), last, "files that are not read do not matter");
    }

    /// As Kubernetes mounts a ConfigMap: every file is a link through `..data`, which is exchanged
    /// as a whole.
    #[test]
    fn it_changes_when_a_mounted_volume_is_exchanged() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for version in ["..v1", "..v2"] {
            fs::create_dir(root.join(version)).unwrap();
            fs::write(root.join(version).join("policy.xml"), "same").unwrap();
        }
        symlink("..v1", root.join("..data")).unwrap();
        symlink("..data/policy.xml", root.join("policy.xml")).unwrap();
        let before = fingerprint(&[root.to_owned()]);
        symlink("..v2", root.join("..data_tmp")).unwrap();
        fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
        assert_ne!(fingerprint(&[root.to_owned()]), before);
    }
}
