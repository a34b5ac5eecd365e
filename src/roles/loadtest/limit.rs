//! `calls=15,period=60s,key=sub[,tolerance=1ms]`

use std::time::Duration;

use weir_loadtest::{KeyKind, Limit};

use crate::roles::duration;

const FORM: &str =
    "write calls=N,period=DURATION,key=sub|ip|all, such as calls=15,period=60s,key=sub";

/// Parses a limit to judge.
pub(super) fn parse(text: &str) -> Result<Limit, String> {
    let (mut calls, mut period, mut key, mut tolerance) = (None, None, None, None);
    for part in text.split(',') {
        let (name, value) = part.split_once('=').ok_or(FORM)?;
        let slot_was_empty = match name.trim() {
            "calls" => calls.replace(number(value)?).is_none(),
            "period" => period
                .replace(duration(value).map_err(|e| format!("period={value}: {e}"))?)
                .is_none(),
            "tolerance" => tolerance.replace(tolerated(value)?).is_none(),
            "key" => key.replace(kind(value)?).is_none(),
            other => return Err(format!("{other:?} is no part of a limit; {FORM}")),
        };
        if !slot_was_empty {
            return Err(format!("{name} stands there twice"));
        }
    }
    let (Some(calls), Some(period), Some(key)) = (calls, period, key) else {
        return Err(FORM.to_owned());
    };
    let tolerance = tolerance.unwrap_or(Limit::DEFAULT_TOLERANCE);
    if tolerance >= period {
        return Err("the tolerance must be shorter than the period".to_owned());
    }
    Ok(Limit {
        calls,
        period,
        key,
        tolerance,
    })
}

fn number(value: &str) -> Result<u64, String> {
    match value.parse() {
        Ok(calls) if calls > 0 => Ok(calls),
        _ => Err(format!("calls={value}: write a whole number above 0")),
    }
}

fn kind(value: &str) -> Result<KeyKind, String> {
    [KeyKind::Sub, KeyKind::Ip, KeyKind::All]
        .into_iter()
        .find(|kind| kind.name() == value)
        .ok_or_else(|| {
            format!("key={value}: sub (the token's subject), ip (the client's address) or all")
        })
}

fn tolerated(value: &str) -> Result<Duration, String> {
    if value == "0" {
        return Ok(Duration::ZERO);
    }
    duration(value).map_err(|e| format!("tolerance={value}: {e}, or 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_calls_period_and_key() {
        let limit = parse("calls=15,period=60s,key=sub").unwrap();
        assert_eq!(
            (limit.calls, limit.period, limit.key),
            (15, Duration::from_secs(60), KeyKind::Sub)
        );
        assert_eq!(limit.tolerance, Duration::from_millis(1));
        let limit = parse("key=all,tolerance=0,calls=1,period=100ms").unwrap();
        assert_eq!((limit.key, limit.tolerance), (KeyKind::All, Duration::ZERO));
    }

    #[test]
    fn what_is_no_limit_says_what_would_be() {
        for (bad, part) in [
            ("15/60s", "such as"),
            ("calls=15,period=60s", "such as"),
            ("calls=0,period=60s,key=sub", "above 0"),
            ("calls=15,period=60,key=sub", "unit"),
            ("calls=15,period=60s,key=user", "sub"),
            ("calls=15,calls=16,period=60s,key=sub", "twice"),
            ("cals=15,period=60s,key=sub", "cals"),
            ("calls=1,period=1ms,key=all", "shorter"),
        ] {
            let message = parse(bad).unwrap_err();
            assert!(message.contains(part), "{bad}: {message}");
        }
    }
}
