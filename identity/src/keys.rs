//! The signing keys: RSA 2048, RS256, identified by their thumbprint (RFC 7638).
//!
//! A key file holds one or more PKCS#8 keys in PEM. The first one signs, all of them are published.
//! So a rotation is: append the new key and restart; wait longer than validators cache; move it to
//! the front and restart; drop the old one once the last token it signed has expired.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::clock::unix_seconds;
use crate::crypto;
use crate::error::Error;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// A key file with more than this is no key file.
const MAX_FILE: u64 = 64 * 1024;

/// The keys, of which the first signs.
pub(crate) struct Keys {
    keys: Vec<Key>,
    /// Shown as `nbf` in the key set.
    since: SystemTime,
}

struct Key {
    id: String,
    pair: KeyPair,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl Keys {
    /// A key that ends with the process.
    pub(crate) fn ephemeral(now: SystemTime) -> Result<Self, Error> {
        let key = generate()
            .and_then(Key::new)
            .map_err(|problem| Error::SigningKey {
                path: None,
                problem,
            })?;
        Ok(Self {
            keys: vec![key],
            since: now,
        })
    }

    /// The keys of a file, which is made with a new key if it is missing.
    pub(crate) fn load_or_create(path: &Path) -> Result<Self, Error> {
        let fail = |problem: String| Error::SigningKey {
            path: Some(path.to_owned()),
            problem,
        };
        if !path.exists() {
            create(path).map_err(fail)?;
        }
        let metadata =
            fs::metadata(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
        if metadata.len() > MAX_FILE {
            return Err(fail("is too large to be a key".to_owned()));
        }
        let text =
            fs::read_to_string(path).map_err(|error| fail(format!("cannot be read: {error}")))?;
        let keys = parse(&text).map_err(fail)?;
        Ok(Self {
            keys,
            since: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }

    /// A signed token of these claims.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> String {
        let key = &self.keys[0];
        let header = json!({ "alg": "RS256", "kid": key.id, "typ": "JWT" }).to_string();
        let claims = serde_json::to_vec(claims).expect("claims are strings, numbers and lists");
        let mut token = format!("{}.{}", crypto::encode(header), crypto::encode(claims));
        let mut signature = vec![0; key.pair.public_modulus_len()];
        key.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                token.as_bytes(),
                &mut signature,
            )
            .expect("a key that was checked when loaded can sign");
        token.push('.');
        token.push_str(&crypto::encode(signature));
        token
    }

    /// The claims of a token that one of these keys signed, whatever its age.
    pub(crate) fn verify(&self, token: &str) -> Option<Map<String, Value>> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (_, claims) = signed.split_once('.')?;
        let signature = crypto::decode(signature)?;
        // The algorithm is ours to choose, so the header is not consulted.
        self.keys
            .iter()
            .find(|key| key.verifies(signed.as_bytes(), &signature))?;
        serde_json::from_slice(&crypto::decode(claims)?).ok()
    }

    /// The key set. Like Azure AD B2C's it has no `alg`: a validator must know what it accepts.
    pub(crate) fn key_set(&self) -> Value {
        let since = unix_seconds(self.since);
        let keys = self.keys.iter().map(|key| {
            json!({
                "kid": key.id,
                "nbf": since,
                "use": "sig",
                "kty": "RSA",
                "e": crypto::encode(&key.exponent),
                "n": crypto::encode(&key.modulus),
            })
        });
        json!({ "keys": keys.collect::<Vec<_>>() })
    }
}

impl Key {
    fn new(pair: KeyPair) -> Result<Self, String> {
        let (modulus, exponent) = {
            let public = pair.public_key();
            (
                public.modulus().big_endian_without_leading_zero(),
                public.exponent().big_endian_without_leading_zero(),
            )
        };
        let (modulus, exponent) = (modulus.to_vec(), exponent.to_vec());
        let members = format!(
            r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
            crypto::encode(&exponent),
            crypto::encode(&modulus)
        );
        Ok(Self {
            id: crypto::encode(crypto::sha256(members)),
            pair,
            modulus,
            exponent,
        })
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        RsaPublicKeyComponents {
            n: &self.modulus,
            e: &self.exponent,
        }
        .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
        .is_ok()
    }
}

fn generate() -> Result<KeyPair, String> {
    KeyPair::generate(KeySize::Rsa2048).map_err(|_| "could not be made".to_owned())
}

fn parse(text: &str) -> Result<Vec<Key>, String> {
    let mut keys = Vec::new();
    for block in text.split(BEGIN).skip(1) {
        let (body, _) = block.split_once(END).ok_or("ends in the middle of a key")?;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD
            .decode(body)
            .map_err(|_| "holds something else than base64 between its PEM lines")?;
        let pair = KeyPair::from_pkcs8(&der)
            .map_err(|error| format!("holds no RSA key of 2048 bits or more: {error}"))?;
        keys.push(Key::new(pair)?);
    }
    if keys.is_empty() {
        return Err(format!("holds no PKCS#8 key in PEM ({BEGIN})"));
    }
    Ok(keys)
}

/// Writes a new key beside its place and links it there, so that the file is whole from the moment
/// it exists and two processes that start together end up with the same key.
fn create(path: &Path) -> Result<(), String> {
    let der = generate()?.as_der().map_err(|_| "could not be encoded")?;
    let base64 = STANDARD.encode(der.as_ref());
    let mut pem = format!("{BEGIN}\n");
    for start in (0..base64.len()).step_by(64) {
        pem.push_str(&base64[start..base64.len().min(start + 64)]);
        pem.push('\n');
    }
    pem.push_str(END);
    pem.push('\n');

    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", crypto::encode(crypto::random::<9>())));
    let temporary = Path::new(&name);
    let written =
        write_private(temporary, pem.as_bytes()).and_then(|()| fs::hard_link(temporary, path));
    // Whether or not it was linked, the temporary name has done its work.
    let _ = fs::remove_file(temporary);
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(|error| format!("cannot be written: {error}")),
    }
}

/// Makes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let first = Keys::load_or_create(&path).unwrap();
        let second = Keys::load_or_create(&path).unwrap();
        assert_eq!(first.key_set(), second.key_set());
        assert!(second.verify(&first.sign(&json!({ "sub": "a" }))).is_some());
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    fn a_token_signed_before_a_rotation_stays_valid() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old.pem"), folder.path().join("new.pem"));
        let token = Keys::load_or_create(&old)
            .unwrap()
            .sign(&json!({ "sub": "a" }));
        let newer = Keys::load_or_create(&new).unwrap();
        assert!(newer.verify(&token).is_none());
        let both = folder.path().join("both.pem");
        let text = fs::read_to_string(&new).unwrap() + &fs::read_to_string(&old).unwrap();
        fs::write(&both, text).unwrap();
        let rotated = Keys::load_or_create(&both).unwrap();
        assert_eq!(rotated.verify(&token).unwrap()["sub"], "a");
        assert_eq!(rotated.key_set()["keys"].as_array().unwrap().len(), 2);
        assert_eq!(
            rotated.key_set()["keys"][0]["kid"],
            newer.key_set()["keys"][0]["kid"]
        );
    }

    #[test]
    fn a_bad_key_file_says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        for (text, problem) in [
            ("", "holds no PKCS#8 key"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA", "ends in the middle"),
            (
                "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----",
                "base64",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
                "no RSA key",
            ),
        ] {
            fs::write(&path, text).unwrap();
            let error = Keys::load_or_create(&path).err().unwrap().to_string();
            assert!(
                error.contains(problem) && error.contains("key.pem"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_changed_token_is_nobodys() {
        let keys = Keys::ephemeral(SystemTime::now()).unwrap();
        let token = keys.sign(&json!({ "sub": "a" }));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let header = signed.split_once('.').unwrap().0;
        let other = format!("{header}.{}.{signature}", crypto::encode(r#"{"sub":"b"}"#));
        for bad in [other.as_str(), signed, "", "..", "a.b.c"] {
            assert!(keys.verify(bad).is_none(), "{bad}");
        }
    }
}
