//! Which files of a folder are served, and the table of them as Rust. Used by the build and tested
//! by `tests/dist.rs`.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

/// One file, and whether it was compressed when it was built.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// The path below the folder, with `/` on every system.
    pub(crate) name: String,
    /// `NAME.br` is beside it.
    pub(crate) brotli: bool,
    /// `NAME.gz` is beside it.
    pub(crate) gzip: bool,
}

impl File {
    /// Itself and its compressed forms.
    pub(crate) fn names(&self) -> Vec<String> {
        let compressed = [(self.brotli, ".br"), (self.gzip, ".gz")];
        let compressed = compressed.into_iter().filter(|(there, _)| *there);
        std::iter::once(self.name.clone())
            .chain(compressed.map(|(_, ending)| format!("{}{ending}", self.name)))
            .collect()
    }
}

/// The files below `folder` in order, hidden ones aside. None if there is no `index.html`: then it
/// was not built, or is being built.
pub(crate) fn collect(folder: &Path) -> io::Result<Vec<File>> {
    if !folder.join("index.html").is_file() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    walk(folder, "", &mut names)?;
    names.sort();
    let there = |name: String| names.binary_search(&name).is_ok();
    let is_compressed = |name: &str| {
        let plain = name
            .strip_suffix(".br")
            .or_else(|| name.strip_suffix(".gz"));
        plain.is_some_and(|plain| there(plain.to_owned()))
    };
    let files = names
        .iter()
        .filter(|name| !is_compressed(name))
        .map(|name| File {
            name: name.clone(),
            brotli: there(format!("{name}.br")),
            gzip: there(format!("{name}.gz")),
        });
    Ok(files.collect())
}

fn walk(folder: &Path, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the name {} is not UTF-8", name.display()),
            )
        })?;
        if name.starts_with('.') {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), &format!("{prefix}{name}/"), names)?;
        } else if kind.is_file() {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

/// A Rust expression: a slice of `File`s whose contents are in `folder`.
pub(crate) fn table(files: &[File], folder: &Path) -> String {
    let mut text = String::from("&[\n");
    for File { name, brotli, gzip } in files {
        let include = |ending| {
            format!(
                "include_bytes!({:?})",
                folder.join(format!("{name}{ending}"))
            )
        };
        let optional = |there, ending| {
            if there {
                format!("Some({})", include(ending))
            } else {
                "None".to_owned()
            }
        };
        let (plain, brotli, gzip) = (
            include(""),
            optional(*brotli, ".br"),
            optional(*gzip, ".gz"),
        );
        writeln!(
            text,
            "File {{ name: {name:?}, plain: {plain}, brotli: {brotli}, gzip: {gzip} }},"
        )
        .expect("writing to a String does not fail");
    }
    text.push(']');
    text
}
