//! The PROXY protocol, versions 1 and 2: how a load balancer that only passes bytes on says whose
//! bytes they are.
//!
//! [`parse`] is pure and total: it looks at what has come so far and says whether it is a whole
//! header, the beginning of one, or none. It never looks past the header, whose length is bounded,
//! and it reads the source address only: the destination and the extensions (TLVs) of version 2 are
//! checked for their lengths and otherwise left alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest header that is read. Version 1 has at most 107 bytes; version 2 could have 65,551,
/// but real ones with their extensions (a host name, a client certificate's subject) stay below
/// this.
pub(crate) const MAX_LENGTH: usize = 2048;

/// With the line break: what the specification gives as the worst case.
const V1_MAX_LENGTH: usize = 107;
const V1_PREFIX: &[u8] = b"PROXY ";
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length.
const V2_FIXED: usize = 16;

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// This client's. Canonical: an IPv4 address in IPv6 clothes is an IPv4 address.
    Client(IpAddr),
    /// The proxy's own (a health check, `LOCAL`), or it does not know (`UNKNOWN`): the address of
    /// the socket holds.
    Proxy,
}

/// What the bytes so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The beginning of a header, all of them.
    Partial,
    /// A header of this length, in bytes; what follows is the client's.
    Complete { length: usize, source: Source },
}

/// Why the bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("it does not begin with a PROXY protocol header")]
    Absent,
    #[error("its PROXY protocol header is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error(
        "its PROXY protocol header (version 1) is not `PROXY TCP4|TCP6 SOURCE DESTINATION PORT PORT` or `PROXY UNKNOWN`"
    )]
    Line,
    #[error("its PROXY protocol header has a version or command that version 2 does not define")]
    Command,
    #[error(
        "its PROXY protocol header (version 2) is about something that is not a TCP connection"
    )]
    Transport,
    #[error("its PROXY protocol header (version 2) is too short for its addresses")]
    Addresses,
}

/// Looks at the first bytes of a connection.
pub(crate) fn parse(bytes: &[u8]) -> Result<Progress, Malformed> {
    if begins(bytes, V2_SIGNATURE) {
        return version_2(bytes);
    }
    if begins(bytes, V1_PREFIX) {
        return version_1(bytes);
    }
    Err(Malformed::Absent)
}

/// Whether `bytes` begin with `prefix`, as far as they have come.
fn begins(bytes: &[u8], prefix: &[u8]) -> bool {
    let common = bytes.len().min(prefix.len());
    bytes[..common] == prefix[..common]
}

fn version_1(bytes: &[u8]) -> Result<Progress, Malformed> {
    let line = &bytes[..bytes.len().min(V1_MAX_LENGTH)];
    let Some(end) = line.iter().position(|byte| *byte == b'\n') else {
        return if line.len() < V1_MAX_LENGTH {
            Ok(Progress::Partial)
        } else {
            Err(Malformed::Line)
        };
    };
    let text = line[..end]
        .strip_suffix(b"\r")
        .and_then(|text| std::str::from_utf8(text).ok())
        .ok_or(Malformed::Line)?;
    let mut fields = text.split(' ').skip(1);
    let source = match fields.next() {
        // Whatever else stands on the line is to be ignored.
        Some("UNKNOWN") => Source::Proxy,
        Some("TCP4") => Source::Client(client::<Ipv4Addr>(fields)?),
        Some("TCP6") => Source::Client(client::<Ipv6Addr>(fields)?),
        _ => return Err(Malformed::Line),
    };
    Ok(Progress::Complete {
        length: end + 1,
        source,
    })
}

/// `SOURCE DESTINATION PORT PORT`, and nothing else.
fn client<'a, A>(mut fields: impl Iterator<Item = &'a str>) -> Result<IpAddr, Malformed>
where
    A: std::str::FromStr + Into<IpAddr>,
{
    let mut next = || fields.next().ok_or(Malformed::Line);
    let source = next()?.parse::<A>().map_err(|_| Malformed::Line)?;
    next()?.parse::<A>().map_err(|_| Malformed::Line)?;
    for port in [next()?, next()?] {
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || port.parse::<u16>().is_err() {
            return Err(Malformed::Line);
        }
    }
    if fields.next().is_some() {
        Err(Malformed::Line)
    } else {
        Ok(source.into().to_canonical())
    }
}

fn version_2(bytes: &[u8]) -> Result<Progress, Malformed> {
    // A byte that is wrong already is not waited behind.
    if bytes
        .get(12)
        .is_some_and(|byte| !matches!(byte, 0x20 | 0x21))
    {
        return Err(Malformed::Command);
    }
    let Some(fixed) = bytes.get(..V2_FIXED) else {
        return Ok(Progress::Partial);
    };
    let length = V2_FIXED + usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if length > MAX_LENGTH {
        return Err(Malformed::TooLong);
    }
    let Some(rest) = bytes.get(V2_FIXED..length) else {
        return Ok(Progress::Partial);
    };
    let local = fixed[12] == 0x20;
    let source = if local {
        Source::Proxy
    } else {
        version_2_source(fixed[13], rest)?
    };
    Ok(Progress::Complete { length, source })
}

/// The source of a `PROXY` command of this family and transport.
fn version_2_source(family_and_transport: u8, rest: &[u8]) -> Result<Source, Malformed> {
    /// The source, if both addresses and both ports are there.
    fn address<const N: usize>(rest: &[u8]) -> Result<[u8; N], Malformed> {
        if rest.len() < 2 * N + 4 {
            return Err(Malformed::Addresses);
        }
        rest.first_chunk().copied().ok_or(Malformed::Addresses)
    }
    match family_and_transport {
        // Unspecified, or a Unix socket: real, and without an address that means anything here.
        0x00 | 0x31 => Ok(Source::Proxy),
        0x11 => Ok(Source::Client(Ipv4Addr::from(address::<4>(rest)?).into())),
        0x21 => Ok(Source::Client(
            IpAddr::from(address::<16>(rest)?).to_canonical(),
        )),
        _ => Err(Malformed::Transport),
    }
}

#[cfg(test)]
mod tests;
