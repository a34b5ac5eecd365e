//! Taking the token out of an `Authorization` header value.

use crate::TokenError;

/// The token inside an `Authorization` value: what follows the scheme, or the whole value if it has no scheme.
///
/// With `require_scheme` (compared without case, e.g. `Bearer`) a value of another scheme, or of none, holds no token.
///
/// # Errors
/// [`TokenError::NotPresent`] if nothing is left or the required scheme is not there.
pub fn from_authorization<'a>(value: &'a str, require_scheme: Option<&str>) -> Result<&'a str, TokenError> {
    let value = value.trim_matches([' ', '\t']);
    let (scheme, token) = match value.split_once([' ', '\t']) {
        Some((scheme, rest)) => (Some(scheme), rest.trim_start_matches([' ', '\t'])),
        None => (None, value),
    };
    if let Some(required) = require_scheme.map(str::trim).filter(|required| !required.is_empty())
        && !scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(required))
    {
        return Err(TokenError::NotPresent);
    }
    // A lone scheme is a header somebody forgot to fill, not a token.
    if token.is_empty() || (scheme.is_none() && token.eq_ignore_ascii_case("bearer")) {
        return Err(TokenError::NotPresent);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_stripped_whatever_its_case() {
        for value in ["Bearer a.b.c", "bearer  a.b.c", "BEARER\ta.b.c ", "a.b.c", "Custom a.b.c"] {
            assert_eq!(from_authorization(value, None), Ok("a.b.c"), "{value:?}");
        }
    }

    #[test]
    fn a_required_scheme_must_be_there() {
        assert_eq!(from_authorization("bEaReR a.b.c", Some("Bearer")), Ok("a.b.c"));
        for value in ["a.b.c", "Basic a.b.c", "Bearera.b.c"] {
            assert_eq!(from_authorization(value, Some("Bearer")), Err(TokenError::NotPresent), "{value:?}");
        }
    }

    #[test]
    fn a_value_without_a_token_holds_none() {
        for value in ["", " ", "Bearer", "bearer  "] {
            assert_eq!(from_authorization(value, None), Err(TokenError::NotPresent), "{value:?}");
        }
    }
}
