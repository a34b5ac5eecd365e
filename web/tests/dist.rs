//! What the build takes from a folder.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../build/dist.rs"]
mod dist;

use std::fs;
use std::path::Path;

fn write(folder: &Path, name: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, name).unwrap();
}

#[test]
fn compressed_files_belong_to_the_plain_ones_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        "index.html",
        "index.html.br",
        "index.html.gz",
        "assets/app-1.js",
        "assets/app-1.js.gz",
        "alone.gz",
        ".hidden/x",
    ];
    for name in names {
        write(folder.path(), name);
    }
    let file = |name: &str, brotli, gzip| dist::File {
        name: name.to_owned(),
        brotli,
        gzip,
    };
    let expected = [
        file("alone.gz", false, false),
        file("assets/app-1.js", false, true),
        file("index.html", true, true),
    ];
    let files = dist::collect(folder.path()).unwrap();
    assert_eq!(files, expected);
    assert_eq!(files[1].names(), ["assets/app-1.js", "assets/app-1.js.gz"]);

    let table = dist::table(&files, Path::new("/out"));
    let line = r#"File { name: "assets/app-1.js", plain: include_bytes!("/out/assets/app-1.js"), brotli: None, gzip: Some(include_bytes!("/out/assets/app-1.js.gz")) },"#;
    assert!(table.contains(line), "{table}");
}

#[test]
fn a_folder_without_index_html_was_not_built() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(dist::collect(&folder.path().join("missing")).unwrap(), []);
    write(folder.path(), "assets/app-1.js");
    assert_eq!(dist::collect(folder.path()).unwrap(), []);
    assert_eq!(dist::table(&[], folder.path()), "&[\n]");
}
