#![allow(clippy::unwrap_used)]
use super::*;

fn good() -> v1::Check {
    v1::Check {
        limit_name: "per-subject".to_owned(),
        key: Bytes::from_static(b"alice"),
        calls: 15,
        renewal_period_ms: 60_000,
        cost: None,
    }
}

fn refused(check: v1::Check) -> String {
    list(v1::CheckRequest {
        checks: vec![good(), good(), check],
    })
    .unwrap_err()
    .to_string()
}

#[test]
fn a_good_check_becomes_one_of_cost_one() {
    let checks = list(v1::CheckRequest {
        checks: vec![
            good(),
            v1::Check {
                cost: Some(0),
                ..good()
            },
        ],
    })
    .unwrap();
    assert_eq!((checks[0].cost, checks[1].cost), (1, 0));
    assert_eq!(checks[0].limit.calls.get(), 15);
    assert_eq!(checks[0].limit.renewal_period, Duration::from_secs(60));
    assert_eq!(&*checks[0].limit_name, "per-subject");
}

#[test]
fn the_largest_of_everything_is_accepted() {
    let largest = v1::Check {
        limit_name: "n".repeat(128),
        key: vec![b'k'; 1_024].into(),
        calls: 1_000_000_000,
        renewal_period_ms: 86_400_000,
        cost: Some(1_000_000_000),
    };
    list(v1::CheckRequest {
        checks: vec![largest; 64],
    })
    .unwrap();
}

#[test]
fn messages_name_the_field_what_it_may_be_and_what_it_was() {
    let bad = |change: fn(&mut v1::Check)| {
        let mut check = good();
        change(&mut check);
        refused(check)
    };
    assert_eq!(
        bad(|c| c.calls = 0),
        "checks[2].calls: must be 1 to 1000000000, got 0"
    );
    assert_eq!(
        bad(|c| c.calls = 1_000_000_001),
        "checks[2].calls: must be 1 to 1000000000, got 1000000001"
    );
    assert_eq!(
        bad(|c| c.renewal_period_ms = 90_000_000),
        "checks[2].renewal_period_ms: must be 1 to 86400000 (24 h), got 90000000"
    );
    assert_eq!(
        bad(|c| c.renewal_period_ms = 0),
        "checks[2].renewal_period_ms: must be 1 to 86400000 (24 h), got 0"
    );
    assert_eq!(
        bad(|c| c.key.clear()),
        "checks[2].key: must be 1 to 1024 bytes, got 0"
    );
    assert_eq!(
        bad(|c| c.key = vec![b'k'; 10_240].into()),
        "checks[2].key: must be 1 to 1024 bytes, got 10240"
    );
    assert_eq!(
        bad(|c| c.limit_name = "n".repeat(129)),
        "checks[2].limit_name: must be at most 128 bytes, got 129"
    );
    assert_eq!(
        bad(|c| c.cost = Some(u64::MAX)),
        format!(
            "checks[2].cost: must be at most 1000000000, got {}",
            u64::MAX
        )
    );
}

#[test]
fn lists_and_batches_are_bounded() {
    let of = |checks: usize| v1::CheckRequest {
        checks: vec![good(); checks],
    };
    let batch_of = |lists: usize, checks: usize| {
        batch(v1::CheckBatchRequest {
            requests: vec![of(checks); lists],
        })
        .map_err(|error| error.to_string())
    };
    assert_eq!(
        list(of(0)).unwrap_err().to_string(),
        "checks: must hold 1 to 64 checks, got 0"
    );
    assert_eq!(
        list(of(1_000)).unwrap_err().to_string(),
        "checks: must hold 1 to 64 checks, got 1000"
    );
    assert_eq!(
        batch_of(0, 1).unwrap_err(),
        "requests: must hold 1 to 256 lists, got 0"
    );
    assert_eq!(
        batch_of(257, 1).unwrap_err(),
        "requests: must hold 1 to 256 lists, got 257"
    );
    assert_eq!(
        batch_of(25, 41).unwrap_err(),
        "requests: must hold at most 1024 checks altogether, got 1025"
    );
    assert_eq!(
        batch_of(2, 65).unwrap_err(),
        "requests[0].checks: must hold 1 to 64 checks, got 65"
    );
    assert_eq!(
        batch_of(2, 0).unwrap_err(),
        "requests[0].checks: must hold 1 to 64 checks, got 0"
    );
    assert_eq!(batch_of(16, 64).unwrap().len(), 16);
    assert_eq!(batch_of(256, 4).unwrap().len(), 256);

    let mut requests = vec![of(2); 3];
    requests[2].checks[1].calls = 0;
    let error = batch(v1::CheckBatchRequest { requests }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "requests[2].checks[1].calls: must be 1 to 1000000000, got 0"
    );
}

#[test]
fn a_peek_costs_nothing_whatever_it_says() {
    let asked = v1::PeekRequest {
        check: Some(v1::Check {
            cost: Some(u64::MAX),
            ..good()
        }),
    };
    assert_eq!(peek(asked).unwrap().cost, 0);
    assert_eq!(
        peek(v1::PeekRequest { check: None })
            .unwrap_err()
            .to_string(),
        "check: is missing"
    );
    let bad = v1::PeekRequest {
        check: Some(v1::Check { calls: 0, ..good() }),
    };
    assert_eq!(
        peek(bad).unwrap_err().to_string(),
        "check.calls: must be 1 to 1000000000, got 0"
    );
}

#[test]
fn an_inspection_names_what_is_wrong() {
    let key = Bytes::from_static(b"k");
    let bad = |key: Bytes, limits| {
        inspect(v1::InspectRequest { key, limits })
            .unwrap_err()
            .to_string()
    };
    let wire = |calls, renewal_period_ms| v1::Limit {
        calls,
        renewal_period_ms,
    };
    assert_eq!(
        bad(Bytes::new(), Vec::new()),
        "key: must be 1 to 1024 bytes, got 0"
    );
    assert_eq!(
        bad(key.clone(), vec![wire(5, 1), wire(0, 1)]),
        "limits[1].calls: must be 1 to 1000000000, got 0"
    );
    assert_eq!(
        bad(key.clone(), vec![wire(5, 1); 17]),
        "limits: must hold at most 16 limits, got 17"
    );
    let (_, limits) = inspect(v1::InspectRequest {
        key,
        limits: vec![wire(5, 60_000)],
    })
    .unwrap();
    assert_eq!(limits[0].renewal_period, Duration::from_secs(60));
    assert_eq!(top(v1::TopRequest { keys: 1_000 }).unwrap(), 1_000);
    assert_eq!(
        top(v1::TopRequest { keys: 0 }).unwrap_err().to_string(),
        "keys: must be 1 to 1000, got 0"
    );
}

#[test]
fn a_refund_needs_a_key_and_takes_one_back_unless_it_says_how_many() {
    let message = |request| refund(request).unwrap_err().to_string();
    assert_eq!(
        message(v1::RefundRequest::default()),
        "key: must be 1 to 1024 bytes, got 0"
    );
    let good = v1::RefundRequest {
        key: Bytes::from_static(b"k"),
        ..v1::RefundRequest::default()
    };
    let costly = v1::RefundRequest {
        cost: Some(MAX_COST + 1),
        ..good.clone()
    };
    assert_eq!(
        message(costly),
        "cost: must be at most 1000000000, got 1000000001"
    );
    let key = Bytes::from_static(b"k");
    assert_eq!(
        refund(good.clone()).unwrap(),
        Refund {
            key: key.clone(),
            cost: 1,
            admitted: Admitted::Last
        }
    );
    let old = v1::RefundRequest {
        cost: Some(3),
        admitted_within_ms: Some(1_500),
        ..good
    };
    let admitted = Admitted::Within(Duration::from_millis(1_500));
    assert_eq!(
        refund(old).unwrap(),
        Refund {
            key,
            cost: 3,
            admitted
        }
    );
}

#[test]
fn a_reset_needs_a_key() {
    assert_eq!(
        reset(v1::ResetRequest { key: Bytes::new() })
            .unwrap_err()
            .to_string(),
        "key: must be 1 to 1024 bytes, got 0"
    );
    assert_eq!(
        reset(v1::ResetRequest {
            key: Bytes::from_static(b"k")
        })
        .unwrap(),
        "k"
    );
}
