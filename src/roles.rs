//! One module per role: its flags, and how they become the role's configuration.

#[cfg(feature = "development")]
pub(crate) mod backend;
pub(crate) mod check;
pub(crate) mod gateway;
#[cfg(feature = "development")]
pub(crate) mod identity;
pub(crate) mod limiter;
pub(crate) mod loadtest;
pub(crate) mod tls;
#[cfg(feature = "development")]
pub(crate) mod web;

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use weir_token::ProvidersConfig;

/// Parses `10.0.1.0/24`, or a single address.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text
            .parse()
            .map_err(|_| "write an address or a network, e.g. 10.0.1.0/24".to_owned())?,
    };
    if network.addr() == network.network() {
        Ok(network)
    } else {
        Err(format!(
            "{text} has bits set behind its prefix; the network is {}",
            network.trunc()
        ))
    }
}

/// Parses `100ms`, `2s` or `5m`: a whole number and its unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits
        .parse()
        .map_err(|_| "write a whole number and a unit: 100ms, 2s or 5m".to_owned())?;
    let duration = match &text[digits.len()..] {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        _ => return Err("the unit is ms, s or m".to_owned()),
    };
    if duration.is_zero() {
        Err("must be more than zero".to_owned())
    } else {
        Ok(duration)
    }
}

/// Parses how often OpenID providers are asked for their keys.
pub(crate) fn jwks_interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < ProvidersConfig::MIN_INTERVAL {
        return Err(format!(
            "providers are asked every {:?} at most, e.g. 5m",
            ProvidersConfig::MIN_INTERVAL
        ));
    }
    Ok(interval)
}

/// How providers are asked for their keys, as `--jwks-refresh` and `--jwks-unknown-kid` say.
pub(crate) fn jwks(refresh_interval: Duration, unknown_key_interval: Duration) -> ProvidersConfig {
    ProvidersConfig {
        refresh_interval,
        unknown_key_interval,
        ..ProvidersConfig::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn networks_may_be_single_addresses_and_have_no_host_bits() {
        assert_eq!(network("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert_eq!(network("::1").unwrap().to_string(), "::1/128");
        assert_eq!(network("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert!(network("10.1.2.3/8").unwrap_err().contains("10.0.0.0/8"));
        assert!(network("10.0.0.0/33").is_err() && network("localhost").is_err());
    }

    #[test]
    fn providers_are_not_asked_all_the_time() {
        assert_eq!(jwks_interval("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(
            jwks_interval("60m"),
            Ok(ProvidersConfig::default().refresh_interval)
        );
        assert_eq!(
            jwks_interval("5m"),
            Ok(ProvidersConfig::default().unknown_key_interval)
        );
        assert!(
            jwks_interval("999ms")
                .unwrap_err()
                .contains("every 1s at most")
        );
        assert!(
            jwks_interval("often")
                .unwrap_err()
                .contains("a whole number and a unit")
        );
    }

    #[test]
    fn durations_need_a_number_and_a_unit() {
        assert_eq!(duration("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("5m"), Ok(Duration::from_mins(5)));
        for bad in [
            "",
            "s",
            "5",
            "0s",
            "1.5s",
            "-1s",
            "5 s",
            "5h",
            "99999999999999999999s",
        ] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }
}
