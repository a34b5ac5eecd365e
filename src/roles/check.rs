//! `weir check`: the gateway's own loader, without a gateway.
//!
//! What loads can be put to work, so what is left to stop a start are its flags and the machine.
//! One of those flags is stood in for: on loopback a gateway takes the development key for a
//! function key that is not given, and so does this, and says so.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use secrecy::SecretString;

use crate::backend_tls::BackendTlsArgs;
use crate::development::{FUNCTION_KEY, FUNCTION_KEY_NAME};
use crate::error::Error;
use crate::named_values::NamedValueArgs;

pub(crate) const EXAMPLES: &str = "\
Example:
  weir check config";

/// The flags of `weir check`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The configuration folder
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    named_values: NamedValueArgs,
    #[command(flatten)]
    backend_tls: BackendTlsArgs,
}

/// Prints what was loaded, or fails with every error.
#[allow(clippy::print_stdout)] // the command's output
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let given = args.named_values.overrides()?;
    let mut overrides = given.clone();
    if overrides.get(FUNCTION_KEY_NAME).is_none() {
        overrides.insert(FUNCTION_KEY_NAME, SecretString::from(FUNCTION_KEY));
    }
    let files = args.backend_tls.files();
    let load = |overrides| weir_gateway::load_with(&args.directory, overrides, &files);
    let configuration = load(&overrides).map_err(Error::Configuration)?;
    println!("{} is valid.", args.directory.display());
    if load(&given).is_err() {
        println!(
            "  {FUNCTION_KEY_NAME} was not given: the development key stood in for it, as it does for a gateway on \
             loopback.\n  Any other gateway needs --named-value-file {FUNCTION_KEY_NAME}=FILE to start."
        );
    }
    if configuration.apis.is_empty() {
        println!(
            "  There is no API in it (apis/<name>/apiInformation.json): every request will get 404."
        );
    }
    for api in &configuration.apis {
        println!("  api {} at /{}", api.info.id, api.info.path);
        for operation in &api.operations {
            println!("    {} {}", operation.method, operation.info.url_template);
        }
    }
    for backend in configuration.backends.values() {
        println!("  backend {} at {}", backend.id, backend.url);
        let unchecked = backend.unchecked();
        if !unchecked.is_empty() {
            println!(
                "    Its certificate is not fully checked ({} is false): anybody on the way can be it.",
                unchecked.join(" and ")
            );
        }
    }
    Ok(())
}
