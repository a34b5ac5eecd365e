//! `ip-filter`.

use std::net::IpAddr;

use http::StatusCode;
use weir_policy::Context;
use weir_policy::plan::{AddressRange, IpFilter};

use crate::exchange::{Exchange, Stop};
use crate::failure::Failure;

impl Exchange<'_> {
    pub(in crate::exchange) fn ip_filter(&mut self, policy: &IpFilter) -> Result<(), Stop> {
        let address = self.context.request.ip;
        let mut listed = false;
        for range in &policy.ranges {
            listed = listed || contains(range, address, &self.context)?;
        }
        let action = policy.action.get(&self.context)?;
        let (reason, detail) = match (action.as_str(), listed) {
            ("allow", true) | ("forbid", false) => return Ok(()),
            ("allow", false) => (
                "CallerIpNotAllowed",
                format!("Caller IP address {address} is not allowed. Access denied."),
            ),
            ("forbid", true) => (
                "CallerIpBlocked",
                "Caller IP address is blocked. Access denied.".to_owned(),
            ),
            (other, _) => {
                let detail = format!("ip-filter action `{other}` is neither allow nor forbid");
                return Err(Failure::internal("ExpressionValueEvaluationFailure", detail).into());
            }
        };
        Err(Failure::new(StatusCode::FORBIDDEN, reason, detail).into())
    }
}

fn contains(range: &AddressRange, address: IpAddr, context: &Context) -> Result<bool, Stop> {
    match range {
        AddressRange::One(one) => {
            let text = one.get(context)?;
            let parsed = text.trim().parse::<IpAddr>().map_err(|_| {
                Failure::internal(
                    "ExpressionValueEvaluationFailure",
                    "an address of ip-filter is not an IP address",
                )
            })?;
            Ok(parsed.to_canonical() == address)
        }
        AddressRange::Range(from, to) => {
            let (from, to) = (from.to_canonical(), to.to_canonical());
            Ok(from.is_ipv4() == address.is_ipv4() && (from..=to).contains(&address))
        }
    }
}
