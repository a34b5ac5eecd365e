#![allow(clippy::unwrap_used)]
use weir_telemetry::Ops;

use super::*;
use crate::scripted::{Behaviour, ScriptedStore, ask, check, cost, limit};

struct Fixture {
    degraded: Degraded<ScriptedStore>,
    store: ScriptedStore,
    ops: Ops,
}

fn degraded(mode: FailureMode) -> Fixture {
    with_defects(mode, Defects::Report)
}

fn with_defects(mode: FailureMode, defects: Defects) -> Fixture {
    let (store, ops) = (ScriptedStore::new(), Ops::new("test"));
    let metrics = LayerMetrics::default();
    ops.registry(|registry| metrics.register(registry));
    let memory = MemoryConfig {
        max_keys: 100,
        ..MemoryConfig::default()
    };
    let config = DegradedConfig {
        name: "store",
        mode,
        timeout: Duration::from_millis(100),
        defects,
        memory,
    };
    let degraded = Degraded::new(store.clone(), config, ops.readiness("store"), metrics);
    Fixture {
        degraded,
        store,
        ops,
    }
}

async fn fail_until_open(fixture: &Fixture) {
    for _ in 0..5 {
        ask(&fixture.degraded, vec![check("other", limit(100, 3_600))]).await;
    }
    assert!(fixture.degraded.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn while_the_store_answers_its_answer_stands() {
    let fixture = degraded(FailureMode::Deny);
    let outcome = ask(&fixture.degraded, vec![check("k", limit(1, 3_600))]).await;
    assert_eq!((outcome.allowed(), outcome.mode), (true, Mode::Exact));
    assert!(fixture.ops.is_ready());
    assert!(fixture.ops.render().contains("weir_circuit_open 0"));
}

/// One question without an answer opens no circuit, and is seen all the same.
#[tokio::test(start_paused = true)]
async fn a_single_question_the_mode_decided_is_visible_for_a_while() {
    let fixture = degraded(FailureMode::Local);
    let is_degraded = || fixture.ops.render().contains(r#"state="degraded"} 1"#);
    assert!(!is_degraded());
    fixture.store.behave(Behaviour::Fail);
    let outcome = ask(&fixture.degraded, vec![check("k", limit(1, 3_600))]).await;
    assert_eq!(outcome.mode, Mode::Local);
    assert!(
        is_degraded() && fixture.ops.is_ready(),
        "degraded, and in service"
    );
    fixture.store.behave(Behaviour::Answer);
    tokio::time::sleep(Duration::from_secs(6)).await;
    fixture.store.behave(Behaviour::Fail);
    ask(&fixture.degraded, vec![check("k", limit(1, 3_600))]).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(is_degraded(), "the second question counts anew");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!is_degraded());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_costs_the_time_out_until_the_circuit_opens() {
    let fixture = degraded(FailureMode::Allow);
    fixture.store.behave(Behaviour::Hang);
    let started = Instant::now();
    fail_until_open(&fixture).await;
    assert_eq!(
        started.elapsed(),
        Duration::from_millis(500),
        "five time-outs"
    );
    let asked = fixture.store.calls();
    let started = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(
            ask(&fixture.degraded, vec![check("k", limit(1, 60))])
                .await
                .mode,
            Mode::Allow
        );
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(fixture.store.calls(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_fresh_keys_pushes_nobody_out_of_the_local_memory() {
    let fixture = degraded(FailureMode::Local);
    fixture.store.behave(Behaviour::Fail);
    let victim = || vec![check("victim", limit(3, 3_600))];
    for _ in 0..3 {
        assert!(ask(&fixture.degraded, victim()).await.allowed());
    }
    let mut admitted = 0;
    for n in 0..1_000 {
        let key = format!("flood {n}").into();
        let fresh = ask(
            &fixture.degraded,
            vec![Check {
                key,
                ..check("flood", limit(3, 3_600))
            }],
        )
        .await;
        admitted += u64::from(fresh.allowed());
        let outcome = ask(&fixture.degraded, victim()).await;
        assert_eq!(
            (outcome.allowed(), outcome.mode),
            (false, Mode::Local),
            "after {n} fresh keys"
        );
    }
    assert_eq!(
        (admitted, fixture.degraded.local.len()),
        (99, 100),
        "there is room for a hundred keys"
    );
    assert_eq!(fixture.degraded.local.full_refusals().get(), 901);
}

#[tokio::test(start_paused = true)]
async fn it_closes_by_itself_after_the_store_is_back() {
    let fixture = degraded(FailureMode::Deny);
    fixture.store.behave(Behaviour::Hang);
    fail_until_open(&fixture).await;
    assert!(fixture.ops.is_ready(), "degraded is ready enough");
    assert!(fixture.ops.render().contains("weir_circuit_open 1"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(fixture.degraded.circuit.is_open());

    fixture.store.behave(Behaviour::Answer);
    tokio::time::sleep(Duration::from_millis(351)).await;
    let outcome = ask(&fixture.degraded, vec![check("k", limit(1, 3_600))]).await;
    assert_eq!((outcome.allowed(), outcome.mode), (true, Mode::Exact));
    assert!(fixture.ops.render().contains("weir_circuit_open 0"));
}

#[tokio::test(start_paused = true)]
async fn local_enforces_the_limit_in_this_process() {
    let fixture = degraded(FailureMode::Local);
    fixture.store.behave(Behaviour::Fail);
    for number in 1..=20 {
        let outcome = ask(
            &fixture.degraded,
            vec![check("k", limit(7, 3_600)), check("l", limit(9, 3_600))],
        )
        .await;
        assert_eq!(outcome.mode, Mode::Local);
        assert_eq!(outcome.allowed(), number <= 7);
        assert_eq!(outcome.decisions.len(), if number <= 7 { 2 } else { 1 });
    }
    assert_eq!(
        ask(&fixture.degraded, vec![cost("l", limit(9, 3_600), 0)])
            .await
            .decisions[0]
            .remaining,
        2
    );
}

#[tokio::test(start_paused = true)]
async fn allow_admits_everything() {
    let fixture = degraded(FailureMode::Allow);
    fixture.store.behave(Behaviour::Fail);
    for _ in 0..20 {
        let outcome = ask(
            &fixture.degraded,
            vec![check("k", limit(2, 60)), check("l", limit(3, 60))],
        )
        .await;
        assert_eq!(
            (outcome.allowed(), outcome.mode, outcome.decisions.len()),
            (true, Mode::Allow, 2)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn deny_refuses_the_first_check_for_a_second() {
    let fixture = degraded(FailureMode::Deny);
    fixture.store.behave(Behaviour::Fail);
    let outcome = ask(
        &fixture.degraded,
        vec![check("k", limit(2, 60)), check("l", limit(3, 60))],
    )
    .await;
    assert_eq!(
        (outcome.allowed(), outcome.mode, outcome.decisions.len()),
        (false, Mode::Deny, 1)
    );
    assert_eq!(outcome.decisions[0].retry_after, DENY_RETRY_AFTER);
    assert_eq!(outcome.decisions[0].limit, 2);
    let nothing_asked = ask(&fixture.degraded, vec![]).await;
    assert!(nothing_asked.decisions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_somebody_has_to_repair_is_an_error_and_leaves_the_circuit_alone() {
    let fixture = degraded(FailureMode::Allow);
    fixture.store.behave(Behaviour::Break);
    for _ in 0..10 {
        let error = fixture
            .degraded
            .check(&[vec![check("k", limit(1, 60))]])
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Protocol(_)));
    }
    assert!(!fixture.degraded.circuit.is_open());
    assert!(matches!(
        fixture.degraded.probe().await,
        Err(StoreError::Protocol(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_has_to_repair_can_be_absorbed() {
    let fixture = with_defects(FailureMode::Deny, Defects::Absorb);
    fixture.store.behave(Behaviour::Break);
    for _ in 0..10 {
        assert_eq!(
            ask(&fixture.degraded, vec![check("k", limit(1, 60))])
                .await
                .mode,
            Mode::Deny
        );
    }
    assert!(!fixture.degraded.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_probe_at_the_start_finds_a_store_that_is_down() {
    let fixture = degraded(FailureMode::Local);
    fixture.degraded.probe().await.unwrap();
    assert!(!fixture.degraded.circuit.is_open());
    fixture.store.behave(Behaviour::Hang);
    fixture.degraded.probe().await.unwrap();
    assert!(fixture.degraded.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_never_pretended() {
    let fixture = degraded(FailureMode::Local);
    let key = || Bytes::from_static(b"k");
    fixture.store.behave(Behaviour::Hang);
    ask(&fixture.degraded, vec![check("k", limit(1, 3_600))]).await;
    assert!(matches!(
        fixture.degraded.reset(key()).await,
        Err(StoreError::Timeout(_))
    ));
    let outcome = ask(&fixture.degraded, vec![check("k", limit(1, 3_600))]).await;
    assert!(
        outcome.allowed(),
        "the local counter was reset all the same"
    );
}

#[tokio::test(start_paused = true)]
async fn answers_and_failures_are_counted() {
    let fixture = degraded(FailureMode::Local);
    ask(&fixture.degraded, vec![check("k", limit(1, 60))]).await;
    fixture.store.behave(Behaviour::Hang);
    ask(&fixture.degraded, vec![check("k", limit(1, 60))]).await;
    fixture.store.behave(Behaviour::Fail);
    ask(&fixture.degraded, vec![check("k", limit(1, 60))]).await;
    let text = fixture.ops.render();
    for line in [
        "weir_answers_total{mode=\"exact\"} 1",
        "weir_answers_total{mode=\"local\"} 2",
        "weir_store_failures_total{cause=\"timeout\"} 1",
        "weir_store_failures_total{cause=\"unavailable\"} 1",
        "weir_store_seconds_count 3",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
