//! A browser without a window: keeps cookies, follows redirects by hand, finds the hidden fields of
//! forms.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder, StatusCode};
use url::Url;

/// Longer than a local service ever needs; hashing a password on a busy machine takes its time.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A client that follows nothing by itself and goes through no proxy.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// One person's browser.
pub(super) struct Browser {
    client: Client,
    /// By hand: the identity's cookies are `Secure`, and only browsers send those over http to
    /// localhost.
    cookies: BTreeMap<String, String>,
}

/// What came back.
pub(super) enum Visit {
    /// A page.
    Page {
        status: StatusCode,
        html: String,
    },
    Redirect(Url),
}

impl Browser {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            cookies: BTreeMap::new(),
        }
    }

    pub(super) async fn get(&mut self, url: &Url) -> Result<Visit, reqwest::Error> {
        let request = self.client.get(url.clone());
        self.send(url, request).await
    }

    pub(super) async fn post(
        &mut self,
        url: &Url,
        form: &[(&str, &str)],
    ) -> Result<Visit, reqwest::Error> {
        let request = self.client.post(url.clone()).form(form);
        self.send(url, request).await
    }

    async fn send(&mut self, url: &Url, request: RequestBuilder) -> Result<Visit, reqwest::Error> {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let response = request.header(COOKIE, cookies.join("; ")).send().await?;
        for line in response.headers().get_all(SET_COOKIE) {
            let pair = line
                .to_str()
                .unwrap_or_default()
                .split(';')
                .next()
                .unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|to| url.join(to.to_str().ok()?).ok());
        match location {
            Some(to) if response.status().is_redirection() => Ok(Visit::Redirect(to)),
            _ => Ok(Visit::Page {
                status: response.status(),
                html: response.text().await?,
            }),
        }
    }
}

/// The value of a hidden field of a page's form.
pub(super) fn hidden<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = html.split_once(&format!(r#"name="{name}" value=""#))?;
    Some(rest.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_fields_are_found_by_name() {
        let html =
            r#"<form><input type="hidden" name="csrf" value="abc"><input name="email"></form>"#;
        assert_eq!(hidden(html, "csrf"), Some("abc"));
        assert_eq!(hidden(html, "other"), None);
    }
}
