//! One key and the signatures it can verify.
//!
//! A key is parsed once, for exactly the algorithms it allows. Verification asks the key whether it
//! serves the token's algorithm; there is no path on which the token could choose how a key is
//! used.

use std::fmt;

use aws_lc_rs::signature::{
    self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use aws_lc_rs::{digest, hmac};

use crate::InvalidKey;
use crate::algorithm::Algorithm;

/// The shortest HMAC secret. RFC 7518 asks for the length of the hash; existing policies use 128
/// bits, which is still far beyond guessing if the bytes are random.
const MIN_SECRET_BYTES: usize = 16;

/// RSA sizes in bits: below is breakable, above costs too much per request.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Identifies a key by content: same id, same algorithms, same key material. Survives fetching the
/// key again.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint {
    whole: [u8; 32],
    material: Material,
}

/// Identifies key material alone: who holds the private key, whatever was published beside it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Material([u8; 32]);

impl Fingerprint {
    /// That of the key material.
    pub(crate) fn material(&self) -> Material {
        self.material
    }
}

impl fmt::Debug for Fingerprint {
    /// Shows nothing: it may be that of a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint")
    }
}

impl fmt::Debug for Material {
    /// Shows nothing, as above.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Material")
    }
}

/// A verification key.
pub(crate) struct Key {
    id: Option<String>,
    fingerprint: Fingerprint,
    verifiers: Vec<(Algorithm, Verifier)>,
}

enum Verifier {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

/// The curve of an elliptic-curve key; it fixes the algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

/// What the numbers of a key are: the same bytes are another key as a secret than as a point.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Rsa,
    Elliptic,
    Edwards,
    Secret,
}

impl Key {
    /// An RSA public key from big-endian modulus and exponent. `pinned` narrows it to one
    /// algorithm.
    pub(crate) fn rsa(
        id: Option<String>,
        pinned: Option<Algorithm>,
        n: &[u8],
        e: &[u8],
    ) -> Result<Self, InvalidKey> {
        let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
        let bits = n
            .first()
            .map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
        if !RSA_BITS.contains(&bits) {
            return Err(InvalidKey(format!(
                "the RSA key has {bits} bits; use one of {} to {} bits",
                RSA_BITS.start(),
                RSA_BITS.end()
            )));
        }
        // The product of two odd primes is odd; the library takes the key and then verifies nothing
        // with it.
        if n.last().is_none_or(|last| last % 2 == 0) {
            return Err(InvalidKey(
                "the RSA modulus must be an odd number: n is not an RSA public key".into(),
            ));
        }
        // With exponent 1 every message is its own signature; an even exponent is no RSA key at
        // all.
        if e.last().is_none_or(|last| last % 2 == 0) || e == [1] {
            return Err(InvalidKey(
                "the RSA exponent must be an odd number of at least 3, usually 65537 (AQAB)".into(),
            ));
        }
        let components = RsaPublicKeyComponents { n, e };
        let mut verifiers = Vec::new();
        for algorithm in narrow(&Algorithm::RSA, pinned)? {
            let parsed = components
                .to_parsed_public_key(rsa_parameters(algorithm))
                .map_err(|why| InvalidKey(format!("n and e are not an RSA public key ({why})")))?;
            verifiers.push((algorithm, Verifier::Public(parsed)));
        }
        Ok(Self::new(id, verifiers, Kind::Rsa, &[n, e]))
    }

    /// An elliptic-curve public key from its coordinates, each exactly as long as the curve's
    /// field.
    pub(crate) fn elliptic(
        id: Option<String>,
        pinned: Option<Algorithm>,
        curve: Curve,
        x: &[u8],
        y: &[u8],
    ) -> Result<Self, InvalidKey> {
        let (algorithm, parameters, length): (_, &'static dyn VerificationAlgorithm, _) =
            match curve {
                Curve::P256 => (Algorithm::Es256, &signature::ECDSA_P256_SHA256_FIXED, 32),
                Curve::P384 => (Algorithm::Es384, &signature::ECDSA_P384_SHA384_FIXED, 48),
                Curve::P521 => (Algorithm::Es512, &signature::ECDSA_P521_SHA512_FIXED, 66),
            };
        if x.len() != length || y.len() != length {
            return Err(InvalidKey(format!(
                "x and y of this curve must each have {length} bytes"
            )));
        }
        narrow(&[algorithm], pinned)?;
        let point = [&[4], x, y].concat();
        let parsed = ParsedPublicKey::new(parameters, &point)
            .map_err(|why| InvalidKey(format!("x and y are no point of the curve ({why})")))?;
        Ok(Self::new(
            id,
            vec![(algorithm, Verifier::Public(parsed))],
            Kind::Elliptic,
            &[&point],
        ))
    }

    /// An Ed25519 public key.
    pub(crate) fn ed25519(
        id: Option<String>,
        pinned: Option<Algorithm>,
        x: &[u8],
    ) -> Result<Self, InvalidKey> {
        narrow(&[Algorithm::EdDsa], pinned)?;
        if has_small_order(x) {
            return Err(InvalidKey(
                "x is a point of small order, which anybody can sign for".into(),
            ));
        }
        let parsed = ParsedPublicKey::new(&signature::ED25519, x)
            .map_err(|why| InvalidKey(format!("x is no Ed25519 public key ({why})")))?;
        Ok(Self::new(
            id,
            vec![(Algorithm::EdDsa, Verifier::Public(parsed))],
            Kind::Edwards,
            &[x],
        ))
    }

    /// A shared secret, for inline keys only.
    pub(crate) fn hmac(id: Option<String>, secret: &[u8]) -> Result<Self, InvalidKey> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(InvalidKey(format!(
                "the symmetric key has {} bytes; use at least {MIN_SECRET_BYTES}, better 32 random ones",
                secret.len()
            )));
        }
        let hashes = [hmac::HMAC_SHA256, hmac::HMAC_SHA384, hmac::HMAC_SHA512];
        let verifiers = Algorithm::HMAC
            .into_iter()
            .zip(hashes)
            .map(|(algorithm, hash)| {
                (
                    algorithm,
                    Verifier::Secret(Box::new(hmac::Key::new(hash, secret))),
                )
            })
            .collect();
        Ok(Self::new(id, verifiers, Kind::Secret, &[secret]))
    }

    fn new(
        id: Option<String>,
        verifiers: Vec<(Algorithm, Verifier)>,
        kind: Kind,
        numbers: &[&[u8]],
    ) -> Self {
        let kind = [kind as u8];
        let material: Vec<&[u8]> = std::iter::once(&kind[..])
            .chain(numbers.iter().copied())
            .collect();
        let material = hash_of(&material);
        let algorithms: Vec<u8> = verifiers
            .iter()
            .map(|(algorithm, _)| *algorithm as u8)
            .collect();
        let whole = hash_of(&[
            &[u8::from(id.is_some())],
            id.as_deref().unwrap_or_default().as_bytes(),
            &algorithms,
            &material,
        ]);
        Self {
            id,
            fingerprint: Fingerprint {
                whole,
                material: Material(material),
            },
            verifiers,
        }
    }

    /// `kid`.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The key's identity by content.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether the key serves `algorithm`.
    pub(crate) fn allows(&self, algorithm: Algorithm) -> bool {
        self.verifiers
            .iter()
            .any(|(allowed, _)| *allowed == algorithm)
    }

    /// Whether `signature` is this key's signature of `message` by `algorithm`; false if the key
    /// does not allow it.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.verifiers
            .iter()
            .find(|(allowed, _)| *allowed == algorithm)
            .is_some_and(|(_, verifier)| match verifier {
                Verifier::Public(key) => key.verify_sig(message, signature).is_ok(),
                // Compares in constant time.
                Verifier::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self
            .verifiers
            .iter()
            .map(|(algorithm, _)| algorithm)
            .collect();
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithms", &algorithms)
            .finish_non_exhaustive()
    }
}

/// SHA-256 of the parts. Lengths in front keep two different splits of the same bytes apart.
fn hash_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finish();
    hash.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// The algorithms of a kind of key, narrowed to the one its publisher pinned.
fn narrow(kind: &[Algorithm], pinned: Option<Algorithm>) -> Result<Vec<Algorithm>, InvalidKey> {
    match pinned {
        None => Ok(kind.to_vec()),
        Some(algorithm) if kind.contains(&algorithm) => Ok(vec![algorithm]),
        Some(algorithm) => Err(InvalidKey(format!(
            "a key of this type cannot serve {algorithm:?}"
        ))),
    }
}

/// The points of Ed25519 whose order divides eight, by their encodings without the sign bit: seven
/// for eight points of either sign, because zero and one can also be written as themselves plus the
/// field's prime. For such a key signatures exist that hold for any message or for every eighth.
/// The curves of [`Curve`] have prime order and no such points. Source: `ge25519_has_small_order`
/// of libsodium; RFC 8032, 5.1.7 leaves the check to the application.
const SMALL_ORDER: [[u8; 32]; 7] = [
    small(0x00, 0x00, 0x00), // 0, order 4
    small(0x01, 0x00, 0x00), // 1, order 1
    small(0xec, 0xff, 0x7f), // -1, order 2
    small(0xed, 0xff, 0x7f), // 0 again
    small(0xee, 0xff, 0x7f), // 1 again
    // Order 8.
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, //
        0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc,
        0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, //
        0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03,
        0x7a,
    ],
];

const fn small(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

fn has_small_order(x: &[u8]) -> bool {
    let Ok(mut y) = <[u8; 32]>::try_from(x) else {
        return false;
    };
    y[31] &= 0x7f; // the sign of the other coordinate
    SMALL_ORDER.contains(&y)
}

fn rsa_parameters(algorithm: Algorithm) -> &'static RsaParameters {
    match algorithm {
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        // Called with members of `Algorithm::RSA` only; RS256 is the one that is left.
        _ => &signature::RSA_PKCS1_2048_8192_SHA256,
    }
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]
}
