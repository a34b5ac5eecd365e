//! Named values from flags and from the environment.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use secrecy::SecretString;
use weir_policy::artifacts::NamedValueOverrides;
use weir_policy::named_value::is_name;

use crate::error::Error;
use crate::secret_file;

/// Environment variables with this prefix set a named value: `WEIR_NAMED_VALUE_FUNCTION_KEY` sets
/// `function-key`.
pub(crate) const ENVIRONMENT_PREFIX: &str = "WEIR_NAMED_VALUE_";

/// The flags that set named values.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct NamedValueArgs {
    /// Set a named value (repeatable; separated by `;` in the variable). The variable
    /// WEIR_NAMED_VALUE_FUNCTION_KEY sets function-key, and so on
    // Taken apart later and not by a `value_parser`: what that refuses, it prints, and this may be
    // a part of a secret.
    #[arg(
        long = "named-value",
        value_name = "NAME=VALUE",
        value_delimiter = ';',
        env = "WEIR_GATEWAY_NAMED_VALUE",
        hide_env_values = true
    )]
    pub(crate) values: Vec<String>,
    /// Set a named value to a file's content, for secrets (repeatable)
    #[arg(long = "named-value-file", value_name = "NAME=FILE", value_parser = pair, value_delimiter = ';', env = "WEIR_GATEWAY_NAMED_VALUE_FILE")]
    pub(crate) files: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if is_name(name) => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=FILE; a name has letters, digits, `.`, `-` and `_`".to_owned()),
    }
}

impl NamedValueArgs {
    /// The files that values are read from.
    pub(crate) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.files.iter().map(|(_, path)| PathBuf::from(path))
    }

    /// All overrides. A value flag wins over a file, a file over the environment.
    pub(crate) fn overrides(&self) -> Result<NamedValueOverrides, Error> {
        let mut overrides = NamedValueOverrides::new();
        // Variables of other programs need not be text.
        for (variable, value) in std::env::vars_os() {
            let Some(name) = variable
                .to_str()
                .and_then(|variable| variable.strip_prefix(ENVIRONMENT_PREFIX))
            else {
                continue;
            };
            let value = value.into_string().map_err(|_| Error::NamedValueNotText {
                name: name.to_owned(),
            })?;
            overrides.insert_from_environment(name, SecretString::from(value));
        }
        for (name, path) in &self.files {
            overrides.insert(name, secret_file::read(Path::new(path))?);
        }
        for value in &self.values {
            let (name, value) = pair(value).map_err(|_| Error::NamedValue)?;
            overrides.insert(&name, SecretString::from(value));
        }
        Ok(overrides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nothing_can_refer_to_is_refused() {
        for (values, good) in [
            ("schlüssel.1=a=b", true),
            ("a b=x", false),
            ("=x", false),
            ("{{a}}=x", false),
        ] {
            let args = NamedValueArgs {
                values: vec![values.to_owned()],
                files: Vec::new(),
            };
            assert_eq!(args.overrides().is_ok(), good, "{values}");
            assert_eq!(pair(values).is_ok(), good, "{values}");
        }
    }
}
