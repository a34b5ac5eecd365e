//! What the provider counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use weir_telemetry::Ops;

/// How an attempt to sign in ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SignIn {
    Right,
    Wrong,
    Locked,
}

/// How an attempt to sign up ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SignUp {
    Created,
    Taken,
    Locked,
}

/// What somebody answered when an application asked for scopes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ConsentAnswer {
    Allowed,
    Cancelled,
}

/// What tokens were issued for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GrantType {
    AuthorizationCode,
    RefreshToken,
    Development,
}

/// Counters by one label.
type ByLabel = Family<[(&'static str, &'static str); 1], Counter>;

/// The provider's counters. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    sign_ins: ByLabel,
    sign_ups: ByLabel,
    consents: ByLabel,
    tokens: ByLabel,
    /// Counted where the work is done, so that it also tells what a flood at the sign-in page
    /// costs.
    pub(crate) password_hashes: Counter,
}

impl Metrics {
    pub(crate) fn register(ops: &Ops) -> Self {
        let metrics = Self::default();
        // Every outcome is there from the start: a rate over a series that begins at 1 misses the
        // first.
        begin(&metrics.sign_ins, "result", &["right", "wrong", "locked"]);
        begin(&metrics.sign_ups, "result", &["created", "taken", "locked"]);
        begin(&metrics.consents, "answer", &["allowed", "cancelled"]);
        begin(
            &metrics.tokens,
            "grant",
            &["authorization_code", "refresh_token", "development"],
        );
        ops.registry(|registry| {
            let registry = registry.sub_registry_with_prefix("identity");
            registry.register(
                "sign_ins",
                "Passwords given, by how they were found",
                metrics.sign_ins.clone(),
            );
            registry.register(
                "sign_ups",
                "Accounts asked for, by outcome",
                metrics.sign_ups.clone(),
            );
            registry.register(
                "consents",
                "Answers to applications that asked for scopes",
                metrics.consents.clone(),
            );
            let hashes = metrics.password_hashes.clone();
            registry.register(
                "password_hashes",
                "Passwords hashed, to set or to check one",
                hashes,
            );
            registry.register(
                "tokens_issued",
                "Access tokens issued, by grant",
                metrics.tokens.clone(),
            );
        });
        metrics
    }

    pub(crate) fn sign_in(&self, result: SignIn) {
        let result = match result {
            SignIn::Right => "right",
            SignIn::Wrong => "wrong",
            SignIn::Locked => "locked",
        };
        self.sign_ins.get_or_create(&[("result", result)]).inc();
    }

    pub(crate) fn sign_up(&self, result: SignUp) {
        let result = match result {
            SignUp::Created => "created",
            SignUp::Taken => "taken",
            SignUp::Locked => "locked",
        };
        self.sign_ups.get_or_create(&[("result", result)]).inc();
    }

    pub(crate) fn consent(&self, answer: ConsentAnswer) {
        let answer = match answer {
            ConsentAnswer::Allowed => "allowed",
            ConsentAnswer::Cancelled => "cancelled",
        };
        self.consents.get_or_create(&[("answer", answer)]).inc();
    }

    pub(crate) fn tokens_issued(&self, grant: GrantType) {
        let grant = match grant {
            GrantType::AuthorizationCode => "authorization_code",
            GrantType::RefreshToken => "refresh_token",
            GrantType::Development => "development",
        };
        self.tokens.get_or_create(&[("grant", grant)]).inc();
    }
}

fn begin(family: &ByLabel, label: &'static str, values: &[&'static str]) {
    for value in values {
        family.get_or_create_owned(&[(label, *value)]);
    }
}
