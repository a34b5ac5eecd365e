//! What is made once per `validate-jwt` element: its key sources and, where nothing depends on the request, what a
//! token must say.

use std::borrow::Cow;

use weir_policy::plan::{self, Origin, ValidateJwt};
use weir_policy::{Context, EvaluationError, Setting};
use weir_token::{KeySources, Match, Providers, RequiredClaim, SigningKey, Validator, ValidatorConfig};

use crate::run::Error;

/// A `validate-jwt` element, ready to run.
#[derive(Debug)]
pub(crate) struct JwtCheck {
    pub(super) validator: Validator,
    pub(super) metrics: weir_token::Metrics,
    audiences: Option<Vec<String>>,
    issuers: Option<Vec<String>>,
    claims: Option<Vec<RequiredClaim>>,
}

impl JwtCheck {
    pub(crate) fn new(policy: &ValidateJwt, origin: &Origin, providers: &Providers) -> Result<Self, Error> {
        let sources = KeySources {
            providers: policy.openid_configs.iter().map(|url| providers.provider(url)).collect::<Result<_, _>>()?,
            keys: policy.keys.iter().map(signing_key).collect(),
        };
        let config = ValidatorConfig { metrics: providers.metrics(), ..ValidatorConfig::default() };
        let validator = Validator::new(sources, config).map_err(|source| Error::Key {
            file: origin.file.clone(),
            position: origin.position,
            source,
        })?;
        Ok(Self {
            validator,
            metrics: providers.metrics(),
            audiences: literals(&policy.audiences),
            issuers: literals(&policy.issuers),
            claims: policy.required_claims.iter().map(|c| Some(required(c, literals(&c.values)?))).collect(),
        })
    }

    pub(super) fn audiences(&self, policy: &ValidateJwt, context: &Context) -> Evaluated<'_, String> {
        strings(self.audiences.as_deref(), &policy.audiences, context)
    }

    pub(super) fn issuers(&self, policy: &ValidateJwt, context: &Context) -> Evaluated<'_, String> {
        strings(self.issuers.as_deref(), &policy.issuers, context)
    }

    pub(super) fn claims(&self, policy: &ValidateJwt, context: &Context) -> Evaluated<'_, RequiredClaim> {
        if let Some(claims) = &self.claims {
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
    settings.iter().map(|setting| setting.literal().cloned()).collect()
}

fn strings<'a>(known: Option<&'a [String]>, settings: &[Setting<String>], context: &Context) -> Evaluated<'a, String> {
    if let Some(known) = known {
        return Ok(Cow::Borrowed(known));
    }
    let values = settings.iter().map(|setting| Ok(setting.get(context)?.into_owned()));
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
    match key {
        plan::SigningKey::Symmetric { id, secret } => SigningKey::Hmac { id: id.clone(), secret: secret.clone() },
        plan::SigningKey::Rsa { id, n, e } => SigningKey::Rsa { id: id.clone(), n: n.clone(), e: e.clone() },
    }
}
