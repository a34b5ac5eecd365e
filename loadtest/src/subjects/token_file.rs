//! Tokens from a file: one a line; empty lines and lines that start with `#` do not count.

use std::io::Read;
use std::path::Path;

use super::{SubjectsError, is_token};
use crate::caps;

pub(super) fn read(path: &Path) -> Result<Vec<String>, SubjectsError> {
    let failed = |source| SubjectsError::File {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(caps::TOKEN_FILE)
        .read_to_string(&mut text)
        .map_err(failed)?;
    parse(&text).map_err(|(line, problem)| SubjectsError::Tokens {
        path: path.to_owned(),
        line,
        problem,
    })
}

fn parse(text: &str) -> Result<Vec<String>, (Option<usize>, String)> {
    let mut tokens = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if !is_token(line) {
            let problem =
                "not a token: write one access token a line, without `Bearer` and without quotes";
            return Err((Some(number + 1), problem.to_owned()));
        }
        tokens.push(line.to_owned());
    }
    match tokens.len() {
        0 => Err((
            None,
            "no token in it; write one access token a line".to_owned(),
        )),
        n if n > caps::TOKENS => Err((
            None,
            format!("{n} tokens; at most {} are used", caps::TOKENS),
        )),
        _ => Ok(tokens),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_tokens_and_comments_are_not() {
        assert_eq!(
            parse("# of Monday\na.b.c\r\n\n  d.e.f  \n").unwrap(),
            ["a.b.c", "d.e.f"]
        );
    }

    #[test]
    fn what_is_no_token_is_refused_by_line_without_repeating_it() {
        let (line, problem) = parse("a.b.c\nBearer d.e.f\n").unwrap_err();
        assert_eq!(line, Some(2));
        assert!(!problem.contains("d.e.f"));
        assert!(parse("\n#\n").unwrap_err().1.contains("no token"));
    }
}
