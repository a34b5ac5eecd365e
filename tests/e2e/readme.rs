//! The README is run as written: every `$ ` line of its console blocks, and what it shows, line by
//! line.

use std::process::Command;

use crate::support::Up;

const README: &str = include_str!("../../README.md");
/// Printed between the outputs of two commands.
const MARK: &str = "----8<----";

/// A command and the lines README shows below it.
struct Shown {
    command: String,
    output: Vec<String>,
}

/// The commands of all console blocks, in order.
fn shown() -> Vec<Shown> {
    let mut commands: Vec<Shown> = Vec::new();
    let mut inside = false;
    for line in README.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            _ => match line.strip_prefix("$ ") {
                Some(command) => commands.push(Shown {
                    command: command.to_owned(),
                    output: Vec::new(),
                }),
                None => {
                    if let Some(last) = commands.last_mut() {
                        last.output.push(line.to_owned());
                    }
                }
            },
        }
    }
    commands
}

/// What differs from run to run is made the same: numbers, ids, the time.
fn normalised<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut normal = Vec::new();
    for line in lines
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !line.starts_with("date:"))
    {
        if line.starts_with("x-trace-id:") {
            normal.push("x-trace-id".to_owned());
            continue;
        }
        let mut text = String::new();
        for c in line.replace(" PM", " AM").chars() {
            match c {
                '0'..='9' if text.ends_with('#') => {}
                // The statuses are what the README is about.
                '0'..='9' if !line.starts_with("HTTP/") && !line.starts_with("200 ") => {
                    text.push('#');
                }
                _ => text.push(c),
            }
        }
        normal.push(text);
    }
    normal
}

#[tokio::test]
async fn the_walk_through_shows_what_happens() {
    let up = Up::start(&[]).await;
    let script: String = shown()
        .iter()
        .map(|shown| format!("{}\necho; echo '{MARK}'\n", shown.command))
        .collect();
    let script = script
        .replace("http://localhost:3000", &up.address("web"))
        .replace("http://localhost:8080", &up.address("gateway"))
        .replace("http://localhost:7071", &up.address("backend"))
        .replace("http://localhost:9080", &up.operations("gateway"))
        .replace(
            "target/release/weir token",
            &format!(
                "{} token --identity {}",
                env!("CARGO_BIN_EXE_weir"),
                up.address("identity")
            ),
        );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let actual: Vec<Vec<String>> = text
        .split(MARK)
        .map(|part| normalised(part.lines()))
        .collect();
    assert!(shown().len() >= 6, "README has a walk-through");
    for (shown, actual) in shown().iter().zip(&actual) {
        let expected = normalised(shown.output.iter().map(String::as_str));
        assert_eq!(&expected, actual, "{}", shown.command);
    }
}

#[test]
fn every_flag_is_in_the_table() {
    for role in [
        "up", "gateway", "limiter", "backend", "identity", "web", "token", "loadtest", "plan",
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_weir"))
            .args([role, "--help"])
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let flags = help.lines().filter_map(|line| {
            line.trim_start()
                .strip_prefix("--")?
                .split([' ', '='])
                .next()
        });
        for flag in flags.filter(|flag| !["help", "version"].contains(flag)) {
            // `weir up` has a pair of addresses per role, which the table describes as one.
            if role == "up" && flag.ends_with("-listen") {
                continue;
            }
            assert!(
                README.contains(&format!("`--{flag}`")),
                "weir {role} --{flag} is not in README's table"
            );
        }
    }
}
