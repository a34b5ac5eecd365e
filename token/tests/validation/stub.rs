//! An OpenID provider whose documents and failures a test controls, on a port of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// How the stub answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// As a provider should.
    Well,
    /// 503 to everything.
    Down,
    /// Accepts requests and never answers.
    Silent,
    /// The discovery document never stops.
    EndlessDiscovery,
    /// The discovery document redirects to itself.
    RedirectLoop,
    /// The discovery document stands behind one redirect.
    RedirectOnce,
    /// This text instead of the discovery document.
    Discovery(String),
    /// This text instead of the key set.
    Keys(String),
}

/// A running stub.
#[derive(Clone)]
pub struct Stub {
    pub base: String,
    state: Arc<Documents>,
}

struct Documents {
    base: String,
    issuer: Mutex<String>,
    keys: Mutex<Vec<Value>>,
    mode: Mutex<Mode>,
    /// While it is there, key sets that were read wait with their answer.
    hold: Mutex<Option<CancellationToken>>,
    discovery_fetches: AtomicUsize,
    key_fetches: AtomicUsize,
    strays: AtomicUsize,
}

impl Stub {
    /// Starts a stub with B2C's form of issuer, unlike the discovery URL and with a slash at the
    /// end.
    pub async fn start(keys: Vec<Value>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Documents {
            base: base.clone(),
            issuer: Mutex::new(format!("{base}/775527ff/v2.0/")),
            keys: Mutex::new(keys),
            mode: Mutex::new(Mode::Well),
            hold: Mutex::new(None),
            discovery_fetches: AtomicUsize::new(0),
            key_fetches: AtomicUsize::new(0),
            strays: AtomicUsize::new(0),
        });
        let app = Router::new()
            .route(
                "/tenant/v2.0/.well-known/openid-configuration",
                get(discovery),
            )
            .route(
                "/moved",
                get(|State(state): State<Arc<Documents>>| async move { document(&state) }),
            )
            .route("/keys", get(keys_document))
            .fallback(|State(state): State<Arc<Documents>>| async move {
                state.strays.fetch_add(1, Ordering::SeqCst);
                StatusCode::NOT_FOUND
            })
            .with_state(Arc::clone(&state));
        // Ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { base, state }
    }

    /// The discovery URL, in the query form of B2C.
    pub fn url(&self) -> String {
        format!(
            "{}/tenant/v2.0/.well-known/openid-configuration?p=B2C_1_signin",
            self.base
        )
    }

    pub fn issuer(&self) -> String {
        self.state.issuer.lock().clone()
    }

    pub fn set_issuer(&self, issuer: &str) {
        *self.state.issuer.lock() = issuer.to_owned();
    }

    pub fn set_keys(&self, keys: Vec<Value>) {
        *self.state.keys.lock() = keys;
    }

    pub fn set_mode(&self, mode: Mode) {
        *self.state.mode.lock() = mode;
    }

    /// The next answers with a key set are written now and sent when the token is cancelled.
    pub fn hold_keys(&self) -> CancellationToken {
        self.state
            .hold
            .lock()
            .insert(CancellationToken::new())
            .clone()
    }

    /// How often the discovery document was asked for, in whatever mode.
    pub fn discovery_fetches(&self) -> usize {
        self.state.discovery_fetches.load(Ordering::SeqCst)
    }

    /// How often the key set was asked for.
    pub fn key_fetches(&self) -> usize {
        self.state.key_fetches.load(Ordering::SeqCst)
    }

    /// Requests to any other path.
    pub fn strays(&self) -> usize {
        self.state.strays.load(Ordering::SeqCst)
    }
}

async fn discovery(State(state): State<Arc<Documents>>, RawQuery(query): RawQuery) -> Response {
    state.discovery_fetches.fetch_add(1, Ordering::SeqCst);
    let mode = state.mode.lock().clone();
    match mode {
        _ if query.as_deref() != Some("p=B2C_1_signin") => StatusCode::NOT_FOUND.into_response(),
        Mode::Down => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mode::Silent => std::future::pending().await,
        Mode::EndlessDiscovery => {
            let spaces =
                futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(" ".repeat(8192)));
            Body::from_stream(spaces).into_response()
        }
        Mode::RedirectLoop => {
            Redirect::temporary("/tenant/v2.0/.well-known/openid-configuration?p=B2C_1_signin")
                .into_response()
        }
        Mode::RedirectOnce => Redirect::temporary("/moved").into_response(),
        Mode::Discovery(text) => text.into_response(),
        Mode::Well | Mode::Keys(_) => document(&state),
    }
}

/// Slim: nothing but what a validator needs, and a field it does not know.
fn document(state: &Documents) -> Response {
    let keys = format!("{}/keys", state.base);
    let document = json!({"issuer": *state.issuer.lock(), "jwks_uri": keys, "x_other": [1]});
    axum::Json(document).into_response()
}

async fn keys_document(State(state): State<Arc<Documents>>) -> Response {
    let answer = match state.mode.lock().clone() {
        Mode::Keys(text) => text.into_response(),
        _ => axum::Json(json!({"keys": *state.keys.lock()})).into_response(),
    };
    state.key_fetches.fetch_add(1, Ordering::SeqCst);
    let hold = state.hold.lock().clone();
    if let Some(release) = hold {
        release.cancelled().await;
    }
    answer
}
