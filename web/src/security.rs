//! The headers that every answer has, whatever it says.
//!
//! There is no `Cross-Origin-Opener-Policy` on purpose: the developer console's sign-in is a pop-up
//! that talks to the page that opened it, which that header would cut off. Framing is what it would
//! guard against besides, and `frame-ancestors` does.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::settings::Settings;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The headers for a browser app with these settings.
pub(crate) fn headers(settings: &Settings) -> HeaderMap {
    let policy =
        HeaderValue::try_from(content_security_policy(settings)).expect("origins are text");
    HeaderMap::from_iter([
        (header::CONTENT_SECURITY_POLICY, policy),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        (RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    ])
}

/// Everything from here, nothing inline, and calls only to where the settings say that calls go.
fn content_security_policy(settings: &Settings) -> String {
    let mut connect = vec!["'self'"];
    for origin in settings.origins() {
        if !connect.contains(&origin) {
            connect.push(origin);
        }
    }
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src {}; \
         form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
        connect.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    #[test]
    fn the_policy_names_each_origin_of_the_settings_once() {
        let policy = content_security_policy(&settings());
        let expected = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                        connect-src 'self' https://api.example.com https://login.example.com:8443; \
                        form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
        assert_eq!(policy, expected);
        assert!(!policy.contains("unsafe"));
    }
}
