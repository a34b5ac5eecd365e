//! The steps of a plan's section, in their order: one file for each policy, and here the one place
//! that knows them all.
//!
//! Steps that decide alone are plain functions of the request's context; those that ask somebody
//! (a key source, the limiter, a backend) are asynchronous. `choose` does not recurse: the branch
//! taken is walked before what follows it.

mod backend_service;
mod check_header;
mod forward;
mod ip_filter;
mod rate_limit;
mod return_response;
mod rewrite_uri;
mod set_header;
mod validate_jwt;

use tracing::Instrument as _;
use weir_policy::Value;
use weir_policy::plan::{Action, Choose, Origin, Step};

use super::{Exchange, Stop, span};

pub(super) use rate_limit::State as LimitState;

impl<'g> Exchange<'g> {
    /// Runs steps in order until one answers or fails.
    pub(super) async fn steps(&mut self, steps: &'g [Step]) -> Result<(), Stop> {
        let mut rest = steps;
        let mut later: Vec<&'g [Step]> = Vec::new();
        loop {
            let Some((step, following)) = rest.split_first() else {
                let Some(next) = later.pop() else {
                    return Ok(());
                };
                rest = next;
                continue;
            };
            self.at = Some(&step.origin);
            rest = following;
            let at = &step.origin;
            match &step.action {
                // Several limits leave together, each with a span of its own.
                Action::RateLimitByKey(first) => {
                    rest = self.rate_limits(step, first, rest).await?;
                }
                Action::Choose(choose) => {
                    later.push(rest);
                    rest = self.branch(choose, at)?;
                }
                Action::ValidateJwt(policy) => {
                    let span = self.trace.policy_span(at);
                    let result = self.validate_jwt(policy).instrument(span.clone()).await;
                    span::end(&span, &result);
                    result?;
                }
                Action::ForwardRequest(policy) => {
                    let span = self.trace.policy_span(at);
                    let result = self.forward(policy).instrument(span.clone()).await;
                    span::end(&span, &result);
                    result?;
                }
                Action::Cors(policy) => self.at_once(at, |x| x.cors(policy))?,
                Action::IpFilter(policy) => self.at_once(at, |x| x.ip_filter(policy))?,
                Action::CheckHeader(policy) => self.at_once(at, |x| x.check_header(policy))?,
                Action::SetHeader(policy) => {
                    self.at_once(at, |x| x.set_header(policy, at.section))?;
                }
                Action::SetStatus(policy) => self.at_once(at, |x| x.set_status(policy))?,
                Action::SetBody(policy) => self.at_once(at, |x| {
                    let body = policy.get(&x.context)?.into_owned();
                    x.set_body(body);
                    Ok(())
                })?,
                Action::SetVariable(policy) => self.at_once(at, |x| {
                    let value: Value = policy.value.get(&x.context)?.into_owned();
                    x.context.variables.set(&policy.name, value);
                    Ok(())
                })?,
                Action::SetBackendService(policy) => {
                    self.at_once(at, |x| x.set_backend_service(policy, at.scope))?;
                }
                Action::AuthenticationCertificate(policy) => {
                    self.at_once(at, |x| x.authentication_certificate(policy))?;
                }
                Action::RewriteUri(policy) => self.at_once(at, |x| x.rewrite_uri(policy))?,
                Action::ReturnResponse(policy) => {
                    self.at_once(at, |x| x.return_response(policy))?;
                }
            }
        }
    }

    /// Runs a policy that asks nobody, as a span of its own.
    fn at_once(
        &mut self,
        at: &Origin,
        policy: impl FnOnce(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let span = self.trace.policy_span(at);
        let result = span.in_scope(|| policy(self));
        span::end(&span, &result);
        result
    }

    /// The steps that `choose` chooses.
    fn branch(&self, choose: &'g Choose, at: &Origin) -> Result<&'g [Step], Stop> {
        let span = self.trace.policy_span(at);
        let result = self.chosen(choose, &span);
        span::end(&span, &result);
        result
    }

    fn chosen(&self, choose: &'g Choose, span: &tracing::Span) -> Result<&'g [Step], Stop> {
        for (index, when) in choose.whens.iter().enumerate() {
            if *when.condition.get(&self.context)? {
                if !span.is_disabled() {
                    span.record(
                        "weir.policy.branch",
                        tracing::field::display(format_args!("when[{}]", index + 1)),
                    );
                }
                return Ok(&when.steps);
            }
        }
        if !choose.otherwise.is_empty() {
            span.record("weir.policy.branch", "otherwise");
        }
        Ok(&choose.otherwise)
    }
}
