//! What the process uses, under the names that Prometheus client libraries agree on. Read from
//! `/proc` when it is scraped; where there is none, these metrics are left out.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Ticks per second in `/proc/self/stat`. Linux shows user space this number on every architecture
/// it runs on today, whatever its own tick is.
const TICKS: f64 = 100.0;

/// Collects the process's own figures.
#[derive(Debug)]
pub(crate) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut gauge = |name: &str, help: &str, value: Option<f64>| match value {
            Some(value) => {
                let gauge = ConstGauge::new(value);
                gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
            }
            None => Ok(()),
        };
        let times = Times::read();
        gauge(
            "process_start_time_seconds",
            "When the process started, in seconds since 1970",
            times.as_ref().and_then(Times::started),
        )?;
        gauge(
            "process_resident_memory_bytes",
            "Memory in RAM",
            status_bytes("VmRSS:"),
        )?;
        gauge(
            "process_virtual_memory_bytes",
            "Address space",
            status_bytes("VmSize:"),
        )?;
        gauge("process_open_fds", "Open file descriptors", open_files())?;
        gauge(
            "process_max_fds",
            "File descriptors that may be open",
            most_files(),
        )?;
        if let Some(times) = times {
            let cpu = ConstCounter::new(times.cpu);
            let help = "CPU time of all threads, in user space and in the kernel";
            cpu.encode(encoder.encode_descriptor(
                "process_cpu_seconds",
                help,
                None,
                cpu.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

/// Of `/proc/self/stat`, in seconds.
struct Times {
    cpu: f64,
    /// From the start of the machine to that of the process.
    start: f64,
}

impl Times {
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the program's name in brackets, which may hold blanks and brackets.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        // Counted from the third field on: utime is the 14th, stime the 15th, starttime the 22nd.
        let seconds = |index: usize| Some(fields.get(index)?.parse::<f64>().ok()? / TICKS);
        Some(Self {
            cpu: seconds(11)? + seconds(12)?,
            start: seconds(19)?,
        })
    }

    fn started(&self) -> Option<f64> {
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let uptime: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()?
            .as_secs_f64();
        // Whole seconds, so that two scrapes see the same start.
        Some((now - uptime + self.start).round())
    }
}

fn status_bytes(field: &str) -> Option<f64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0)
}

fn open_files() -> Option<f64> {
    // The one that lists them is among them.
    Some(
        fs::read_dir("/proc/self/fd")
            .ok()?
            .count()
            .saturating_sub(1) as f64,
    )
}

fn most_files() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_figures_are_of_this_process() {
        let times = Times::read().unwrap();
        let age = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64()
            - times.started().unwrap();
        assert!((-2.0..86_400.0).contains(&age), "started {age} s ago");
        let (rss, size) = (
            status_bytes("VmRSS:").unwrap(),
            status_bytes("VmSize:").unwrap(),
        );
        assert!(rss > 100_000.0 && size >= rss, "{rss} of {size}");
        let before = open_files().unwrap();
        let _file = fs::File::open("/proc/self/stat").unwrap();
        assert!(open_files().unwrap() > before && most_files().unwrap() > before);
    }
}
