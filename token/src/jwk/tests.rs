#![allow(clippy::unwrap_used)]

use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::{Value, json};

use super::*;

fn parse(keys: &[Value]) -> ParsedSet {
    parse_set(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn fingerprints(set: &ParsedSet) -> Vec<Fingerprint> {
    set.keys.iter().map(Key::fingerprint).collect()
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa() -> Value {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let n = pair
        .public_key()
        .modulus()
        .big_endian_without_leading_zero()
        .to_vec();
    json!({"kty": "RSA", "kid": "rsa", "n": encode(&n), "e": "AQAB"})
}

fn elliptic() -> Value {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    json!({"kty": "EC", "crv": "P-256", "kid": "ec", "x": encode(&point[1..33]), "y": encode(&point[33..])})
}

fn edwards() -> Value {
    let pair = Ed25519KeyPair::generate().unwrap();
    json!({"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encode(pair.public_key().as_ref())})
}

fn with(mut key: Value, member: &str, value: Value) -> Value {
    key[member] = value;
    key
}

/// The member in another way of writing base64.
fn rewritten(key: &Value, member: &str, engine: &impl Engine) -> Value {
    let bytes = URL_SAFE_NO_PAD
        .decode(key[member].as_str().unwrap())
        .unwrap();
    with(key.clone(), member, json!(engine.encode(bytes)))
}

#[test]
fn members_with_padding_or_in_standard_base64_are_read_and_named() {
    // 256 bytes have digits of all kinds and two characters of padding; 32 have one.
    for (key, members) in [
        (rsa(), &["n"][..]),
        (elliptic(), &["x", "y"]),
        (edwards(), &["x"]),
    ] {
        let plain = parse(std::slice::from_ref(&key));
        assert!(plain.remarks.is_empty(), "{:?}", plain.remarks);
        for member in members {
            for odd in [
                rewritten(&key, member, &STANDARD),
                rewritten(&key, member, &URL_SAFE),
                // Without padding, it is odd only if one of the two other digits is in it.
                rewritten(&key, member, &STANDARD_NO_PAD),
            ] {
                let set = parse(std::slice::from_ref(&odd));
                assert_eq!(fingerprints(&set), fingerprints(&plain), "{odd}");
                let differs = odd[member] != key[member];
                assert_eq!(
                    set.remarks.len(),
                    usize::from(differs),
                    "{odd}: {:?}",
                    set.remarks
                );
                let named = format!("although its {member} is not");
                assert!(
                    set.remarks
                        .iter()
                        .all(|remark| remark.text.contains(&named)),
                    "{:?}",
                    set.remarks
                );
            }
        }
    }
    let both = parse(&[with(
        rewritten(&rsa(), "n", &STANDARD),
        "e",
        json!("AAEAAQ=="),
    )]);
    assert_eq!(both.keys.len(), 1);
    assert!(
        both.remarks[0].text.contains("its n and e is not"),
        "{:?}",
        both.remarks
    );
}

#[test]
fn unusable_keys_are_left_out_for_a_reason_that_is_told() {
    let zeros = encode(&[0; 32]);
    for (key, reason) in [
        (json!("no object"), "invalid type"),
        (json!({"kid": "x"}), "missing field `kty`"),
        (with(rsa(), "kid", json!(7)), "invalid type"),
        (with(rsa(), "use", json!("enc")), "not for signatures"),
        (
            with(rsa(), "key_ops", json!(["wrapKey"])),
            "not for verification",
        ),
        (with(rsa(), "key_ops", json!([])), "not for verification"),
        (with(rsa(), "key_ops", json!("verify")), "invalid type"),
        (with(rsa(), "key_ops", json!(["verify", 1])), "invalid type"),
        (
            with(rsa(), "alg", json!("RSA-OAEP")),
            "\"RSA-OAEP\" is not supported",
        ),
        (with(rsa(), "alg", json!("ES256")), "cannot serve"),
        (with(rsa(), "n", json!(null)), "n is missing"),
        (with(rsa(), "n", json!("A===")), "n is not base64url"),
        (with(rsa(), "n", json!("A B")), "n is not base64url"),
        (with(rsa(), "n", json!("AQ=AB")), "n is not base64url"),
        (with(rsa(), "n", json!(encode(&[0xc7; 128]))), "1024 bits"),
        (with(rsa(), "n", json!(encode(&[0xc7; 1025]))), "8200 bits"),
        (
            with(rsa(), "n", json!(encode(&[0xc6; 256]))),
            "an odd number",
        ),
        (with(rsa(), "e", json!("AQ")), "exponent"),
        (with(rsa(), "e", json!("AAEAAA")), "exponent"),
        (with(elliptic(), "crv", json!("secp256k1")), "not supported"),
        (with(elliptic(), "crv", json!("P-384")), "48 bytes"),
        (with(elliptic(), "x", json!(zeros)), "no point"),
        // The point at infinity, as some write it.
        (
            with(with(elliptic(), "x", json!(zeros)), "y", json!(zeros)),
            "no point",
        ),
        (
            with(with(elliptic(), "x", json!("")), "y", json!("")),
            "32 bytes",
        ),
        (with(edwards(), "x", json!(encode(&[7; 31]))), "no Ed25519"),
        (with(edwards(), "x", json!(zeros)), "small order"),
        (with(edwards(), "crv", json!("X25519")), "not supported"),
        (
            json!({"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0"}),
            "\"oct\" is not supported",
        ),
    ] {
        let good = elliptic();
        let set = parse(&[key.clone(), good]);
        assert_eq!(set.keys.len(), 1, "{key}");
        assert_eq!(set.remarks.len(), 1, "{key}: {:?}", set.remarks);
        assert!(
            set.remarks[0].text.contains(reason),
            "{key}: {:?}",
            set.remarks
        );
    }
}

#[test]
fn a_key_that_may_verify_among_other_things_is_read() {
    for operations in [json!(["sign", "verify"]), json!(["verify"]), json!(null)] {
        let set = parse(&[with(elliptic(), "key_ops", operations.clone())]);
        assert_eq!(set.keys.len(), 1, "{operations}: {:?}", set.remarks);
    }
}

#[test]
fn remarks_name_the_key_and_are_bounded() {
    let long = "k".repeat(100_000);
    let enc = |id: &str| with(with(rsa(), "kid", json!(id)), "use", json!("enc"));
    let set = parse(&[
        enc("a\nb"),
        enc(&long),
        json!({"kty": "oct"}),
        with(rsa(), "alg", json!(long)),
    ]);
    assert!(set.keys.is_empty());
    let named: Vec<_> = set.remarks.iter().map(|remark| &*remark.key).collect();
    assert_eq!(named[0], r#""a\nb""#, "it stays one line");
    assert_eq!(named[2], "number 3, without kid");
    assert!(
        set.remarks
            .iter()
            .all(|remark| remark.key.len() < 100 && remark.text.len() < 1000)
    );

    let many: Vec<_> = (0..MAX_REMARKS + 7)
        .map(|number| json!({"kty": "oct", "kid": number.to_string()}))
        .collect();
    let set = parse(&many);
    assert_eq!(set.remarks.len(), MAX_REMARKS + 1);
    assert!(
        set.remarks[MAX_REMARKS].text.starts_with("7 further keys"),
        "{:?}",
        set.remarks[MAX_REMARKS]
    );
}

/// Whatever stands there, it is not taken apart, and the keys beside it are read.
#[test]
fn an_entry_or_a_member_of_any_depth_and_length_costs_the_others_nothing() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let long = format!("[{}0]", "0,".repeat(100_000));
    let good = elliptic().to_string();
    for odd in [&deep, &long] {
        let (before, behind) = good.split_at(1);
        let beside = format!(r#"{before}"x5c":{odd},{behind}"#);
        let set = parse_set(format!(r#"{{"keys":[{odd},{beside}]}}"#).as_bytes()).unwrap();
        assert_eq!(set.keys.len(), 1);
        assert_eq!(set.remarks.len(), 1, "{:?}", set.remarks);
        assert_eq!(set.remarks[0].key, "number 1, without kid");
    }
}

#[test]
fn the_entries_that_are_looked_at_are_bounded() {
    let rubbish = "0,".repeat(MAX_ENTRIES - 1);
    for (before, keys, unread) in [(rubbish.clone(), 1, 7), (format!("0,{rubbish}"), 0, 8)] {
        let document = format!(r#"{{"keys":[{before}{}{}]}}"#, elliptic(), ",0".repeat(7));
        let set = parse_set(document.as_bytes()).unwrap();
        assert_eq!(set.keys.len(), keys);
        let told = format!("{unread} entries behind {MAX_ENTRIES} entries, the most");
        let last = set.remarks.last().unwrap();
        assert!(last.text.starts_with(&told), "{last:?}");
    }
}

#[test]
fn keys_listed_twice_count_once_and_without_a_word() {
    let (one, other) = (elliptic(), elliptic());
    let set = parse(&[
        one.clone(),
        other.clone(),
        one.clone(),
        rewritten(&one, "x", &URL_SAFE),
    ]);
    assert_eq!(
        (set.keys.len(), set.remarks.len()),
        (2, 0),
        "{:?}",
        set.remarks
    );
}

/// Half of all points of small order have a sign.
#[test]
fn every_encoding_of_a_point_of_small_order_is_refused() {
    let order_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let minus_order_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
    let mut refused = 0;
    for low in [
        "00".repeat(32),
        format!("01{}", "00".repeat(31)),
        format!("ec{}7f", "ff".repeat(30)),
        format!("ed{}7f", "ff".repeat(30)),
        format!("ee{}7f", "ff".repeat(30)),
        order_8.to_owned(),
        minus_order_8.to_owned(),
    ] {
        let mut bytes: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&low[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        for sign in [0, 0x80] {
            bytes[31] |= sign;
            let set = parse(&[with(edwards(), "x", json!(encode(&bytes)))]);
            assert!(set.keys.is_empty(), "{low} {sign}");
            assert!(
                set.remarks[0].text.contains("small order"),
                "{:?}",
                set.remarks
            );
            refused += 1;
        }
    }
    assert_eq!(refused, 14);
}
