//! `weir`: the command line over the crates beside it.
//!
//! `main` is the map: read the arguments, set up telemetry, run one command, turn its error into an
//! exit status. Each role's flags are in [`roles`]; `weir up` (`up`) runs all of them in one
//! process.
//!
//! The cargo feature `development`, on by default, adds what stands in for the rest of the world on
//! a laptop: `up`, the provider, the function host, the pages and `token`. A build for production
//! leaves it out, and with it SQLite, password hashing and everything else that no gateway needs.

mod backend_tls;
mod cli;
mod development;
mod error;
mod health;
mod listen;
mod memory;
mod named_values;
mod operate;
mod plan;
mod reload;
mod roles;
mod secret_file;
mod shutdown;
#[cfg(feature = "development")]
mod token;
#[cfg(feature = "development")]
mod up;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};
use error::Error;
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    memory::take_small_pages();
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weir: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Builds the runtime and runs one command to its end.
fn run(command: Command) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(async {
        // Commands that end by themselves have nothing to end in order: there Ctrl-C does what it
        // does everywhere.
        let (telemetry, shutdown) = match command.role() {
            Some(role) => (
                Some(weir_telemetry::init(role).map_err(Error::Telemetry)?),
                shutdown::on_signal(),
            ),
            None => (None, CancellationToken::new()),
        };
        let result = match command {
            #[cfg(feature = "development")]
            Command::Up(args) => up::run(*args, shutdown).await,
            Command::Gateway(args) => roles::gateway::run(*args, shutdown).await,
            Command::Limiter(args) => roles::limiter::run(*args, shutdown).await,
            #[cfg(feature = "development")]
            Command::Backend(args) => roles::backend::run(args, shutdown).await,
            #[cfg(feature = "development")]
            Command::Identity(args) => roles::identity::run(args, shutdown).await,
            #[cfg(feature = "development")]
            Command::Web(args) => roles::web::run(args, shutdown).await,
            #[cfg(feature = "development")]
            Command::Token(args) => token::run(args).await,
            Command::Loadtest(args) => roles::loadtest::run(*args, shutdown).await,
            Command::Plan(args) => {
                plan::run(&args);
                Ok(())
            }
            Command::Check(args) => roles::check::run(&args),
            Command::Health(args) => health::run(args).await,
        };
        if let Some(telemetry) = telemetry {
            telemetry.shutdown();
        }
        result
    })
}
