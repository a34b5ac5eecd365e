//! Takes the browser app's built files into the crate: copies them to the build's own folder (so
//! that a later build of the app cannot pull them away under the compiler) and writes the table
//! that `src/files.rs` includes.
//!
//! `WEIR_WEB_DIST` names another folder than `spa/dist`. Without built files the table is empty and
//! the build goes on: Rust needs no Node.

#[path = "build/dist.rs"]
mod dist;

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate is a folder of the workspace");
    let spa = root.join("spa");
    let folder =
        env::var_os("WEIR_WEB_DIST").map_or_else(|| spa.join("dist"), |folder| root.join(folder));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));

    println!("cargo:rerun-if-env-changed=WEIR_WEB_DIST");
    // Cargo takes a missing folder for one that always changes: its parent is watched until it is
    // there.
    let watched = if folder.is_dir() { &folder } else { &spa };
    println!("cargo:rerun-if-changed={}", watched.display());

    let copies = out.join("files");
    if copies.exists() {
        fs::remove_dir_all(&copies)?;
    }
    let files = dist::collect(&folder)?;
    for name in files.iter().flat_map(dist::File::names) {
        let copy = copies.join(&name);
        fs::create_dir_all(copy.parent().expect("a file is in a folder"))?;
        fs::copy(folder.join(&name), copy)?;
    }
    fs::write(out.join("files.rs"), dist::table(&files, &copies))
}
