//! What is wrong with a configuration, where, and what would work. All errors of a load are
//! reported at once.

use std::fmt;
use std::sync::Arc;

pub(crate) mod suggest;

/// A place in a file; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A place and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file's path in the configuration folder.
    pub file: Arc<str>,
    /// The place in it.
    pub position: Position,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One error: `file:line:column: message` and, indented on the next line, the fix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file, relative to the configuration's root.
    pub file: Arc<str>,
    /// The place; absent when the file itself is the trouble (missing, too large).
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
    /// What would work.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(position) = self.position {
            write!(f, "{position}:")?;
        }
        write!(f, " {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n    {help}"),
            None => Ok(()),
        }
    }
}

/// Every error of one load, sorted by file and place. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl Diagnostic {
    /// One without a fix; [`Self::with_help`] adds it.
    #[must_use]
    pub fn new(
        file: &Arc<str>,
        position: impl Into<Option<Position>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            file: Arc::clone(file),
            position: position.into(),
            message: message.into(),
            help: None,
        }
    }

    /// The same with what would work.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Collects the errors of one load.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    found: Vec<Diagnostic>,
}

impl Collector {
    /// Adds one.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// `value` if nothing was reported.
    ///
    /// # Errors
    /// Everything reported, sorted by file and place, each once.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Diagnostics> {
        self.found.sort();
        self.found.dedup();
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => Err(Diagnostics(self.found)),
        }
    }
}
