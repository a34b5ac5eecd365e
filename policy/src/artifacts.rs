//! A configuration folder as text, and the way from it to a [`Configuration`].
//!
//! The folder has the layout that the APIOps extractor writes (`docs/policies.md` lists what is
//! read). Reading the files is the caller's work: this module sees a map from relative path to text
//! and does no I/O.

mod api;
mod backend;
mod fields;
mod json;
mod layout;
mod load;
mod named_values;
mod node;
mod openapi;
mod yaml;

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;

use crate::configuration::Configuration;
use crate::diagnostic::Diagnostics;

pub(crate) use backend::{check_base_url, has_credentials, is_thumbprint};
pub(crate) use named_values::NamedValues;

/// The text files of one configuration folder, by relative path with forward slashes.
#[derive(Debug, Clone, Default)]
pub struct Artifacts {
    files: BTreeMap<Arc<str>, Arc<str>>,
}

impl Artifacts {
    /// An empty folder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, replacing an earlier one at the same path. `path` is relative to the folder's
    /// root and uses `/`.
    pub fn insert(&mut self, path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) {
        self.files.insert(path.into(), text.into());
    }

    /// Checks and compiles everything.
    ///
    /// # Errors
    /// Every mistake in every file, sorted by file and place.
    pub fn compile(&self, overrides: &NamedValueOverrides) -> Result<Configuration, Diagnostics> {
        load::load(&self.files, overrides)
    }
}

/// Values of named values that come from outside the folder, by *display name*. They win over the
/// folder's; one that the folder does not have is defined by it. `Debug` shows the names only.
#[derive(Debug, Clone, Default)]
pub struct NamedValueOverrides {
    values: BTreeMap<String, SecretString>,
    /// By the name's form in an environment variable, see [`NamedValueOverrides::variable`].
    environment: BTreeMap<String, SecretString>,
}

impl NamedValueOverrides {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value; a later one of the same name wins.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<SecretString>) {
        self.values.insert(name.into(), value.into());
    }

    /// Sets the value of every name that `variable` may stand for: upper case, with `_` for all but
    /// letters and digits. A value set by [`NamedValueOverrides::insert`] wins.
    pub fn insert_from_environment(
        &mut self,
        variable: impl Into<String>,
        value: impl Into<SecretString>,
    ) {
        self.environment.insert(variable.into(), value.into());
    }

    /// The value of a display name, if there is one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.values
            .get(name)
            .or_else(|| self.environment.get(&Self::variable(name)))
    }

    /// A display name as it stands in an environment variable: `function-key` → `FUNCTION_KEY`.
    #[must_use]
    pub fn variable(name: &str) -> String {
        name.chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
