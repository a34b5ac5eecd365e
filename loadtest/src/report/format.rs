//! Numbers as people read them.

use std::time::Duration;

/// `1,234,567`
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.42 ms`, `12.3 ms`, `1.2 s`: two or three digits that mean something.
pub(crate) fn millis(millis: f64) -> String {
    match millis {
        m if m < 10.0 => format!("{m:.2} ms"),
        m if m < 100.0 => format!("{m:.1} ms"),
        m if m < 1_000.0 => format!("{m:.0} ms"),
        m => format!("{:.2} s", m / 1_000.0),
    }
}

/// `30 s`, `2.5 s`
pub(crate) fn seconds(seconds: f64) -> String {
    let text = format!("{seconds:.3}");
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `00:30`, `1:00:00`
pub(crate) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// `50`, `0.5`: a rate without needless digits.
pub(crate) fn rate(rate: f64) -> String {
    let text = format!("{rate:.1}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `1 key`, `2 keys`
pub(crate) fn plural(count: u64, noun: &str) -> String {
    let number = grouped(count);
    if count == 1 {
        format!("{number} {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0, 999, 1_000, 1_234_567]
                .map(grouped)
                .each_ref()
                .map(|s| &**s)
        );
        assert_eq!(millis(0.416), "0.42 ms");
        assert_eq!(
            (millis(12.34), millis(999.4), millis(1_234.0)),
            ("12.3 ms".into(), "999 ms".into(), "1.23 s".into())
        );
        assert_eq!(
            (seconds(30.0), seconds(2.5)),
            ("30 s".to_owned(), "2.5 s".to_owned())
        );
        assert_eq!(
            (
                clock(Duration::from_secs(90)),
                clock(Duration::from_secs(3_661))
            ),
            ("01:30".into(), "1:01:01".into())
        );
        assert_eq!((rate(50.0), rate(0.5)), ("50".to_owned(), "0.5".to_owned()));
    }
}
