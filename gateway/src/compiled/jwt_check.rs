//! What is made once per `validate-jwt` element: its key sources and, where nothing depends on the
//! request, what a token must say.

use std::borrow::Cow;
use std::sync::Arc;

use weir_policy::plan::{self, KeyMaterial, Origin, ValidateJwt};
use weir_policy::{Context, Diagnostic, Diagnostics, EvaluationError, Location, Setting};
use weir_token::{
    KeySources, Match, Providers, RequiredClaim, SigningKey, Validator, ValidatorConfig,
};

/// A `validate-jwt` element before any provider is known.
#[derive(Debug)]
pub(crate) struct JwtRules {
    keys: Vec<SigningKey>,
    /// Discovery URLs.
    providers: Vec<String>,
    literals: Literals,
    at: Location,
}

/// A `validate-jwt` element, ready to run.
#[derive(Debug)]
pub(crate) struct JwtCheck {
    pub(crate) validator: Validator,
    pub(crate) metrics: weir_token::Metrics,
    literals: Literals,
}

/// What a token must say, as far as nothing of it depends on the request.
#[derive(Debug)]
struct Literals {
    audiences: Option<Vec<String>>,
    issuers: Option<Vec<String>>,
    claims: Option<Vec<RequiredClaim>>,
}

impl JwtRules {
    /// Takes the element apart; every key and every URL that cannot be used is reported.
    pub(crate) fn new(
        policy: &ValidateJwt,
        origin: &Origin,
        problems: &mut Vec<Diagnostic>,
    ) -> Self {
        let file = &origin.file;
        let mut keys = Vec::new();
        for written in &policy.keys {
            let key = signing_key(written);
            match key.check() {
                Ok(()) => keys.push(key),
                Err(why) => {
                    let message = format!("this key of `validate-jwt` cannot be used: {why}");
                    problems.push(Diagnostic::new(file, written.position, message));
                }
            }
        }
        for why in policy
            .openid_configs
            .iter()
            .filter_map(|url| Providers::check(url).err())
        {
            problems.push(Diagnostic::new(file, origin.position, why.to_string()));
        }
        Self {
            keys,
            providers: policy.openid_configs.clone(),
            literals: Literals {
                audiences: literals(&policy.audiences),
                issuers: literals(&policy.issuers),
                claims: policy
                    .required_claims
                    .iter()
                    .map(|c| Some(required(c, literals(&c.values)?)))
                    .collect(),
            },
            at: Location {
                file: Arc::clone(file),
                position: origin.position,
            },
        }
    }

    /// The same with its providers.
    ///
    /// # Errors
    /// If a key or a URL cannot be used, which [`Self::new`] has reported.
    pub(crate) fn connect(self, providers: &Providers) -> Result<JwtCheck, Diagnostics> {
        let Self {
            keys,
            literals,
            at,
            providers: urls,
        } = self;
        let failed = |why: String| Diagnostics(vec![Diagnostic::new(&at.file, at.position, why)]);
        let urls = urls.iter().map(|url| providers.provider(url));
        let sources = KeySources {
            providers: urls
                .collect::<Result<_, _>>()
                .map_err(|e| failed(e.to_string()))?,
            keys,
        };
        let config = ValidatorConfig {
            metrics: providers.metrics(),
            ..ValidatorConfig::default()
        };
        let validator = Validator::new(sources, config).map_err(|why| failed(why.to_string()))?;
        Ok(JwtCheck {
            validator,
            metrics: providers.metrics(),
            literals,
        })
    }
}

impl JwtCheck {
    pub(crate) fn audiences(
        &self,
        policy: &ValidateJwt,
        context: &Context,
    ) -> Evaluated<'_, String> {
        strings(
            self.literals.audiences.as_deref(),
            &policy.audiences,
            context,
        )
    }

    pub(crate) fn issuers(&self, policy: &ValidateJwt, context: &Context) -> Evaluated<'_, String> {
        strings(self.literals.issuers.as_deref(), &policy.issuers, context)
    }

    pub(crate) fn claims(
        &self,
        policy: &ValidateJwt,
        context: &Context,
    ) -> Evaluated<'_, RequiredClaim> {
        if let Some(claims) = &self.literals.claims {
            return Ok(Cow::Borrowed(claims));
        }
        let claims = policy.required_claims.iter().map(|claim| {
            let values = strings(None, &claim.values, context)?;
            Ok(required(claim, values.into_owned()))
        });
        claims.collect::<Result<Vec<_>, _>>().map(Cow::Owned)
    }
}

/// Values known at load are borrowed.
type Evaluated<'a, T> = Result<Cow<'a, [T]>, EvaluationError>;

fn literals(settings: &[Setting<String>]) -> Option<Vec<String>> {
    settings
        .iter()
        .map(|setting| setting.literal().cloned())
        .collect()
}

fn strings<'a>(
    known: Option<&'a [String]>,
    settings: &[Setting<String>],
    context: &Context,
) -> Evaluated<'a, String> {
    if let Some(known) = known {
        return Ok(Cow::Borrowed(known));
    }
    let values = settings
        .iter()
        .map(|setting| Ok(setting.get(context)?.into_owned()));
    values.collect::<Result<Vec<_>, _>>().map(Cow::Owned)
}

fn required(claim: &plan::RequiredClaim, values: Vec<String>) -> RequiredClaim {
    RequiredClaim {
        name: claim.name.clone(),
        mode: if claim.all { Match::All } else { Match::Any },
        separator: claim.separator.clone(),
        values,
    }
}

fn signing_key(key: &plan::SigningKey) -> SigningKey {
    let id = key.id.clone();
    match &key.material {
        KeyMaterial::Symmetric(secret) => SigningKey::Hmac {
            id,
            secret: secret.clone(),
        },
        KeyMaterial::Rsa { n, e } => SigningKey::Rsa {
            id,
            n: n.clone(),
            e: e.clone(),
        },
    }
}
