//! Serves the browser app and the developer console.
//!
//! Their files are built by npm, embedded when this crate is built, and served from memory: there
//! is no file system behind an address. One build serves any provider, because the page reads its
//! [`Settings`] from `/config.json`. [`run()`] starts it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod accept;
mod config;
mod content_type;
mod etag;
mod files;
mod metrics;
mod resource;
mod run;
mod security;
mod server;
mod settings;
mod site;

pub use config::Config;
pub use files::File;
pub use run::run;
pub use settings::http_url::{HttpUrl, InvalidUrl};
pub use settings::{Api, Console, Oidc, Provider, Settings, SettingsError};
