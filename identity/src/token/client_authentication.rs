//! Which client calls the token endpoint, and whether it is really that one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};

use super::{Failure, FailureCode};
use crate::clients::{Client, Clients};
use crate::parameters::Parameters;

/// Finds the client by the form, or by HTTP Basic, and checks its secret if it has one.
pub(super) fn authenticate<'a>(
    clients: &'a Clients,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<&'a Client, Failure> {
    let basic = basic(headers)?;
    let challenge = basic.is_some();
    let refuse = |description: &str| Failure {
        challenge,
        ..Failure::new(FailureCode::InvalidClient, description)
    };
    let (id, secret) = match (&basic, form.get("client_id"), form.get("client_secret")) {
        (Some(_), _, Some(_)) => {
            return Err(Failure::invalid_request(
                "There are two client secrets: send one.",
            ));
        }
        (Some((id, _)), Some(other), None) if !id.eq_ignore_ascii_case(other) => {
            return Err(Failure::invalid_request(
                "Authorization and client_id name different applications.",
            ));
        }
        (Some((id, secret)), _, None) => (id.as_str(), Some(secret.as_str())),
        (None, Some(id), secret) => (id, secret),
        (None, None, _) => return Err(Failure::missing("client_id")),
    };
    let client = clients
        .find(id)
        .ok_or_else(|| refuse("The application (client_id) is not registered here."))?;
    match (client.is_confidential(), secret) {
        (true, None) => Err(refuse(
            "AADB2C90079: Clients must send a client_secret when redeeming a confidential grant.",
        )),
        (true, Some(secret)) if !client.has_secret(secret) => Err(refuse(
            "AADB2C90081: The specified client_secret does not match the expected value for this client.",
        )),
        (false, Some(_)) => Err(Failure::invalid_request(
            "AADB2C90084: Public clients should not send a client_secret when redeeming a publicly acquired grant.",
        )),
        _ => Ok(client),
    }
}

/// ID and secret of HTTP Basic, each form-encoded before they are joined (RFC 6749, section 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Failure> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let malformed = || Failure {
        challenge: true,
        ..Failure::new(
            FailureCode::InvalidClient,
            "The Authorization header is not well-formed HTTP Basic.",
        )
    };
    let (scheme, credentials) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let bytes = STANDARD
        .decode(credentials.trim())
        .map_err(|_| malformed())?;
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    let (id, secret) = text.split_once(':').ok_or_else(malformed)?;
    Ok(Some((form_decoded(id), form_decoded(secret))))
}

fn form_decoded(text: &str) -> String {
    // A bare value without `=` is read as a name.
    url::form_urlencoded::parse(text.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::config::Config;
    use crate::development::{BACKEND_CLIENT_ID, BACKEND_CLIENT_SECRET, FRONTEND_CLIENT_ID};

    fn try_with(authorization: Option<String>, form: &str) -> Result<String, (FailureCode, bool)> {
        let clients = Clients::new(&Config::default()).unwrap();
        let mut headers = HeaderMap::new();
        if let Some(text) = authorization {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&text).unwrap());
        }
        authenticate(
            &clients,
            &headers,
            &Parameters::parse(form.as_bytes()).unwrap(),
        )
        .map(|client| client.id.clone())
        .map_err(|failure| (failure.code, failure.challenge))
    }

    fn basic(credentials: &str) -> Option<String> {
        Some(format!("Basic {}", STANDARD.encode(credentials)))
    }

    #[test]
    fn a_client_with_a_secret_may_send_it_either_way() {
        let right = basic(&format!("{BACKEND_CLIENT_ID}:{BACKEND_CLIENT_SECRET}"));
        assert_eq!(
            try_with(right.clone(), "").as_deref(),
            Ok(BACKEND_CLIENT_ID)
        );
        let form = format!("client_id={BACKEND_CLIENT_ID}&client_secret={BACKEND_CLIENT_SECRET}");
        assert_eq!(try_with(None, &form).as_deref(), Ok(BACKEND_CLIENT_ID));
        assert_eq!(
            try_with(right.clone(), &form),
            Err((FailureCode::InvalidRequest, false))
        );
        let other = format!("client_id={FRONTEND_CLIENT_ID}");
        assert_eq!(
            try_with(right, &other),
            Err((FailureCode::InvalidRequest, false))
        );
    }

    #[test]
    fn a_wrong_secret_is_refused() {
        let wrong = basic(&format!("{BACKEND_CLIENT_ID}:guess"));
        assert_eq!(try_with(wrong, ""), Err((FailureCode::InvalidClient, true)));
        let form = format!("client_id={BACKEND_CLIENT_ID}");
        assert_eq!(
            try_with(None, &form),
            Err((FailureCode::InvalidClient, false))
        );
        assert_eq!(
            try_with(None, &format!("{form}&client_secret=guess")),
            Err((FailureCode::InvalidClient, false))
        );
        assert_eq!(
            try_with(Some("Bearer x".to_owned()), &form),
            Err((FailureCode::InvalidClient, true))
        );
        assert_eq!(
            try_with(None, "client_id=unknown"),
            Err((FailureCode::InvalidClient, false))
        );
    }

    #[test]
    fn a_client_without_a_secret_must_not_send_one() {
        let form = format!("client_id={FRONTEND_CLIENT_ID}");
        assert_eq!(try_with(None, &form).as_deref(), Ok(FRONTEND_CLIENT_ID));
        assert_eq!(
            try_with(None, &format!("{form}&client_secret=x")),
            Err((FailureCode::InvalidRequest, false))
        );
        assert_eq!(
            try_with(None, ""),
            Err((FailureCode::InvalidRequest, false))
        );
    }
}
