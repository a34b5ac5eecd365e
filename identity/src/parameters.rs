//! The parameters of an OAuth request, from a query or a form: kept in order, because a repeated
//! one is an error.

use std::collections::HashSet;

/// Parameters together may be this long. MSAL's longest requests have about 2 kB.
pub(crate) const MAX_LENGTH: usize = 8 * 1024;

/// More than any client sends.
const MAX_COUNT: usize = 64;

/// Decoded names and values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

/// The request has more parameters than anybody needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// A parameter was sent twice, so that nobody can say which one counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Repeated;

impl Parameters {
    /// Reads `application/x-www-form-urlencoded` text.
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, TooMany> {
        if encoded.len() > MAX_LENGTH {
            return Err(TooMany);
        }
        let pairs: Vec<_> = url::form_urlencoded::parse(encoded)
            .into_owned()
            .take(MAX_COUNT + 1)
            .collect();
        if pairs.len() > MAX_COUNT {
            Err(TooMany)
        } else {
            Ok(Self(pairs))
        }
    }

    /// The value of a parameter. One without a value counts as not sent (RFC 6749, 3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The value of a parameter that must not be there twice.
    pub(crate) fn single(&self, name: &str) -> Result<Option<&str>, Repeated> {
        match self.0.iter().filter(|(key, _)| key == name).count() {
            0 | 1 => Ok(self.get(name)),
            _ => Err(Repeated),
        }
    }

    /// The name of a parameter that was sent twice. `p` names the policy and belongs to the
    /// address: some clients add it to an endpoint that has it already.
    pub(crate) fn repeated(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        self.0
            .iter()
            .map(|(name, _)| name.as_str())
            .find(|name| *name != "p" && !seen.insert(*name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_empty_ones_ignored() {
        let parameters = Parameters::parse(b"state=a%26b%3B%C3%A4+c&nonce=&x").unwrap();
        assert_eq!(parameters.get("state"), Some("a&b;\u{e4} c"));
        assert_eq!(parameters.get("nonce"), None);
        assert_eq!(parameters.get("x"), None);
        assert_eq!(parameters.get("y"), None);
    }

    #[test]
    fn a_repeated_parameter_is_noticed_even_if_empty() {
        let parameters = Parameters::parse(b"client_id=a&scope=x&client_id=").unwrap();
        assert_eq!(parameters.single("client_id"), Err(Repeated));
        assert_eq!(parameters.single("scope"), Ok(Some("x")));
        assert_eq!(parameters.repeated(), Some("client_id"));
        assert_eq!(Parameters::parse(b"p=a&p=a").unwrap().repeated(), None);
    }

    #[test]
    fn size_and_number_are_bounded() {
        assert_eq!(
            Parameters::parse(&vec![b'a'; MAX_LENGTH + 1]).unwrap_err(),
            TooMany
        );
        assert_eq!(
            Parameters::parse("a=b&".repeat(MAX_COUNT + 1).as_bytes()).unwrap_err(),
            TooMany
        );
        assert!(Parameters::parse("a=b&".repeat(MAX_COUNT).as_bytes()).is_ok());
    }
}
