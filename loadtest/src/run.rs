//! A run from its beginning to its report.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::collect::Collected;
use crate::config::{Config, HttpVersion};
use crate::engine::Engine;
use crate::error::Error;
use crate::pace;
use crate::pool::Pool;
use crate::progress::Progress;
use crate::report::{Facts, Report};
use crate::requests::Requests;
use crate::stages::Schedule;
use crate::subjects::Subject;
use crate::target::{self, Demands, Target};
use crate::traces::Sampling;
use crate::verify;

/// Runs the load to its end, or to `shutdown`, and judges it.
///
/// # Errors
/// If nothing could be sent: the command makes no sense, the target is not the caller's, nobody
/// could sign in.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<Report, Error> {
    let schedule = config.check()?;
    let progress = Progress::new(config.progress);
    let prepared = async {
        let targets = find_targets(&config).await?;
        let subjects = config
            .subjects
            .prepare(config.own_targets, |done| progress.signed_in(done, &config))
            .await?;
        Ok::<_, Error>((targets, subjects))
    };
    let (targets, subjects) = tokio::select! {
        prepared = prepared => prepared?,
        () = shutdown.cancelled() => return Err(Error::EndedEarly),
    };
    let warnings = warnings(&subjects, &schedule);
    let begin = jiff::Timestamp::now();
    let (engine, ended_early) =
        send_all(&config, &schedule, targets, subjects, &progress, &shutdown).await?;
    let took = engine.start.elapsed();
    progress.finish();

    let mut collected = engine.collected.lock();
    let records = collected.records.take().unwrap_or_default();
    let (verdicts, refused_early) =
        verify::judge_all(&config.limits, &records, config.subjects.are_new());
    let facts = Facts {
        begin,
        took,
        planned: schedule.total(),
        ended_early,
        warnings,
        config: &config,
    };
    Ok(Report::of(
        &facts,
        &collected,
        &verdicts,
        refused_early,
        &engine.requests,
    ))
}

async fn find_targets(config: &Config) -> Result<Vec<Target>, Error> {
    let loopback_only = config.addresses.mode == crate::AddressMode::Source;
    let demands = Demands {
        own: config.own_targets,
        loopback_only,
    };
    // All are checked before the first is connected to.
    for url in &config.targets {
        target::checked_addresses(url, demands).await?;
    }
    let mut targets = Vec::new();
    for url in &config.targets {
        targets.push(target::find(url, demands).await?);
    }
    Ok(targets)
}

async fn send_all(
    config: &Config,
    schedule: &Schedule,
    targets: Vec<Target>,
    subjects: Vec<Subject>,
    progress: &Progress,
    shutdown: &CancellationToken,
) -> Result<(Arc<Engine>, bool), Error> {
    let lanes = targets.len().saturating_mul(config.lanes_per_target());
    let in_flight = match config.http {
        // A connection for each request under way.
        HttpVersion::Http1 => config.max_in_flight.min(config.connections),
        HttpVersion::Http2 => config.max_in_flight,
    };
    let collected = Arc::new(Mutex::new(Collected::new(
        schedule.duration(),
        schedule.total(),
        !config.limits.is_empty(),
    )));
    let start = Instant::now();
    let engine = Arc::new(Engine {
        requests: Requests {
            targets,
            subjects,
            addresses: config.addresses.clone(),
            http: config.http,
            method: config.method.clone(),
            headers: config.headers.clone(),
            body: config.body.clone(),
        },
        pool: Pool::new(
            config.http,
            config.connections,
            lanes,
            config.addresses.mode.clone(),
        ),
        collected: Arc::clone(&collected),
        start,
        in_flight,
        timeout: config.timeout,
        patience: config.patience,
        sampling: Sampling::from_environment(),
    });
    let (due, stop) = pace::start(schedule.clone(), start).map_err(Error::Thread)?;
    let mut drive = std::pin::pin!(Arc::clone(&engine).drive(due));
    let mut shown = std::pin::pin!(progress.show(schedule, &collected, start));
    let mut stop = Some(stop);
    loop {
        tokio::select! {
            () = &mut drive => break,
            () = &mut shown => unreachable!("it shows until it is dropped"),
            // No new requests; those under way are waited for.
            () = shutdown.cancelled(), if stop.is_some() => stop = None,
        }
    }
    let ended_early = stop.is_none();
    Ok((engine, ended_early))
}

fn warnings(subjects: &[Subject], schedule: &Schedule) -> Vec<String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let end = now.saturating_add(schedule.duration().as_secs());
    let ending = subjects
        .iter()
        .filter(|subject| subject.expires.is_some_and(|expires| expires < end))
        .count();
    if ending == 0 {
        return Vec::new();
    }
    vec![format!(
        "{ending} of {} tokens expire before the run ends; expect 401 from then on",
        subjects.len()
    )]
}
