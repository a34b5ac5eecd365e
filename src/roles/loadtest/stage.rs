//! `RATE:DURATION[:RAMP]`

use std::time::Duration;

use weir_loadtest::Stage;

use crate::roles::duration;

/// Parses `50`, `0.5`.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate >= 0.0 => Ok(rate),
        _ => Err("write a number of requests per second, such as 50 or 0.5".to_owned()),
    }
}

/// Parses `50:30s`, `200:1m:10s`.
pub(super) fn parse(text: &str) -> Result<Stage, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (given, length, ramp) = match parts[..] {
        [rate, length] => (rate, length, None),
        [rate, length, ramp] => (rate, length, Some(ramp)),
        _ => {
            return Err(
                "write RATE:DURATION or RATE:DURATION:RAMP, such as 50:30s or 200:1m:10s"
                    .to_owned(),
            );
        }
    };
    let ramp = ramp
        .map(|ramp| duration(ramp).map_err(|e| format!("the ramp {ramp:?}: {e}")))
        .transpose()?;
    Ok(Stage {
        rate: rate(given).map_err(|e| format!("the rate {given:?}: {e}"))?,
        duration: duration(length).map_err(|e| format!("the duration {length:?}: {e}"))?,
        ramp: ramp.unwrap_or(Duration::ZERO),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_a_rate_a_duration_and_perhaps_a_ramp() {
        let (duration, ramp) = (Duration::from_secs(60), Duration::from_secs(10));
        assert_eq!(
            parse("200:1m:10s"),
            Ok(Stage {
                rate: 200.0,
                duration,
                ramp
            })
        );
        assert_eq!(
            parse("0.5:1m"),
            Ok(Stage {
                rate: 0.5,
                duration,
                ramp: Duration::ZERO
            })
        );
        for (bad, part) in [
            ("50", "RATE:DURATION"),
            ("x:1s", "\"x\""),
            ("5:1", "\"1\""),
            ("5:1s:y", "ramp"),
            ("-1:1s", "rate"),
            ("inf:1s", "rate"),
        ] {
            assert!(parse(bad).unwrap_err().contains(part), "{bad}");
        }
    }
}
