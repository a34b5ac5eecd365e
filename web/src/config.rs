//! What the role is started with.

use std::time::Duration;

use crate::files::{self, File};
use crate::settings::Settings;

/// Everything the role needs to start.
#[derive(Debug, Clone)]
pub struct Config {
    /// What `/config.json` tells the browser app.
    pub settings: Settings,
    /// The files to serve; none if the browser app was not built.
    pub files: &'static [File],
    /// What connections may hold.
    pub connections: weir_serve::Limits,
}

const CONNECTIONS: weir_serve::Limits = weir_serve::Limits {
    // A browser opens six, and lets go of them when it has the files.
    connections: 4096,
    // Cookies of every other program on `localhost` come along.
    header_bytes: 64 * 1024,
    headers: 100,
    header_timeout: Duration::from_secs(30),
    idle_timeout: Duration::from_secs(30),
    stall_timeout: Duration::from_secs(30),
    // More than a page has files.
    streams: 100,
    // A large file on a slow line takes longer, and may be asked for again.
    drain: Duration::from_secs(5),
};

impl Config {
    /// The files embedded in this build, with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            files: files::EMBEDDED,
            connections: CONNECTIONS,
        }
    }

    /// Whether there is anything to serve: false if the browser app was not built before weir was.
    #[must_use]
    pub fn has_files(&self) -> bool {
        !self.files.is_empty()
    }
}
