//! Function keys: `x-functions-key`, or else `?code=`.

use http::request::Parts;
use http::{HeaderName, Uri};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::error::Error;
use crate::function::Level;

const KEY_HEADER: HeaderName = HeaderName::from_static("x-functions-key");
const KEY_PARAMETER: &str = "code";

/// The keys as digests: all of one length, so that a comparison takes as long for any guess,
/// whatever its length.
pub(super) struct Keys {
    function: Vec<[u8; 32]>,
    master: Option<[u8; 32]>,
}

impl Keys {
    pub(super) fn new(
        function: &[SecretString],
        master: Option<&SecretString>,
    ) -> Result<Self, Error> {
        if function.is_empty() {
            return Err(Error::NoFunctionKey);
        }
        if function
            .iter()
            .chain(master)
            .any(|key| key.expose_secret().trim().is_empty())
        {
            return Err(Error::EmptyFunctionKey);
        }
        let stored = |key: &SecretString| digest(key.expose_secret());
        Ok(Self {
            function: function.iter().map(stored).collect(),
            master: master.map(stored),
        })
    }

    /// Whether the request may call a function of `level`.
    pub(super) fn open(&self, level: Level, request: &Parts) -> bool {
        let allowed = match level {
            Level::Anonymous => return true,
            Level::Function => self.function.as_slice(),
            Level::Admin => &[],
        };
        let Some(given) = given_key(request) else {
            return false;
        };
        let given = digest(&given);
        // Every key is compared, so the time does not tell which one was nearly right.
        let matches = allowed
            .iter()
            .chain(&self.master)
            .map(|key| key.ct_eq(&given));
        matches.fold(Choice::from(0), |any, this| any | this).into()
    }
}

/// The one key a request gives. A header hides the query even if it is wrong or empty, and two of
/// either are none: the host must not choose.
fn given_key(request: &Parts) -> Option<String> {
    let mut headers = request.headers.get_all(KEY_HEADER).iter();
    match (headers.next(), headers.next()) {
        (None, _) => key_in_query(&request.uri),
        (Some(one), None) => one.to_str().ok().map(str::to_owned),
        _ => None,
    }
}

fn key_in_query(uri: &Uri) -> Option<String> {
    let pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    let mut codes = pairs
        .filter(|(name, _)| name.eq_ignore_ascii_case(KEY_PARAMETER))
        .map(|(_, value)| value);
    match (codes.next(), codes.next()) {
        (Some(one), None) => Some(one.into_owned()),
        _ => None,
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use http::Request;

    use super::*;

    fn keys() -> Keys {
        let function = ["first", "second+/="].map(SecretString::from);
        Keys::new(&function, Some(&SecretString::from("master"))).unwrap()
    }

    fn request(uri: &str, headers: &[&str]) -> Parts {
        let builder = headers.iter().fold(Request::get(uri), |builder, key| {
            builder.header("X-Functions-Key", *key)
        });
        builder.body(()).unwrap().into_parts().0
    }

    fn opens(level: Level, uri: &str, headers: &[&str]) -> bool {
        keys().open(level, &request(uri, headers))
    }

    #[test]
    fn any_function_key_opens_and_the_master_key_opens_everything() {
        for key in ["first", "second+/=", "master"] {
            assert!(opens(Level::Function, "/api/hello", &[key]), "{key}");
            assert_eq!(
                opens(Level::Admin, "/api/hello", &[key]),
                key == "master",
                "{key}"
            );
        }
        assert!(opens(Level::Function, "/api/hello?x=1&code=first", &[]));
        assert!(opens(
            Level::Function,
            "/api/hello?Code=second%2B%2F%3D",
            &[]
        ));
    }

    #[test]
    fn the_header_wins_over_the_query() {
        assert!(!opens(Level::Function, "/api/hello?code=first", &["wrong"]));
        assert!(!opens(Level::Function, "/api/hello?code=first", &[""]));
        assert!(opens(Level::Function, "/api/hello?code=wrong", &["first"]));
    }

    #[test]
    fn a_missing_wrong_or_ambiguous_key_does_not_open() {
        for (uri, headers) in [
            ("/api/hello", &[][..]),
            ("/api/hello?code=", &[]),
            ("/api/hello?code=firs", &[]),
            ("/api/hello?code=first1", &[]),
            ("/api/hello?code=FIRST", &[]),
            ("/api/hello?code=first&code=first", &[]),
            ("/api/hello", &["first", "first"]),
            ("/api/hello", &["first,second"]),
        ] {
            assert!(!opens(Level::Function, uri, headers), "{uri} {headers:?}");
        }
    }

    #[test]
    fn an_anonymous_function_needs_no_key_and_a_wrong_one_is_harmless() {
        assert!(opens(Level::Anonymous, "/api/hello", &[]));
        assert!(opens(Level::Anonymous, "/api/hello?code=wrong", &["wrong"]));
    }

    #[test]
    fn without_a_master_key_nothing_opens_an_admin_function() {
        let keys = Keys::new(&[SecretString::from("first")], None).unwrap();
        assert!(!keys.open(Level::Admin, &request("/", &["first"])));
    }

    #[test]
    fn no_key_and_empty_keys_are_refused_at_start() {
        assert!(matches!(Keys::new(&[], None), Err(Error::NoFunctionKey)));
        let empty = [SecretString::from("good"), SecretString::from(" \n")];
        assert!(matches!(
            Keys::new(&empty, None),
            Err(Error::EmptyFunctionKey)
        ));
    }
}
