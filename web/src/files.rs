//! The browser app's files, as they were built.

/// One file, and its compressed forms if the build made them.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// The path below the site's root, such as `assets/app-1a2b3c.js`.
    pub name: &'static str,
    /// The content as it is.
    pub plain: &'static [u8],
    /// The content compressed with Brotli.
    pub brotli: Option<&'static [u8]>,
    /// The content compressed with gzip.
    pub gzip: Option<&'static [u8]>,
}

/// What the build found, see `build.rs`. Empty if the browser app was not built.
pub(crate) const EMBEDDED: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));
