//! A child process that ends with its test.

use std::process::{Child, Command, Stdio};

/// A running child process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

/// A signal to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// `SIGTERM`: stop cleanly.
    Term,
    /// `SIGINT`: Ctrl-C.
    Int,
    /// `SIGHUP`: read the configuration again.
    Hup,
    /// `SIGKILL`: die at once.
    Kill,
    /// `SIGSTOP`: freeze.
    Stop,
    /// `SIGCONT`: go on.
    Cont,
}

impl Signal {
    fn flag(self) -> &'static str {
        match self {
            Self::Term => "-TERM",
            Self::Int => "-INT",
            Self::Hup => "-HUP",
            Self::Kill => "-KILL",
            Self::Stop => "-STOP",
            Self::Cont => "-CONT",
        }
    }
}

impl Process {
    /// Starts `program`. It is killed by the kernel if the thread that calls this ends, so a test
    /// that is itself killed leaves nothing behind (`setpriv` is part of util-linux, which every
    /// Debian has).
    ///
    /// # Panics
    /// If the program cannot be started.
    #[must_use]
    pub fn start(program: &str, configure: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", program])
            .stdin(Stdio::null());
        configure(&mut command);
        let child = command
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {program}: {e}"));
        Self { child }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child itself, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If the signal cannot be sent.
    pub fn signal(&self, signal: Signal) {
        let status = Command::new("kill")
            .args([signal.flag(), &self.id().to_string()])
            .status();
        assert!(
            status.is_ok_and(|s| s.success()),
            "cannot send {signal:?} to {}",
            self.id()
        );
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
    }

    /// Kills it (`SIGKILL`) and waits for its end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
