//! Tables and durations for people.

/// Rows with aligned columns. The first column and the last are aligned to the left, numbers in
/// between to the right.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from("  ");
        for (column, cell) in row.iter().enumerate() {
            let fill = " ".repeat(widths[column] - cell.chars().count());
            match column {
                0 => line.push_str(&format!("{cell}{fill}")),
                last if last + 1 == columns => line.push_str(&format!("  {cell}")),
                _ => line.push_str(&format!("  {fill}{cell}")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Milliseconds as a person says them: `250 ms`, `23.4 s`, `5 min 3 s`, `2 h 5 min`.
pub(super) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0 => format!("{millis} ms"),
        1..120 => {
            let tenths = millis / 100;
            if tenths.is_multiple_of(10) {
                format!("{seconds} s")
            } else {
                format!("{seconds}.{} s", tenths % 10)
            }
        }
        120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `15 in 60 s`
pub(super) fn limit(limit: Option<&weir_proto::limiter::v1::Limit>) -> String {
    limit.map_or_else(String::new, |limit| {
        format!("{} in {}", limit.calls, span(limit.renewal_period_ms))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        let cases = [
            (0, "0 ms"),
            (250, "250 ms"),
            (1_000, "1 s"),
            (23_450, "23.4 s"),
            (60_000, "60 s"),
        ];
        let long = [(303_000, "5 min 3 s"), (7_500_000, "2 h 5 min")];
        for (millis, text) in cases.into_iter().chain(long) {
            assert_eq!(span(millis), text);
        }
    }

    #[test]
    fn columns_line_up() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let text = table(&[
            row(["limit", "used", "key"]),
            row(["15 in 60 s", "7", "60:alice"]),
        ]);
        assert_eq!(
            text,
            "  limit       used  key\n  15 in 60 s     7  60:alice\n"
        );
    }
}
