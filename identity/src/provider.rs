//! The provider: everything its endpoints share.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};

use crate::accounts::{Account, Directory};
use crate::attempts::Attempts;
use crate::authorize::answer::Answer;
use crate::authorize::request::AuthorizeRequest;
use crate::clients::Clients;
use crate::clock::Clock;
use crate::config::{self, Accounts, Config, Lifetimes};
use crate::consent;
use crate::cookies;
use crate::crypto::MacKey;
use crate::error::Error;
use crate::grants::{CodeRequest, Grant, Grants};
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::passwords::Hasher;
use crate::sessions::{Session, Sessions};
use crate::tenant::Tenant;
use crate::transactions::{Transaction, Transactions};

/// The state behind every endpoint. Each part has its own lock.
pub(crate) struct Provider {
    pub(crate) tenant: Tenant,
    pub(crate) clients: Clients,
    pub(crate) keys: Keys,
    pub(crate) directory: Directory,
    pub(crate) hasher: Hasher,
    pub(crate) attempts: Attempts,
    pub(crate) transactions: Transactions,
    pub(crate) sessions: Sessions,
    pub(crate) grants: Grants,
    pub(crate) csrf_key: MacKey,
    pub(crate) metrics: Metrics,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) consent: config::Consent,
    pub(crate) development_tokens: bool,
    pub(crate) clock: Clock,
}

/// What axum hands to every handler.
pub(crate) type Shared = Arc<Provider>;

impl Provider {
    pub(crate) async fn new(
        config: &Config,
        metrics: Metrics,
        clock: Clock,
    ) -> Result<Self, Error> {
        let directory = Directory::open(&config.accounts).await?;
        Ok(Self {
            tenant: Tenant::new(config)?,
            clients: Clients::new(config)?,
            keys: keys(config.clone(), clock.clone()).await?,
            directory,
            hasher: Hasher::new(metrics.password_hashes.clone())
                .await
                .map_err(|error| Error::Hashing(error.to_string()))?,
            attempts: Attempts::new(config.attempts.clone()),
            transactions: Transactions::new(config.lifetimes.transaction),
            sessions: Sessions::new(config.lifetimes.session),
            grants: Grants::new(config.lifetimes.clone()),
            csrf_key: MacKey::new(),
            metrics,
            lifetimes: config.lifetimes.clone(),
            consent: config.consent,
            development_tokens: config.development_tokens,
            clock,
        })
    }

    /// The session of this browser, if it has one.
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<Session> {
        self.sessions
            .find(cookies::get(headers, cookies::SESSION)?, self.clock.now())
    }

    /// Sends a browser back to the application with a code.
    pub(crate) fn answer_with_code(
        &self,
        request: &AuthorizeRequest,
        session: &Session,
    ) -> Response {
        let grant = Grant {
            client_id: request.client_id.clone(),
            policy: Arc::clone(&request.policy),
            granted: request.granted.clone(),
            account: session.account,
            signed_in_at: session.signed_in_at,
            session: session.id,
            confidential: request.confidential,
        };
        let code = CodeRequest {
            grant: Arc::new(grant),
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            nonce: request.nonce.clone(),
        };
        let code = self.grants.issue_code(code, self.clock.now());
        Answer::Code(code).send(&request.reply, &self.tenant.issuer(&request.policy))
    }

    /// Ends a session with everything that came from it.
    pub(crate) fn end_session(&self, session: &Session) {
        self.sessions.end(&session.id);
        self.grants.end_session(&session.id);
    }

    /// Begins a session and sends the browser on with its cookie.
    pub(crate) async fn sign_in(
        &self,
        account: &Account,
        transaction: &Transaction,
        keep: bool,
        headers: &HeaderMap,
    ) -> Response {
        // A session of before ends: its cookie is about to be replaced, and nobody could sign out
        // of it any more.
        if let Some(previous) = self.session(headers) {
            self.end_session(&previous);
        }
        let (cookie, session) = self.sessions.begin(account.id, self.clock.now());
        let lifetime = keep.then_some(self.lifetimes.session);
        let mut response = consent::proceed(self, transaction, &session).await;
        response.headers_mut().append(
            header::SET_COOKIE,
            cookies::set(cookies::SESSION, &cookie, lifetime),
        );
        response
    }
}

/// Making a key takes a good part of a second and reading one blocks, so neither happens on an
/// async thread.
async fn keys(config: Config, clock: Clock) -> Result<Keys, Error> {
    let work = move || {
        let beside = match config.accounts {
            Accounts::Memory => None,
            Accounts::Sqlite(path) => Some({
                let mut name = path.into_os_string();
                name.push(".signing-key.pem");
                name.into()
            }),
        };
        match config.signing_key_file.or(beside) {
            Some(path) => Keys::load_or_create(&path),
            None => Keys::ephemeral(clock.now()),
        }
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::SigningKey {
            path: None,
            problem: error.to_string(),
        })?
}

/// A response that no cache may keep: it holds tokens, or what somebody typed.
pub(crate) fn uncached(response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
