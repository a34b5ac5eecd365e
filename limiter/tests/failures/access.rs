//! Who may enter: TLS with an authority of one's own, and a user with the least rights.

use weir_limiter::StoreError;
use weir_limiter::parts::{Admin as _, Decide as _, RedisConfig, RedisStore};
use weir_testkit::{Certificates, Redis};

use crate::load::{HOUR, admitted, check, config};

/// The least a user needs, as `docs/limiter.md` says it.
const LEAST: &str = "weir on >s3cret ~weir:* ~weir#* resetchannels -@all +evalsha +eval +ping +time \
                     +get +mget +getrange +set +setrange +strlen +pexpireat +del +wait \
                     +cluster|slots +asking +role";

/// The arguments of a server that knows this user.
pub fn least_user() -> Vec<&'static str> {
    std::iter::once("--user")
        .chain(LEAST.split_whitespace())
        .collect()
}

#[tokio::test]
async fn tls_with_an_own_authority_is_spoken_and_any_other_is_not_believed() {
    let certificates = Certificates::new();
    let redis = Redis::start_with_tls(&certificates, &[]);
    let with = |authorities: Option<&[u8]>| RedisConfig {
        authorities: authorities.map(<[u8]>::to_vec),
        ..config(redis.url())
    };
    let store = RedisStore::new(with(Some(certificates.authority()))).unwrap();
    for expected in [true, false] {
        assert_eq!(admitted(&store, check("k", 1, HOUR)).await, Some(expected));
    }
    let stranger = Certificates::new();
    for authorities in [None, Some(stranger.authority())] {
        let error = RedisStore::new(with(authorities))
            .unwrap()
            .check(&[vec![check("k", 1, HOUR)]])
            .await
            .unwrap_err();
        let text = format!("{error:?}").to_lowercase();
        assert!(
            error.is_transient() && text.contains("certificate"),
            "{text}"
        );
    }
    let plain = RedisStore::new(config(redis.url().replace("rediss", "redis"))).unwrap();
    assert!(
        plain.check(&[vec![check("k", 1, HOUR)]]).await.is_err(),
        "a TLS port does not speak plainly"
    );
}

#[tokio::test]
async fn authorities_that_are_none_are_refused_at_the_start() {
    let refused = |url: &str, authorities: &[u8]| {
        let config = RedisConfig {
            authorities: Some(authorities.to_vec()),
            ..config(url.to_owned())
        };
        match RedisStore::new(config) {
            Err(StoreError::Config(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    let ca = Certificates::new();
    assert!(refused("rediss://a", b"").contains("holds no certificate"));
    assert!(
        refused(
            "rediss-cluster://a,b",
            b"-----BEGIN CERTIFICATE-----\nnonsense"
        )
        .contains("holds no certificate")
    );
    assert!(refused("redis://a", ca.authority()).contains("use rediss://"));
}

#[tokio::test]
async fn a_user_with_the_least_rights_is_enough_and_one_right_less_is_not() {
    let redis = Redis::start_with(&least_user());
    let store = RedisStore::new(config(redis.url().replace("://", "://weir:s3cret@"))).unwrap();
    // Short and long logs, exact and slotted ones, a key that is stored as its hash, a reset.
    for (key, calls) in [
        ("short", 15),
        ("long", 900),
        ("slotted", 5_000),
        (&*"x".repeat(100), 3),
    ] {
        for cost in [calls / 2, 1, 1, calls] {
            let check = weir_limiter::Check {
                cost,
                ..check(key, calls, HOUR)
            };
            assert!(
                admitted(&store, check).await.is_some(),
                "{key}, cost {cost}"
            );
        }
        assert!(store.reset(key.to_owned().into()).await.unwrap());
    }
    store.ping().await.unwrap();
    let () = redis.run("ACL SETUSER weir -evalsha");
    let error = store.check(&[vec![check("k", 1, HOUR)]]).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Refused(text) if text.contains("evalsha")),
        "{error:?}"
    );
}
