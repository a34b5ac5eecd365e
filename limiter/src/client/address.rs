//! The one form that a limiter's address has.

use tonic::transport::Uri;

/// An address that is none of a limiter.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It is not of the form that is needed.
    #[error("{given:?} is not a limiter's address: use http://host:port")]
    Address {
        /// What was given.
        given: String,
    },
    /// It asks for TLS.
    #[error(
        "{given:?}: TLS to limiters is not supported yet: use http://host:port on a private network"
    )]
    Tls {
        /// What was given.
        given: String,
    },
}

/// The address of a limiter, if `given` is of the one form it may have.
pub(crate) fn parse(given: &str) -> Result<Uri, EndpointError> {
    let given = given.trim();
    match given.parse::<Uri>() {
        Ok(uri) if uri.scheme_str() == Some("https") => Err(EndpointError::Tls {
            given: given.to_owned(),
        }),
        Ok(uri) if is_address(&uri) => Ok(uri),
        Ok(_) | Err(_) => Err(EndpointError::Address {
            given: given.to_owned(),
        }),
    }
}

/// Whether it is `http://host:port` and nothing besides.
fn is_address(uri: &Uri) -> bool {
    let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    let complete = uri.authority().is_some_and(|authority| {
        authority.port_u16().is_some()
            && !authority.host().is_empty()
            && !authority.as_str().contains('@')
    });
    uri.scheme_str() == Some("http") && bare && complete
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_one_form() {
        for good in [
            "http://127.0.0.1:8081",
            "http://limiter-1:8081/",
            "http://[::1]:8081",
            " http://a:1 ",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "limiter:8081",
            "http://limiter",
            "http://:80",
            "http://a:1/path",
            "http://u:p@a:1",
            "ftp://a:1",
            "http://a:1?q",
        ] {
            let error = parse(bad).map(drop);
            assert!(
                matches!(error, Err(EndpointError::Address { .. })),
                "{bad}: {error:?}"
            );
        }
        let error = parse("https://limiter:8081").map(drop);
        assert!(matches!(error, Err(EndpointError::Tls { .. })), "{error:?}");
    }
}
