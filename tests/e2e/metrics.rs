//! `docs/metrics.md` lists exactly what the roles serve, and what is built upon the metrics uses
//! none that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use weir_testkit::{Certificates, Redis};

use crate::support::{ConfigDir, Provider, Role, client, status_of};

/// Name, type and labels of a family.
type Families = BTreeMap<String, (String, BTreeSet<String>)>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/metrics.md")).unwrap()
}

/// The tables of one section of the page.
fn documented(section: &str) -> Families {
    let page = page();
    let (_, text) = page
        .split_once(&format!("\n## {section}\n"))
        .unwrap_or_else(|| panic!("no section {section}"));
    let text = text.split_once("\n## ").map_or(text, |(text, _)| text);
    let quoted = |cell: &str| {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    text.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            (
                cells[0].trim_matches('`').to_owned(),
                (cells[1].to_owned(), quoted(cells[2])),
            )
        })
        .collect()
}

/// What a scrape holds, by the names of the samples (a histogram's without its ending).
fn served(text: &str) -> Families {
    let mut families = Families::new();
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            types.insert(name, kind);
        }
        if line.starts_with('#') {
            continue;
        }
        let sample = line.split(['{', ' ']).next().unwrap();
        let (family, kind) = types
            .iter()
            .filter(|(name, _)| sample.starts_with(**name))
            .max_by_key(|(name, _)| name.len())
            .unwrap_or_else(|| panic!("{sample} has no type"));
        let name = if *kind == "histogram" {
            *family
        } else {
            sample
        };
        let labels = line
            .split_once('{')
            .map_or("", |(_, rest)| rest.rsplit_once('}').unwrap().0);
        // No value of a label holds `="`.
        let labels = labels
            .split("=\"")
            .filter_map(|part| part.rsplit([',', '"']).next())
            .map(str::to_owned);
        let labels = labels.filter(|label| !label.is_empty() && label != "le");
        let entry = families
            .entry(name.to_owned())
            .or_insert_with(|| ((*kind).to_owned(), BTreeSet::new()));
        entry.1.extend(labels);
    }
    families
}

async fn matches(role: &Role, sections: &[&str]) {
    let text = role.metrics().await;
    let documented: Families = sections
        .iter()
        .flat_map(|section| documented(section))
        .collect();
    let served = served(&text);
    let missing: Vec<_> = served
        .iter()
        .filter(|(name, family)| documented.get(*name) != Some(family))
        .collect();
    assert!(
        missing.is_empty(),
        "served, and not like that in docs/metrics.md under {sections:?}: {missing:#?}"
    );
    let gone: Vec<_> = documented
        .keys()
        .filter(|name| !served.contains_key(*name))
        .collect();
    assert!(
        gone.is_empty(),
        "in docs/metrics.md under {sections:?}, and not served: {gone:?}\n{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_lists_what_every_role_serves() {
    const ALL: &str = "Every role";
    let redis = Redis::start();
    let provider = Provider::start().await;
    let discovery = provider.discovery();
    let config = ConfigDir::scenario().with(r#"calls="15""#, r#"calls="1""#);
    let limiter = Role::start(
        "limiter",
        &["--store", &redis.url(), "--store-timeout", "30s"],
    )
    .await;
    let backend = Role::start("backend", &["--openid-config", &discovery]).await;
    let gateway = |limiter: &Role| {
        let arguments = [
            "--config".to_owned(),
            config.as_str().to_owned(),
            "--limiter-timeout=30s".to_owned(),
            format!("--limiter={}", limiter.url()),
            format!("--named-value=backend-url={}/api", backend.url()),
            format!("--named-value=openid-config-url={discovery}"),
        ];
        async move { Role::start("gateway", &arguments.each_ref().map(|argument| &**argument)).await }
    };
    let through = gateway(&limiter).await;
    let hello = format!("{}/hello", through.url());
    let token = provider.sign(&provider.claims("alice"));
    for status in [200, 429] {
        assert_eq!(status_of(&client(), &hello, &token).await, status);
    }
    matches(&through, &[ALL, "Gateway", "Gateway and backend: tokens"]).await;
    matches(&limiter, &[ALL, "Limiter", "Limiter with Redis"]).await;
    matches(&backend, &[ALL, "Backend", "Gateway and backend: tokens"]).await;

    let url = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(url.path(), redis.url()).unwrap();
    let leasing = [
        "--store-file",
        url.path().to_str().unwrap(),
        "--lease-calls-above",
        "10000",
    ];
    let limiter = Role::start("limiter", &leasing).await;
    let through = gateway(&limiter).await;
    assert_eq!(
        status_of(&client(), &format!("{}/hello", through.url()), &token).await,
        429
    );
    let sections = [
        ALL,
        "Limiter",
        "Limiter with Redis",
        "Limiter with --store-file",
        "Limiter with leases",
    ];
    matches(&limiter, &sections).await;

    let limiter = Role::start("limiter", &[]).await;
    let through = gateway(&limiter).await;
    assert_eq!(
        status_of(&client(), &format!("{}/hello", through.url()), &token).await,
        200
    );
    matches(&limiter, &[ALL, "Limiter"]).await;
    let certificates = Certificates::new();
    let (certificate, key) = (certificates.certificate_file(), certificates.key_file());
    let secure = [
        "--tls-listen=127.0.0.1:0",
        "--tls-certificate",
        certificate.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ];
    let secure = Role::start("identity", &secure).await;
    matches(&secure, &[ALL, "Identity", "Every role with TLS"]).await;
    matches(&Role::start("identity", &[]).await, &[ALL, "Identity"]).await;
    // A build without the pages is never ready, and counts all the same.
    matches(&Role::start_alive("web", &[]).await, &[ALL, "Web"]).await;
}

/// Every word of `text` that looks like a metric of weir.
fn used(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.starts_with("weir_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn dashboard_and_alerts_use_metrics_that_exist() {
    let page = page();
    let known: BTreeSet<&str> = page.split('`').skip(1).step_by(2).collect();
    let mut found = 0;
    for file in [
        "alerts.yml",
        "alerts.test.yml",
        "grafana/dashboards/weir.json",
    ] {
        let text = std::fs::read_to_string(root().join("deploy/observability").join(file)).unwrap();
        for name in used(&text) {
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .unwrap_or(&name);
            assert!(
                known.contains(family) || known.contains(&*name),
                "{file} uses {name}, which docs/metrics.md does not list"
            );
            found += 1;
        }
    }
    assert!(found > 20, "only {found} names were found");
}

fn dashboard() -> serde_json::Value {
    let path = root().join("deploy/observability/grafana/dashboards/weir.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_dashboard_is_laid_out_without_gaps_and_asks_the_provisioned_source() {
    let dashboard = dashboard();
    let source = std::fs::read_to_string(
        root().join("deploy/observability/grafana/provisioning/datasources/weir.yaml"),
    );
    let source = source.unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        assert!(
            ids.insert(panel["id"].as_u64().unwrap()),
            "two panels have one id: {panel}"
        );
        let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        for (x, y) in (at("x")..at("x") + at("w"))
            .flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)))
        {
            assert!(
                x < 24 && cells.insert((x, y)),
                "{} lies over another panel or the edge",
                panel["title"]
            );
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(
            !panel["description"].as_str().unwrap().is_empty(),
            "{} says not what it shows",
            panel["title"]
        );
        let uid = panel["datasource"]["uid"].as_str().unwrap();
        assert!(
            source.contains(&format!("uid: {uid}\n")),
            "{uid} is not provisioned"
        );
        let targets = panel["targets"].as_array().unwrap();
        assert!(
            !targets.is_empty()
                && targets
                    .iter()
                    .all(|target| target["datasource"]["uid"] == uid)
        );
    }
    let rows = cells.iter().map(|(_, y)| y + 1).max().unwrap();
    assert_eq!(cells.len() as u64, 24 * rows, "there is a hole");
}

/// Prometheus's own parser reads every question the dashboard asks.
#[test]
fn the_dashboards_questions_are_promql() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let rules: Vec<_> = targets
        .enumerate()
        .map(|(index, target)| {
            let expr = target["expr"]
                .as_str()
                .unwrap()
                .replace("$__rate_interval", "1m");
            serde_json::json!({ "record": format!("dashboard:{index}"), "expr": expr })
        })
        .collect();
    assert!(rules.len() > 30, "{} questions", rules.len());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dashboard.yml");
    // JSON is YAML.
    std::fs::write(
        &file,
        serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] }).to_string(),
    )
    .unwrap();
    let checked = std::process::Command::new("promtool")
        .args(["check", "rules"])
        .arg(&file)
        .output();
    let checked = checked.expect("promtool is installed by scripts/prerequisites test");
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}
