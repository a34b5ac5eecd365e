//! What a client says it takes: `Accept` and `Accept-Encoding` (RFC 9110, 12.5).

use http::{HeaderMap, HeaderName, header};

/// How content is encoded on the wire. In ascending order of preference: the last is the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Brotli,
}

impl Encoding {
    /// Its name in `Content-Encoding`; the identity is not named there.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

/// A quality in thousandths; 0 means "not this".
type Quality = u16;

const FULL: Quality = 1000;

/// Whether the client asks for a page, as a browser does that goes to an address. `*/*` does not
/// ask for one: it is what scripts and `curl` send.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    listed(headers, &header::ACCEPT)
        .any(|(name, quality)| quality > 0 && name.eq_ignore_ascii_case("text/html"))
}

/// What the client likes best of `available`, and of equals the smaller. The identity if nothing
/// else is welcome: a client that refuses even that is better served than answered with an error.
pub(crate) fn encoding(headers: &HeaderMap, available: impl Iterator<Item = Encoding>) -> Encoding {
    let quality_of = |wanted: &[&str]| {
        let named = |(name, _): &(&str, Quality)| {
            wanted
                .iter()
                .any(|wanted| name.eq_ignore_ascii_case(wanted))
        };
        listed(headers, &header::ACCEPT_ENCODING)
            .find(named)
            .map(|(_, quality)| quality)
    };
    let others = quality_of(&["*"]);
    let quality = |encoding| {
        let named = match encoding {
            Encoding::Identity => quality_of(&["identity"]),
            Encoding::Gzip => quality_of(&["gzip", "x-gzip"]),
            Encoding::Brotli => quality_of(&["br"]),
        };
        // An identity that is not mentioned is acceptable, and less welcome than all that is.
        named.or(others).unwrap_or(0)
    };
    let welcome = available
        .map(|encoding| (quality(encoding), encoding))
        .filter(|(quality, _)| *quality > 0);
    welcome
        .max()
        .map_or(Encoding::Identity, |(_, encoding)| encoding)
}

/// The elements of a list with their qualities. Elements whose quality cannot be read are left out.
fn listed<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = (&'a str, Quality)> {
    let lists = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .filter_map(|element| {
            let mut parts = element.split(';').map(str::trim);
            let name = parts.next()?;
            let quality = parts.find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim()
                    .eq_ignore_ascii_case("q")
                    .then_some(value.trim())
            });
            Some((name, quality.map_or(Some(FULL), quality_from)?))
        })
}

/// Reads `1`, `0.5`, `0.125`.
fn quality_from(text: &str) -> Option<Quality> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{fraction:0<3}").parse::<Quality>().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(FULL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use Encoding::{Brotli, Gzip, Identity};
    use http::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn the_smallest_of_the_most_welcome_encodings_is_chosen() {
        let chosen = |values: &[&str]| {
            encoding(
                &headers(&header::ACCEPT_ENCODING, values),
                [Identity, Gzip, Brotli].into_iter(),
            )
        };
        let cases: [(&[&str], Encoding); 19] = [
            (&[], Identity),
            (&[""], Identity),
            (&["gzip, deflate, br, zstd"], Brotli),
            (&["gzip", "br"], Brotli),
            (&["GZIP"], Gzip),
            (&["x-gzip"], Gzip),
            (&["deflate"], Identity),
            (&["br;q=0.5, gzip"], Gzip),
            (&["br;q=0.5, gzip;q=0.4"], Brotli),
            (&["br ; q=0.001 , gzip;q=0"], Brotli),
            (&["br;q=0, gzip;q=0.000"], Identity),
            (&["*"], Brotli),
            (&["br;q=0, *"], Gzip),
            (&["*;q=0"], Identity),
            (&["gzip;q=0.5, identity"], Identity),
            (&["gzip;q=0.5, identity;q=0.5"], Gzip),
            (&["gzip, identity;q=0"], Gzip),
            (&["identity;q=0"], Identity),
            // A quality that cannot be read is no welcome.
            (&["br;q=2, gzip;q=0.5"], Gzip),
        ];
        for (values, expected) in cases {
            assert_eq!(chosen(values), expected, "{values:?}");
        }
    }

    #[test]
    fn only_what_is_available_is_chosen() {
        let headers = headers(&header::ACCEPT_ENCODING, &["br, gzip"]);
        assert_eq!(encoding(&headers, [Identity, Gzip].into_iter()), Gzip);
        assert_eq!(encoding(&headers, [Identity].into_iter()), Identity);
    }

    #[test]
    fn browsers_ask_for_pages_and_scripts_do_not() {
        let wants = |accept: &str| wants_page(&headers(&header::ACCEPT, &[accept]));
        assert!(wants(
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        ));
        assert!(wants("application/json, Text/HTML;charset=utf-8;q=0.1"));
        for other in [
            "*/*",
            "",
            "text/*",
            "application/json",
            "text/html;q=0",
            "text/htmlx",
        ] {
            assert!(!wants(other), "{other:?}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }

    #[test]
    fn qualities_are_read_as_written() {
        for (text, expected) in [
            ("1", 1000),
            ("1.", 1000),
            ("1.000", 1000),
            ("0", 0),
            ("0.5", 500),
            ("0.125", 125),
        ] {
            assert_eq!(quality_from(text), Some(expected), "{text:?}");
        }
        for bad in [
            "", "2", "1.001", "0.1234", "-0.5", "0.-5", "0.+5", ".5", "inf", "1e0", "0.٣",
        ] {
            assert_eq!(quality_from(bad), None, "{bad:?}");
        }
    }
}
