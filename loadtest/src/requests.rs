//! Which request is number `n`: whose, from where, to which target; and what it looks like.

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use http_body_util::Full;

use crate::addresses::{AddressMode, Addresses};
use crate::config::HttpVersion;
use crate::connect::Body;
use crate::pool::Lane;
use crate::subjects::Subject;
use crate::target::Target;

/// Makes all requests of a run.
pub(crate) struct Requests {
    pub(crate) targets: Vec<Target>,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) addresses: Addresses,
    pub(crate) http: HttpVersion,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The part of a request that its number decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) target: usize,
    /// Which of the subjects; 0 if there are none.
    pub(crate) subject: usize,
    pub(crate) address: u32,
}

impl Requests {
    /// Subjects take turns, and so do addresses: a subject stays at its address where there are
    /// enough subjects. The target is chance (the same in every run), so that every subject meets
    /// every target, whatever the numbers.
    pub(crate) fn choose(&self, n: u64) -> Choice {
        let turn = |of: u64| n % of.max(1);
        let subject = turn(self.subjects.len() as u64);
        let addresses = u64::from(self.addresses.len());
        let address = if self.subjects.len() as u64 >= addresses {
            subject % addresses
        } else {
            turn(addresses)
        };
        Choice {
            target: (scatter(n) % self.targets.len().max(1) as u64) as usize,
            subject: subject as usize,
            address: u32::try_from(address).expect("less than the number of addresses"),
        }
    }

    /// The target of a choice.
    pub(crate) fn target(&self, choice: Choice) -> &Target {
        &self.targets[choice.target]
    }

    /// Which connections may carry it.
    pub(crate) fn lane(&self, choice: Choice) -> Lane {
        let address = self
            .addresses
            .nth(choice.address, self.target(choice).address.ip());
        (
            choice.target,
            address.filter(|_| self.addresses.are_per_connection()),
        )
    }

    /// The request, but for its trace.
    pub(crate) fn build(&self, choice: Choice) -> Request<Body> {
        let target = self.target(choice);
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        let mut headers = self.headers.clone();
        if let Some(subject) = self.subjects.get(choice.subject) {
            headers.insert(AUTHORIZATION, subject.authorization.clone());
        }
        if let AddressMode::Header(name) = &self.addresses.mode
            && let Some(address) = self.addresses.nth(choice.address, target.address.ip())
        {
            let value =
                HeaderValue::from_str(&address.to_string()).expect("an address is plain text");
            headers.insert(name.clone(), value);
        }
        let mut parts = Uri::builder().path_and_query(target.path.clone());
        match self.http {
            HttpVersion::Http1 => {
                headers.entry(HOST).or_insert_with(|| target.host.clone());
            }
            HttpVersion::Http2 => {
                // Over HTTP/2 the host is part of the URI; one that was given as a header goes
                // there.
                let host = headers.remove(HOST).unwrap_or_else(|| target.host.clone());
                parts = parts.scheme("http").authority(host.as_bytes());
                *request.version_mut() = Version::HTTP_2;
            }
        }
        *request.uri_mut() = parts
            .build()
            .unwrap_or_else(|_| Uri::from(target.path.clone()));
        *request.headers_mut() = headers;
        request
    }
}

/// SplitMix64: neighbouring numbers become unrelated ones.
fn scatter(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn requests(
        targets: usize,
        subjects: usize,
        addresses: Addresses,
        http: HttpVersion,
    ) -> Requests {
        let target = |n: usize| Target {
            url: "http://localhost:8080/a?b".parse().unwrap(),
            address: format!("127.0.0.1:{}", 8080 + n).parse().unwrap(),
            host: HeaderValue::from_static("localhost:8080"),
            path: "/a?b".parse().unwrap(),
        };
        let subject = |n: usize| Subject {
            label: format!("user {n}"),
            authorization: HeaderValue::from_str(&format!("Bearer t{n}")).unwrap(),
            number: n as u32,
            expires: None,
        };
        Requests {
            targets: (0..targets).map(target).collect(),
            subjects: (0..subjects).map(subject).collect(),
            addresses,
            http,
            method: Method::GET,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    #[test]
    fn every_subject_meets_every_target() {
        for (targets, subjects) in [(2, 100), (3, 2), (3, 5), (4, 8)] {
            let requests = requests(targets, subjects, Addresses::default(), HttpVersion::Http1);
            let met: HashSet<_> = (0..4_000)
                .map(|n| requests.choose(n))
                .map(|c| (c.subject, c.target))
                .collect();
            assert_eq!(met.len(), targets * subjects);
        }
    }

    #[test]
    fn subjects_stay_at_their_address_where_there_are_enough() {
        let header = AddressMode::Header(http::HeaderName::from_static("x-forwarded-for"));
        let addresses = Addresses {
            count: 10,
            mode: header,
        };
        let many = requests(1, 25, addresses.clone(), HttpVersion::Http1);
        let pairs: HashSet<_> = (0..1_000)
            .map(|n| many.choose(n))
            .map(|c| (c.subject, c.address))
            .collect();
        assert_eq!(pairs.len(), 25);
        let few = requests(1, 0, addresses, HttpVersion::Http1);
        assert_eq!(
            (0..1_000)
                .map(|n| few.choose(n).address)
                .collect::<HashSet<_>>()
                .len(),
            10
        );
        assert_eq!(
            few.build(few.choose(3)).headers()["x-forwarded-for"],
            "198.18.0.4"
        );
        assert_eq!(
            few.lane(few.choose(3)),
            (0, None),
            "a header needs no connection of its own"
        );
    }

    #[test]
    fn both_protocols_say_host_and_path() {
        let one = requests(1, 1, Addresses::default(), HttpVersion::Http1);
        let request = one.build(one.choose(0));
        assert_eq!(
            (request.uri().to_string(), &request.headers()[HOST]),
            ("/a?b".to_owned(), &one.targets[0].host)
        );
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer t0");
        let two = requests(1, 1, Addresses::default(), HttpVersion::Http2);
        let request = two.build(two.choose(0));
        assert_eq!(request.uri().to_string(), "http://localhost:8080/a?b");
        assert!(!request.headers().contains_key(HOST));
    }
}
