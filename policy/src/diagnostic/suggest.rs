//! "Did you mean": the known name nearest to one that is not known.

/// A help text for `name`, which is none of `known`: the nearest one if it is near, then the list.
pub(crate) fn help(name: &str, known: &[&str]) -> String {
    let list = format!("known here: {}", list(known));
    match closest(name, known) {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list,
    }
}

/// `a, b, c`, or a word for an empty list.
pub(crate) fn list<S: AsRef<str>>(names: &[S]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names
        .iter()
        .map(AsRef::as_ref)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The name that differs from `name` least, if that is little enough to be a slip.
pub(crate) fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let allowed = (name.chars().count() / 3).max(1);
    known
        .iter()
        .map(|candidate| (distance(&name, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, where two neighbours that changed places count as one step.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let changed = above[j] + usize::from(a[i] != b[j]);
            let mut least = changed.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                let swapped: usize = before[j - 1];
                least = least.min(swapped + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_does_not() {
        let known = ["set-header", "set-status", "cors"];
        assert_eq!(closest("set-heder", &known), Some("set-header"));
        assert_eq!(closest("Cors", &known), Some("cors"));
        assert_eq!(closest("quota", &known), None);
        assert_eq!(closest("", &known), None);
        assert_eq!(
            help("cor", &known),
            "did you mean `cors`? known here: set-header, set-status, cors"
        );
        assert_eq!(help("quota", &[]), "known here: none");
    }

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("knwon", "known"), 1);
        assert_eq!(distance("ab", "ba"), 1);
    }
}
