//! Secrets that come from files, so that they stand in no process list and no environment.

use std::path::Path;

use secrecy::SecretString;

use crate::error::Error;

/// Reads a secret; line breaks at its end do not count.
pub(crate) fn read(path: &Path) -> Result<SecretString, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::SecretFile {
        path: path.to_owned(),
        source,
    })?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Error::SecretFileEmpty {
            path: path.to_owned(),
        });
    }
    Ok(SecretString::from(secret))
}
