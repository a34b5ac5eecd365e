//! Keys on the command line and on the screen.
//!
//! A key is bytes and comes from whoever sends requests. It is shown as text only if every
//! character of it is harmless on a terminal; anything else is shown in base64, behind a mark, so
//! that it can be given back with `--base64`.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args as ClapArgs;

/// Begins a key that is shown in base64.
const MARK: &str = "base64:";

/// More than any limiter takes; what is longer on standard input is a mistake.
const LONGEST_INPUT: u64 = 1024 * 1024;

/// The key of a command.
#[derive(Debug, ClapArgs)]
pub(super) struct KeyArgs {
    /// The key. The gateway's are RENEWAL-PERIOD:VALUE, e.g. 60:alice. `-` reads it from standard
    /// input, which keeps it out of the process list
    #[arg(value_name = "KEY", allow_hyphen_values = true)]
    key: String,
    /// KEY is written in base64, for keys that are no text
    #[arg(long, env = "WEIR_LIMITER_BASE64")]
    base64: bool,
}

/// Why a text is no key. It is not repeated: it may be a credential.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the key is not base64: {0}\nWithout --base64 a key is taken as text.")]
    Base64(#[source] base64::DecodeError),
    #[error("the key is empty: the gateway's keys are RENEWAL-PERIOD:VALUE, e.g. 60:alice")]
    Empty,
    #[error("the key cannot be read from standard input: {0}")]
    Input(#[source] std::io::Error),
}

impl KeyArgs {
    /// Its bytes.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, KeyError> {
        let text = if self.key == "-" {
            from_input()?
        } else {
            self.key.clone().into_bytes()
        };
        let key = match text.strip_prefix(MARK.as_bytes()) {
            // As `top` shows it: a key of that beginning is itself shown in base64.
            Some(encoded) => STANDARD.decode(encoded).map_err(KeyError::Base64)?,
            None if self.base64 => STANDARD.decode(&text).map_err(KeyError::Base64)?,
            None => text,
        };
        if key.is_empty() {
            Err(KeyError::Empty)
        } else {
            Ok(key)
        }
    }
}

fn from_input() -> Result<Vec<u8>, KeyError> {
    let mut text = Vec::new();
    std::io::stdin()
        .take(LONGEST_INPUT)
        .read_to_end(&mut text)
        .map_err(KeyError::Input)?;
    while text.last().is_some_and(|end| matches!(end, b'\n' | b'\r')) {
        text.pop();
    }
    Ok(text)
}

/// The key as it is shown, and as the commands take it.
pub(super) fn shown(key: &[u8]) -> String {
    text(key).map_or_else(|| format!("{MARK}{}", base64(key)), str::to_owned)
}

/// The key as text, if it is harmless text.
pub(super) fn text(key: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(key).ok()?;
    let harmless = text
        .chars()
        .all(|c| c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ');
    let plain = harmless
        && !text.starts_with(MARK)
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && text != "-";
    plain.then_some(text)
}

pub(super) fn base64(key: &[u8]) -> String {
    STANDARD.encode(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn bytes(key: &str, base64: bool) -> Result<Vec<u8>, String> {
        KeyArgs {
            key: key.to_owned(),
            base64,
        }
        .bytes()
        .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_shown_can_be_given_back() {
        for key in [
            &b"60:alice"[..],
            "60:\u{e4}\u{1f980}".as_bytes(),
            b"\x1b[2J",
            b"base64:YQ==",
            b"60#9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            b"a\nb",
            b" x",
            b"-",
            &[0xff, 0xfe],
        ] {
            assert_eq!(bytes(&shown(key), false).unwrap(), key, "{}", shown(key));
        }
        assert_eq!(shown(b"60:alice"), "60:alice");
        assert_eq!(
            shown(b"\x1b[2J"),
            "base64:G1sySg==",
            "no control character reaches the terminal"
        );
        assert_eq!(
            shown("a\u{202e}b".as_bytes()),
            "base64:YeKArmI=",
            "nor one that turns the line around"
        );
    }

    #[test]
    fn what_is_no_key_says_why_and_does_not_repeat_it() {
        assert_eq!(bytes("YWxpY2U=", true).unwrap(), b"alice");
        let error = bytes("hunter2!", true).unwrap_err();
        assert!(
            error.starts_with("the key is not base64") && !error.contains("hunter2"),
            "{error}"
        );
        assert!(bytes("", false).unwrap_err().contains("the key is empty"));
    }
}
