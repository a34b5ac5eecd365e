#![allow(clippy::unwrap_used)]
use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;

/// A header of version 2.
fn version_2_header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [V2_SIGNATURE, &[command, family], &length, rest].concat()
}

/// As a proxy writes it.
fn encode(version: u8, source: SocketAddr, destination: SocketAddr, extensions: &[u8]) -> Vec<u8> {
    let (s, d) = (source.port(), destination.port());
    match (version, source.ip(), destination.ip()) {
        (1, from, to) => {
            let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
            format!("PROXY {family} {from} {to} {s} {d}\r\n").into_bytes()
        }
        (_, IpAddr::V4(from), IpAddr::V4(to)) => {
            let addresses = [
                &from.octets()[..],
                &to.octets(),
                &s.to_be_bytes(),
                &d.to_be_bytes(),
                extensions,
            ]
            .concat();
            version_2_header(0x21, 0x11, &addresses)
        }
        (_, IpAddr::V6(from), IpAddr::V6(to)) => {
            let addresses = [
                &from.octets()[..],
                &to.octets(),
                &s.to_be_bytes(),
                &d.to_be_bytes(),
                extensions,
            ]
            .concat();
            version_2_header(0x21, 0x21, &addresses)
        }
        _ => unreachable!("both addresses are of one family"),
    }
}

fn source_of(bytes: &[u8]) -> Source {
    match parse(bytes) {
        Ok(Progress::Complete { length, source }) => {
            assert_eq!(length, bytes.len());
            source
        }
        other => panic!("{other:?}: {}", bytes.escape_ascii()),
    }
}

fn client_of(bytes: &[u8]) -> String {
    match source_of(bytes) {
        Source::Client(address) => address.to_string(),
        Source::Proxy => "proxy".to_owned(),
    }
}

#[test]
fn the_examples_of_the_specification() {
    assert_eq!(
        client_of(b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"),
        "192.0.2.7"
    );
    assert_eq!(
        client_of(b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
        "255.255.255.255"
    );
    let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    assert_eq!(
        client_of(format!("PROXY TCP6 {longest} {longest} 65535 65535\r\n").as_bytes()),
        longest
    );
    assert_eq!(client_of(b"PROXY UNKNOWN\r\n"), "proxy");
    assert_eq!(
        client_of(format!("PROXY UNKNOWN {longest} {longest} 65535 65535\r\n").as_bytes()),
        "proxy"
    );
}

#[test]
fn a_mapped_address_is_an_ipv4_address() {
    assert_eq!(
        client_of(b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n"),
        "192.0.2.7"
    );
    let (from, to) = (
        "[::ffff:192.0.2.7]:1".parse().unwrap(),
        "[::1]:2".parse().unwrap(),
    );
    assert_eq!(client_of(&encode(2, from, to, &[])), "192.0.2.7");
}

#[test]
fn a_proxy_may_speak_for_itself() {
    assert_eq!(client_of(&version_2_header(0x20, 0x00, &[])), "proxy");
    // Addresses of a LOCAL command are to be ignored, whatever they are.
    assert_eq!(client_of(&version_2_header(0x20, 0x11, &[6; 12])), "proxy");
    assert_eq!(client_of(&version_2_header(0x20, 0xff, &[6; 3])), "proxy");
    assert_eq!(client_of(&version_2_header(0x21, 0x00, &[6; 5])), "proxy");
    assert_eq!(client_of(&version_2_header(0x21, 0x31, &[6; 216])), "proxy");
}

#[test]
fn what_is_not_in_the_specification_is_refused() {
    for line in [
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
        "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
        "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
        "PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP6 ::1 5.6.7.8 1 2\r\n",
        "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
        "PROXY TCP4 example.org 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4\u{a0}5.6.7.8 1 2\r\n",
    ] {
        assert_eq!(parse(line.as_bytes()), Err(Malformed::Line), "{line:?}");
    }
    assert_eq!(parse(b"GET / HTTP/1.1\r\n"), Err(Malformed::Absent));
    assert_eq!(parse(b"proxy TCP4"), Err(Malformed::Absent));
    assert_eq!(parse(b"\x16\x03\x01"), Err(Malformed::Absent));
    assert_eq!(
        parse(&version_2_header(0x11, 0x11, &[0; 12])),
        Err(Malformed::Command)
    );
    assert_eq!(
        parse(&version_2_header(0x22, 0x11, &[0; 12])),
        Err(Malformed::Command)
    );
    for (family, short) in [(0x11, 11), (0x21, 35)] {
        assert_eq!(
            parse(&version_2_header(0x21, family, &vec![0; short])),
            Err(Malformed::Addresses)
        );
    }
    for family in [0x01, 0x10, 0x12, 0x22, 0x32, 0x41, 0xff] {
        assert_eq!(
            parse(&version_2_header(0x21, family, &[0; 216])),
            Err(Malformed::Transport),
            "{family:x}"
        );
    }
}

#[test]
fn what_is_too_long_is_refused_before_it_has_come() {
    let line = format!("PROXY TCP4 {}", "1".repeat(V1_MAX_LENGTH));
    assert_eq!(
        parse(&line.as_bytes()[..V1_MAX_LENGTH - 1]),
        Ok(Progress::Partial)
    );
    assert_eq!(
        parse(&line.as_bytes()[..V1_MAX_LENGTH]),
        Err(Malformed::Line)
    );
    let long = version_2_header(0x21, 0x11, &[0; MAX_LENGTH - V2_FIXED + 1]);
    assert_eq!(parse(&long[..V2_FIXED - 1]), Ok(Progress::Partial));
    assert_eq!(parse(&long[..V2_FIXED]), Err(Malformed::TooLong));
    assert!(matches!(
        source_of(&version_2_header(0x21, 0x11, &[0; MAX_LENGTH - V2_FIXED])),
        Source::Client(_)
    ));
}

/// Two addresses of one family.
fn addresses() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let v4 = any::<([u8; 4], u16)>().prop_map(|(ip, port)| SocketAddr::from((ip, port)));
    let v6 = any::<([u8; 16], u16)>().prop_map(|(ip, port)| SocketAddr::from((ip, port)));
    prop_oneof![(v4.clone(), v4), (v6.clone(), v6)]
}

proptest! {
    /// However the bytes are cut, the header is the same, its length is right, and nothing behind
    /// it is looked at.
    #[test]
    fn what_a_proxy_writes_is_read(
        version in 1u8..=2,
        (source, destination) in addresses(),
        extensions in prop::collection::vec(any::<u8>(), 0..200),
        behind in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let header = encode(version, source, destination, &extensions);
        for cut in 0..header.len() {
            prop_assert_eq!(parse(&header[..cut]), Ok(Progress::Partial), "{} bytes", cut);
        }
        let whole = Progress::Complete { length: header.len(), source: Source::Client(source.ip().to_canonical()) };
        prop_assert_eq!(parse(&header), Ok(whole));
        prop_assert_eq!(parse(&[header, behind].concat()), Ok(whole));
    }

    /// Rubbish never panics, never asks for more than the bound, and a refusal stays one whatever
    /// follows.
    #[test]
    fn rubbish_is_survived(
        start in prop_oneof![Just(Vec::new()), Just(V1_PREFIX.to_vec()), Just(V2_SIGNATURE.to_vec())],
        rubbish in prop::collection::vec(any::<u8>(), 0..3000),
    ) {
        let bytes = [start, rubbish].concat();
        let mut refused = None;
        for cut in (0..bytes.len().min(200)).chain([bytes.len()]) {
            let progress = parse(&bytes[..cut]);
            match progress {
                Ok(Progress::Partial) => prop_assert!(cut < MAX_LENGTH),
                Ok(Progress::Complete { length, .. }) => prop_assert!(length <= cut && length <= MAX_LENGTH),
                Err(_) => {}
            }
            if let Some(refusal) = refused {
                prop_assert_eq!(progress, Err(refusal));
            }
            refused = progress.err();
        }
    }
}
