//! `weir limiter inspect`, `reset` and `top`: what operators ask running limiters.
//!
//! Every limiter is asked by itself, also each of several behind one name: they share a store, but
//! each has memories of its own (refusals, what it counted while the store was away, the keys it
//! saw).

mod inspect;
mod key;
mod render;
mod reset;
mod top;

use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};
use weir_limiter::{Operator, OperatorError};

use crate::error::Error;
use crate::roles::duration;

/// What to ask.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what is counted under a key of running limiters
    #[command(after_help = inspect::EXAMPLES)]
    Inspect(inspect::Args),
    /// Forget what is counted under a key, in the store and in the memory of every limiter
    #[command(after_help = reset::EXAMPLES)]
    Reset(reset::Args),
    /// Show the busiest and the most refused keys of the last minute or two
    #[command(after_help = top::EXAMPLES)]
    Top(top::Args),
}

/// Asks and prints.
pub(crate) async fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Inspect(args) => inspect::run(args).await?,
        Command::Reset(args) => reset::run(args).await?,
        Command::Top(args) => top::run(args).await?,
    }
    Ok(())
}

/// Which limiters, and how long to wait for each.
#[derive(Debug, ClapArgs)]
struct Target {
    /// The limiters' gRPC addresses. Name all of them, or a name that stands for all
    #[arg(
        long,
        value_name = "URL,…",
        env = "WEIR_LIMITER_LIMITER",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:8081"
    )]
    limiter: Vec<String>,
    /// How long each limiter may take to answer, e.g. 5s
    #[arg(long, value_name = "DURATION", env = "WEIR_LIMITER_TIMEOUT", default_value = "5s", value_parser = duration)]
    timeout: Duration,
    /// Print JSON instead of a table
    #[arg(long, env = "WEIR_LIMITER_JSON")]
    json: bool,
}

impl Target {
    async fn operators(&self) -> Result<Vec<Operator>, OperatorError> {
        let mut operators: Vec<Operator> = Vec::new();
        for address in &self.limiter {
            for operator in Operator::resolve(address, self.timeout).await? {
                if !operators
                    .iter()
                    .any(|known| known.address() == operator.address())
                {
                    operators.push(operator);
                }
            }
        }
        Ok(operators)
    }
}

/// Why an operator's question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperateError {
    #[error(transparent)]
    Limiter(#[from] OperatorError),
    #[error(transparent)]
    Key(#[from] key::KeyError),
    #[error("{}", failures(.0))]
    Several(Vec<OperatorError>),
}

fn failures(errors: &[OperatorError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Splits answers from failures; if there is no answer at all, that is the error.
fn answers<T>(
    results: Vec<Result<T, OperatorError>>,
) -> Result<(Vec<T>, Vec<OperatorError>), OperateError> {
    let (mut answers, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(answer) => answers.push(answer),
            Err(error) => errors.push(error),
        }
    }
    if answers.is_empty() {
        Err(OperateError::Several(errors))
    } else {
        Ok((answers, errors))
    }
}

/// What could not be asked is an error of the command, after what could has been printed.
fn fail_on(errors: Vec<OperatorError>) -> Result<(), OperateError> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(OperateError::Several(errors))
    }
}
