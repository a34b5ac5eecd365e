//! A bearer token in a header's value.

use weir_jwt::{Compact, Jwt, MAX_TOKEN_BYTES, Scheme, from_authorization};

/// What a validator would take apart, `AsJwt()` reads as the same token.
pub(crate) fn target(data: &[u8]) {
    let Ok(value) = std::str::from_utf8(data) else {
        return;
    };
    for scheme in [
        Scheme::BearerOrNone,
        Scheme::Any,
        Scheme::Required("Bearer"),
    ] {
        let Some(token) = from_authorization(value, scheme) else {
            continue;
        };
        assert!(!token.is_empty());
        assert_eq!(
            from_authorization(value, Scheme::Any),
            Some(token),
            "two readers of {value:?}"
        );
        let read = Jwt::read(token);
        match Compact::read(token).and_then(Compact::into_jwt) {
            Ok(jwt) => {
                assert!(token.len() <= MAX_TOKEN_BYTES);
                let read = read.expect("a token with header and claims is read");
                assert_eq!(jwt.subject(), read.subject());
                assert_eq!(jwt.issuer(), read.issuer());
                assert!(jwt.audiences().eq(read.audiences()));
            }
            Err(_) => assert!(read.is_err(), "only one reader takes {token:?}"),
        }
    }
}
