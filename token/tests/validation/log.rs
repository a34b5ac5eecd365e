//! What this process logs.

use std::sync::LazyLock;

use parking_lot::Mutex;

/// From [`start`] on.
static LOG: LazyLock<&'static Mutex<Vec<u8>>> = LazyLock::new(|| {
    let log: &'static Mutex<Vec<u8>> = Box::leak(Box::default());
    let writer = move || LogWriter(log);
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(writer)
        .init();
    log
});

struct LogWriter(&'static Mutex<Vec<u8>>);

impl std::io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Begins to keep what is logged.
pub fn start() {
    LazyLock::force(&LOG);
}

/// Lines of a level that contain `text`.
pub fn lines(level: &str, text: &str) -> Vec<String> {
    let log = String::from_utf8(LOG.lock().clone()).unwrap();
    log.lines()
        .filter(|line| line.contains(level) && line.contains(text))
        .map(str::to_owned)
        .collect()
}
