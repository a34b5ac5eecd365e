//! Taking the token out of the value of an `Authorization` header (RFC 9110 section 11.4): a
//! scheme, blanks, the token.

/// What may stand before a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme<'s> {
    /// Any scheme, or none.
    Any,
    /// `Bearer`, or none.
    BearerOrNone,
    /// This one, written in any case.
    Required(&'s str),
}

/// The token of a header value; `None` if it holds none, or its scheme is not allowed.
///
/// The value may also be the token alone. Blanks and tabs around the two parts do not count,
/// however many there are: they are no part of either. Which token a value holds does not depend on
/// `scheme`, only whether it may be used.
#[must_use]
pub fn from_authorization<'v>(value: &'v str, scheme: Scheme<'_>) -> Option<&'v str> {
    let value = value.trim_matches(is_blank);
    let (found, token) = match value.split_once(is_blank) {
        Some((found, rest)) => (Some(found), rest.trim_start_matches(is_blank)),
        None => (None, value),
    };
    let is_allowed = match scheme {
        Scheme::Any => true,
        Scheme::BearerOrNone => found.is_none_or(is_bearer),
        Scheme::Required(required) => {
            found.is_some_and(|found| found.eq_ignore_ascii_case(required.trim()))
        }
    };
    // A lone scheme is a header that somebody forgot to fill.
    let is_token = !token.is_empty() && (found.is_some() || !is_bearer(token));
    (is_allowed && is_token).then_some(token)
}

/// Values that do not come from a header may end in a line break.
fn is_blank(c: char) -> bool {
    c.is_ascii_whitespace()
}

fn is_bearer(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("bearer")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Jwt;

    proptest! {
        /// A scheme that is asked for decides whether there is a token, never which.
        #[test]
        fn every_reader_of_a_value_finds_the_same_token(value in "[ \t]{0,2}([Bb]earer|Custom)?[ \t]{0,3}[!-~]{0,9}( x)?[ \t]?") {
            let any = from_authorization(&value, Scheme::Any);
            for scheme in [Scheme::BearerOrNone, Scheme::Required("bearer"), Scheme::Required("Custom")] {
                let found = from_authorization(&value, scheme);
                prop_assert!(found.is_none() || found == any, "{:?}", found);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(value in ".*") {
            let _ = from_authorization(&value, Scheme::Any).map(Jwt::read);
        }
    }

    #[test]
    fn the_scheme_is_stripped_whatever_its_case_and_whatever_blanks_follow() {
        let spellings = [
            "Bearer a.b.c",
            "bearer  a.b.c",
            "BEARER\ta.b.c ",
            "\t Bearer \t a.b.c\t",
            "a.b.c",
            "a.b.c\r\n",
        ];
        for value in spellings {
            assert_eq!(
                from_authorization(value, Scheme::BearerOrNone),
                Some("a.b.c"),
                "{value:?}"
            );
            assert_eq!(
                from_authorization(value, Scheme::Any),
                Some("a.b.c"),
                "{value:?}"
            );
        }
        assert_eq!(
            from_authorization("Custom a.b.c", Scheme::BearerOrNone),
            None
        );
        assert_eq!(
            from_authorization("Custom a.b.c", Scheme::Any),
            Some("a.b.c")
        );
    }

    #[test]
    fn a_required_scheme_must_be_there() {
        assert_eq!(
            from_authorization("bEaReR a.b.c", Scheme::Required("Bearer")),
            Some("a.b.c")
        );
        assert_eq!(
            from_authorization("Custom a.b.c", Scheme::Required("custom")),
            Some("a.b.c")
        );
        for value in ["a.b.c", "Basic a.b.c", "Bearera.b.c", "Bearer"] {
            assert_eq!(
                from_authorization(value, Scheme::Required("Bearer")),
                None,
                "{value:?}"
            );
        }
    }

    #[test]
    fn a_value_without_a_token_holds_none() {
        for value in ["", " ", "Bearer", "bearer  ", "\t"] {
            for scheme in [
                Scheme::Any,
                Scheme::BearerOrNone,
                Scheme::Required("Bearer"),
            ] {
                assert_eq!(from_authorization(value, scheme), None, "{value:?}");
            }
        }
    }

    #[test]
    fn what_follows_the_first_blanks_is_the_token_as_a_whole() {
        assert_eq!(
            from_authorization("Bearer a b", Scheme::Any),
            Some("a b"),
            "and that is no token"
        );
    }
}
