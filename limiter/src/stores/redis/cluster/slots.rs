//! Which slot a key has, and which node has a slot, as `CLUSTER SLOTS` tells it.

use redis::Value;

use crate::stores::redis::address::Endpoint;

/// Slots of a cluster.
pub(super) const SLOTS: u16 = 16_384;

/// The slot of a stored key: CRC16 of the key, or of its first `{tag}` that is not empty.
pub(crate) fn slot_of(key: &[u8]) -> u16 {
    crc16(tag(key).unwrap_or(key)) % SLOTS
}

fn tag(key: &[u8]) -> Option<&[u8]> {
    let rest = &key[key.iter().position(|&byte| byte == b'{')? + 1..];
    let tag = &rest[..rest.iter().position(|&byte| byte == b'}')?];
    (!tag.is_empty()).then_some(tag)
}

/// CRC-16/XMODEM, as the cluster specification has it.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        let index = usize::from((crc >> 8) as u8 ^ byte);
        (crc << 8) ^ TABLE[index]
    })
}

const TABLE: [u16; 256] = table();

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

/// Slots that follow each other, and who has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) master: Endpoint,
    pub(super) replicas: Vec<Endpoint>,
}

/// Reads an answer to `CLUSTER SLOTS`. A node that does not know its own name means the address it
/// was `asked` at.
pub(super) fn ranges(answer: &Value, asked: &Endpoint) -> Option<Vec<Range>> {
    let Value::Array(rows) = answer else {
        return None;
    };
    rows.iter().map(|row| range(row, asked)).collect()
}

fn range(row: &Value, asked: &Endpoint) -> Option<Range> {
    let Value::Array(parts) = row else {
        return None;
    };
    let [Value::Int(first), Value::Int(last), master, replicas @ ..] = parts.as_slice() else {
        return None;
    };
    let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
    let replicas = replicas
        .iter()
        .filter_map(|node| endpoint(node, asked))
        .collect();
    (first <= last && last < SLOTS).then_some(Range {
        first,
        last,
        master: endpoint(master, asked)?,
        replicas,
    })
}

fn endpoint(node: &Value, asked: &Endpoint) -> Option<Endpoint> {
    let Value::Array(parts) = node else {
        return None;
    };
    let [host, Value::Int(port), ..] = parts.as_slice() else {
        return None;
    };
    let host = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::SimpleString(host) => host,
        Value::Nil => "",
        _ => return None,
    };
    let host = if matches!(host, "" | "?") {
        &asked.host
    } else {
        host
    };
    Some(Endpoint {
        host: host.to_owned(),
        port: u16::try_from(*port).ok()?,
    })
}

/// The `host:port` of a redirection.
pub(super) fn redirected(text: &str, from: &Endpoint) -> Option<Endpoint> {
    let (host, port) = text.rsplit_once(':')?;
    let host = if host.is_empty() { &from.host } else { host };
    Some(Endpoint {
        host: host.to_owned(),
        port: port.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(host: &str, port: u16) -> Endpoint {
        Endpoint {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"foo"), 12_182);
        assert_eq!(slot_of(b"weir:{foo}"), 12_182);
        assert_eq!(slot_of(b"a{foo}{bar}"), 12_182, "the first tag counts");
        assert_eq!(
            slot_of(b"x{}{foo}"),
            crc16(b"x{}{foo}") % SLOTS,
            "an empty tag is none"
        );
        assert_eq!(slot_of(b"x{foo"), crc16(b"x{foo") % SLOTS);
    }

    #[test]
    fn an_answer_is_read_and_nonsense_is_not() {
        let node = |host: Value, port| {
            Value::Array(vec![
                host,
                Value::Int(port),
                Value::BulkString(b"id".to_vec()),
            ])
        };
        let named = |name: &str| Value::BulkString(name.as_bytes().to_vec());
        let row = |last, nodes: Vec<Value>| {
            Value::Array([vec![Value::Int(0), Value::Int(last)], nodes].concat())
        };
        let answer = Value::Array(vec![row(
            100,
            vec![node(named("10.0.0.1"), 1), node(Value::Nil, 2)],
        )]);
        let expected = Range {
            first: 0,
            last: 100,
            master: at("10.0.0.1", 1),
            replicas: vec![at("asked", 2)],
        };
        assert_eq!(ranges(&answer, &at("asked", 9)), Some(vec![expected]));
        for bad in [
            Value::Nil,
            Value::Array(vec![Value::Nil]),
            Value::Array(vec![row(16_384, vec![node(named("a"), 1)])]),
        ] {
            assert_eq!(ranges(&bad, &at("asked", 9)), None, "{bad:?}");
        }
        assert_eq!(
            redirected("10.0.0.1:7", &at("from", 1)),
            Some(at("10.0.0.1", 7))
        );
        assert_eq!(redirected("::1:7", &at("from", 1)), Some(at("::1", 7)));
        assert_eq!(redirected(":7", &at("from", 1)), Some(at("from", 7)));
        assert_eq!(redirected("nonsense", &at("from", 1)), None);
    }
}
