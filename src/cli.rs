//! The commands and their help. What a command does is in the module of its name.

use clap::{Parser, Subcommand};

#[cfg(feature = "development")]
use crate::roles::{backend, identity, web};
use crate::roles::{check, gateway, limiter, loadtest};
use crate::{health, plan};
#[cfg(feature = "development")]
use crate::{token, up};

/// An API gateway with exact, distributed rate limiting. It reads Azure API Management policies as
/// they are.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[cfg(feature = "development")]
    /// Run every role in one process on loopback, with development secrets
    #[command(after_help = up::EXAMPLES)]
    Up(Box<up::Args>),
    /// Run the gateway: CORS, tokens, rate limits, proxy
    #[command(after_help = gateway::EXAMPLES)]
    Gateway(Box<gateway::Args>),
    /// Run the limiter: exact sliding windows over gRPC; or ask running ones (inspect, reset, top)
    #[command(after_help = limiter::EXAMPLES)]
    Limiter(Box<limiter::Args>),
    #[cfg(feature = "development")]
    /// Run the function backend
    #[command(after_help = backend::EXAMPLES)]
    Backend(backend::Args),
    #[cfg(feature = "development")]
    /// Run the development OpenID provider
    #[command(after_help = identity::EXAMPLES)]
    Identity(identity::Args),
    #[cfg(feature = "development")]
    /// Serve the browser app and the developer console
    #[command(after_help = web::EXAMPLES)]
    Web(web::Args),
    #[cfg(feature = "development")]
    /// Print an access token of the running development identity
    #[command(after_help = token::EXAMPLES)]
    Token(token::Args),
    /// Validate a configuration and report every error in it
    #[command(after_help = check::EXAMPLES)]
    Check(check::Args),
    /// Ask the roles on this machine whether they are ready
    #[command(after_help = health::EXAMPLES)]
    Health(health::Args),
    /// Put load on a service of your own, and judge from outside whether its limits hold
    #[command(after_help = loadtest::EXAMPLES)]
    Loadtest(Box<loadtest::Args>),
    /// Say how much of everything so many requests per second need
    #[command(after_help = plan::EXAMPLES)]
    Plan(plan::Args),
}

impl Command {
    /// The service name for telemetry; `None` for commands that end at once.
    pub(crate) fn role(&self) -> Option<&'static str> {
        match self {
            #[cfg(feature = "development")]
            Self::Up(_) => Some("weir"),
            Self::Gateway(_) => Some("weir-gateway"),
            Self::Limiter(args) => args.is_role().then_some("weir-limiter"),
            #[cfg(feature = "development")]
            Self::Backend(_) => Some("weir-backend"),
            #[cfg(feature = "development")]
            Self::Identity(_) => Some("weir-identity"),
            #[cfg(feature = "development")]
            Self::Web(_) => Some("weir-web"),
            Self::Loadtest(_) => Some("weir-loadtest"),
            #[cfg(feature = "development")]
            Self::Token(_) => None,
            Self::Check(_) | Self::Health(_) | Self::Plan(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_is_an_environment_variable_too() {
        let whole = super::Cli::command();
        let commands = whole
            .get_subcommands()
            .flat_map(|command| [command].into_iter().chain(command.get_subcommands()));
        for command in commands {
            for argument in command.get_arguments().filter(|a| !a.is_positional()) {
                if ["help", "version"].contains(&argument.get_id().as_str()) {
                    continue;
                }
                let flag = argument
                    .get_long()
                    .unwrap_or_default()
                    .to_uppercase()
                    .replace('-', "_");
                let variable = argument
                    .get_env()
                    .and_then(|v| v.to_str())
                    .unwrap_or_default();
                assert!(
                    variable.starts_with("WEIR_") && variable.ends_with(&format!("_{flag}")),
                    "{} --{flag} has the variable {variable:?}",
                    command.get_name()
                );
            }
        }
    }
}
