//! The page that asks whether an application may have what it asks for.

use axum::response::Response;
use http::StatusCode;
use maud::html;

use super::Page;
use crate::accounts::Account;
use crate::clients;
use crate::scopes::Granted;
use crate::transactions::Transaction;

/// Who is asked, and about what.
pub(crate) struct ConsentPage<'a> {
    pub(crate) account: &'a Account,
    /// The name of the application whose API the scopes are for.
    pub(crate) api: &'a str,
}

impl ConsentPage<'_> {
    pub(crate) fn send(
        &self,
        status: StatusCode,
        transaction: &Transaction,
        csrf: &str,
    ) -> Response {
        let request = &transaction.request;
        let leads_to = clients::origin_of(&request.redirect_uri);
        let content = html! {
            p.application { (request.client_name) }
            h1 { "Allow this application to act for you?" }
            p { "You are signed in as " strong { (self.account.display_name) } " (" (self.account.email) ")." }
            p { strong { (request.client_name) } " asks to:" }
            ul.scopes {
                @for meaning in meanings(&request.granted, &request.client_id, self.api) { li { (meaning) } }
            }
            @if let Some(origin) = &leads_to {
                p.hint { "Either way you go back to " (origin) ". If you allow it, you are not asked again." }
            }
            form method="post" action={ "/consent?transaction=" (transaction.id) } {
                input type="hidden" name="csrf" value=(csrf);
                button type="submit" name="action" value="allow" { "Allow" }
                button.quiet type="submit" name="action" value="cancel" { "Cancel" }
            }
        };
        Page {
            title: "Allow the application",
            refused: false,
            leads_to,
            content,
        }
        .send(status)
    }
}

/// What scopes mean, in words. Every token names the person, so whatever is asked for, it tells the
/// application that.
fn meanings(granted: &Granted, client_id: &str, api: &str) -> Vec<String> {
    let mut meanings = vec!["Know your name and e-mail address".to_owned()];
    for scope in granted.scopes() {
        match scope.as_str() {
            "openid" | "profile" | "email" | "offline_access" => {}
            own if own == client_id => {
                meanings.push("Use its own services in your name".to_owned());
            }
            // Scopes were checked: what is left is the App ID URI of `api` and a name.
            other => {
                let name = other.rsplit_once('/').map_or(other, |(_, name)| name);
                meanings.push(format!("Call {api} in your name ({name})"));
            }
        }
    }
    // Last, because it is about all the others.
    if granted.has("offline_access") {
        meanings.push(
            "Keep this access until it expires or you sign out, without asking again".to_owned(),
        );
    }
    meanings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::Clients;
    use crate::config::Config;
    use crate::development::{FRONTEND_CLIENT_ID, SCOPE};

    fn in_words(scope: &str) -> Vec<String> {
        let clients = Clients::new(&Config::default()).unwrap();
        let client = clients.find(FRONTEND_CLIENT_ID).unwrap();
        meanings(
            &Granted::new(&clients, client, scope).unwrap(),
            FRONTEND_CLIENT_ID,
            "Backend Application",
        )
    }

    #[test]
    fn scopes_are_told_in_words() {
        let who = "Know your name and e-mail address";
        let keep = "Keep this access until it expires or you sign out, without asking again";
        let call = "Call Backend Application in your name (Hello)";
        assert_eq!(in_words("openid profile email"), [who]);
        assert_eq!(
            in_words(&format!("openid offline_access {SCOPE}")),
            [who, call, keep]
        );
        assert_eq!(
            in_words(FRONTEND_CLIENT_ID),
            [who, "Use its own services in your name"]
        );
    }
}
