//! Reading a JSON Web Key Set (RFC 7517).
//!
//! A key that cannot be used is left out and the others stay: providers publish encryption keys and
//! new key types next to the ones we need. Shared secrets (`oct`) are never taken from a published
//! document.

use std::collections::HashSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::InvalidKey;
use crate::algorithm::Algorithm;
use crate::key::{Curve, Fingerprint, Key};

/// The most usable keys read from one set. Providers publish two to ten; a hub for many issuers may
/// have hundreds. Each takes a few kilobytes of memory, and may be tried on a token without `kid`.
pub(crate) const MAX_KEYS: usize = 1000;

/// The most entries of one set that are looked at, usable or not: ten times the keys that are kept.
/// A document has room for millions of entries that are none.
const MAX_ENTRIES: usize = 10 * MAX_KEYS;

/// The most remarks about one set, so that a set of nothing but rubbish fills no log.
pub(crate) const MAX_REMARKS: usize = 500;

/// The longest `kid` in a log, in characters: the provider chooses it.
pub(crate) const MAX_SHOWN_ID: usize = 64;

/// The longest text of a remark, in characters: it may quote the provider.
const MAX_SHOWN_TEXT: usize = 200;

/// A key set document, read key by key: entries that are left out take no memory, and members that
/// are not needed (certificates, whatever else stands there) are never taken apart.
#[derive(Default)]
pub(crate) struct ParsedSet {
    /// The usable keys, each once.
    pub(crate) keys: Vec<Key>,
    /// What an operator should know about the others.
    pub(crate) remarks: Vec<Remark>,
    known: HashSet<Fingerprint>,
    unnamed: usize,
}

/// Why a key was left out, or what is odd about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Remark {
    /// Which: its `kid`, or its place in the set.
    pub(crate) key: String,
    pub(crate) text: String,
}

#[derive(Deserialize)]
struct JwkSet {
    #[serde(deserialize_with = "key_by_key")]
    keys: ParsedSet,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    #[serde(default, deserialize_with = "may_verify")]
    key_ops: Option<bool>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The usable keys of a key set document.
pub(crate) fn parse_set(document: &[u8]) -> Result<ParsedSet, serde_json::Error> {
    let set: JwkSet = serde_json::from_slice(document)?;
    Ok(set.keys)
}

fn key_by_key<'de, D: Deserializer<'de>>(keys: D) -> Result<ParsedSet, D::Error> {
    keys.deserialize_seq(KeyByKey)
}

struct KeyByKey;

impl<'de> Visitor<'de> for KeyByKey {
    type Value = ParsedSet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of keys")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<ParsedSet, A::Error> {
        let mut set = ParsedSet::default();
        let mut number = 0;
        while set.keys.len() < MAX_KEYS && number < MAX_ENTRIES {
            let Some(entry) = entries.next_element::<&RawValue>()? else {
                set.close(0);
                return Ok(set);
            };
            number += 1;
            set.add(number, entry.get());
        }
        let mut unread = 0;
        while entries.next_element::<IgnoredAny>()?.is_some() {
            unread += 1;
        }
        set.close(unread);
        Ok(set)
    }
}

impl ParsedSet {
    fn add(&mut self, number: usize, entry: &str) {
        match parse_key(entry) {
            // A set that lists one key twice must not make every bad token cost two tries.
            Ok((key, _)) if !self.known.insert(key.fingerprint()) => {}
            Ok((key, odd)) => {
                self.keys.push(key);
                if !odd.is_empty() {
                    let members = odd.join(" and ");
                    self.remark(
                        number,
                        entry,
                        &format!("a published key is read although its {members} is not base64url without padding"),
                    );
                }
            }
            Err(why) => {
                self.remark(
                    number,
                    entry,
                    &format!("a published key is left out: {why}"),
                );
            }
        }
    }

    fn remark(&mut self, number: usize, entry: &str, text: &str) {
        if self.remarks.len() < MAX_REMARKS {
            self.remarks.push(Remark {
                key: name(number, entry),
                text: shortened(text, MAX_SHOWN_TEXT),
            });
        } else {
            self.unnamed += 1;
        }
    }

    fn close(&mut self, unread: usize) {
        let mut say = |text| {
            self.remarks.push(Remark {
                key: "several".into(),
                text,
            });
        };
        if self.unnamed > 0 {
            say(format!(
                "{} further keys are left out or oddly written; the first {MAX_REMARKS} are named",
                self.unnamed
            ));
        }
        if unread > 0 {
            let read = if self.keys.len() == MAX_KEYS {
                format!("{MAX_KEYS} usable keys, the most that are kept,")
            } else {
                format!("{MAX_ENTRIES} entries, the most that are looked at,")
            };
            say(format!("{unread} entries behind {read} are left out"));
        }
    }
}

/// How a log names an entry.
fn name(number: usize, entry: &str) -> String {
    #[derive(Deserialize)]
    struct Named {
        kid: String,
    }
    match serde_json::from_str::<Named>(entry) {
        Ok(Named { kid }) => format!("{:?}", shortened(&kid, MAX_SHOWN_ID)),
        Err(_) => format!("number {number}, without kid"),
    }
}

/// Whether `verify` is among the operations of a key, if any are listed. Keeps none of them.
fn may_verify<'de, D: Deserializer<'de>>(operations: D) -> Result<Option<bool>, D::Error> {
    struct Operations;

    impl<'de> Visitor<'de> for Operations {
        type Value = Option<bool>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of operations")
        }

        fn visit_unit<E>(self) -> Result<Option<bool>, E> {
            Ok(None)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<bool>, A::Error> {
            let mut may_verify = false;
            while let Some(operation) = list.next_element::<String>()? {
                may_verify |= operation == "verify";
            }
            Ok(Some(may_verify))
        }
    }

    operations.deserialize_any(Operations)
}

/// The key, and which of its members are not written as RFC 7518 asks.
fn parse_key(entry: &str) -> Result<(Key, Vec<&'static str>), InvalidKey> {
    let jwk: Jwk = serde_json::from_str(entry).map_err(|why| InvalidKey(why.to_string()))?;
    if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return Err(InvalidKey("it is not for signatures (use)".into()));
    }
    if jwk.key_ops == Some(false) {
        return Err(InvalidKey("it is not for verification (key_ops)".into()));
    }
    let pinned = match jwk.alg.as_deref() {
        None => None,
        Some(name) => Some(
            Algorithm::from_name(name)
                .ok_or_else(|| InvalidKey(format!("algorithm {name:?} is not supported")))?,
        ),
    };
    let mut odd = Vec::new();
    let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => Key::rsa(
            jwk.kid,
            pinned,
            &bytes(jwk.n, "n", &mut odd)?,
            &bytes(jwk.e, "e", &mut odd)?,
        ),
        ("EC", Some(curve)) => {
            let curve = match curve {
                "P-256" => Curve::P256,
                "P-384" => Curve::P384,
                "P-521" => Curve::P521,
                other => return Err(InvalidKey(format!("curve {other:?} is not supported"))),
            };
            let (x, y) = (bytes(jwk.x, "x", &mut odd)?, bytes(jwk.y, "y", &mut odd)?);
            Key::elliptic(jwk.kid, pinned, curve, &x, &y)
        }
        ("OKP", Some("Ed25519")) => Key::ed25519(jwk.kid, pinned, &bytes(jwk.x, "x", &mut odd)?),
        (other, _) => Err(InvalidKey(format!(
            "key type {other:?} is not supported in a published set"
        ))),
    }?;
    Ok((key, odd))
}

/// The bytes of a member. RFC 7518 asks for base64url without padding; standard base64 and padding
/// are common slips that leave no doubt about the bytes, so they are read, and the member is added
/// to `odd`.
fn bytes(
    text: Option<String>,
    name: &'static str,
    odd: &mut Vec<&'static str>,
) -> Result<Vec<u8>, InvalidKey> {
    let text = text.ok_or_else(|| InvalidKey(format!("{name} is missing")))?;
    if let Ok(bytes) = URL_SAFE_NO_PAD.decode(&text) {
        return Ok(bytes);
    }
    let unpadded = text
        .strip_suffix("==")
        .or_else(|| text.strip_suffix('='))
        .unwrap_or(&text);
    let bytes = URL_SAFE_NO_PAD
        .decode(unpadded.replace('+', "-").replace('/', "_"))
        .map_err(|why| InvalidKey(format!("{name} is not base64url ({why})")))?;
    odd.push(name);
    Ok(bytes)
}

/// `text`, or its first `most` characters.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
