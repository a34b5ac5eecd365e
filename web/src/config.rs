//! What the role is started with.

use crate::files::{self, File};
use crate::settings::Settings;

/// Everything the role needs to start.
#[derive(Debug, Clone)]
pub struct Config {
    /// What `/config.json` tells the browser app.
    pub settings: Settings,
    /// The files to serve; none if the browser app was not built.
    pub files: &'static [File],
}

impl Config {
    /// The files embedded in this build, with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            files: files::EMBEDDED,
        }
    }

    /// Whether there is anything to serve: false if the browser app was not built before weir was.
    #[must_use]
    pub fn has_files(&self) -> bool {
        !self.files.is_empty()
    }
}
