//! `weir limiter reset KEY`.

use clap::Args as ClapArgs;
use futures_util::future::join_all;
use serde_json::json;

use super::key::{self, KeyArgs};
use super::{OperateError, Target, answers, fail_on};

pub(super) const EXAMPLES: &str = "\
Examples:
  weir limiter reset 60:alice
  weir limiter reset 60:alice --limiter http://limiter-1:8081,http://limiter-2:8081

Every limiter is told, because each remembers refusals: name all of them, or a name that stands for all. Gateways
remember refusals too, until the wait that they told their clients is over.";

/// The flags of `weir limiter reset`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(args: Args) -> Result<(), OperateError> {
    let key = args.key.bytes()?;
    let operators = args.target.operators().await?;
    let asked = operators.iter().map(async |operator| {
        let existed = operator.reset(key.clone().into()).await?;
        Ok((operator.address().to_owned(), existed))
    });
    let (confirmed, errors) = answers(join_all(asked).await)?;
    print(&key, &confirmed, args.target.json);
    fail_on(errors)
}

/// The limiters share a store: whichever was first finds something there, the others confirm that
/// it is gone.
#[allow(clippy::print_stdout)] // the command's output
fn print(key: &[u8], confirmed: &[(String, bool)], as_json: bool) {
    let existed = confirmed.iter().any(|(_, existed)| *existed);
    let addresses: Vec<&str> = confirmed
        .iter()
        .map(|(address, _)| address.as_str())
        .collect();
    if as_json {
        let document = json!({
            "key": key::text(key), "key_base64": key::base64(key), "existed": existed, "confirmed_by": addresses,
        });
        println!("{document:#}");
    } else if existed {
        println!(
            "{} is reset: nothing is counted any more. Confirmed by {}.",
            key::shown(key),
            addresses.join(", ")
        );
    } else {
        println!(
            "{}: nothing was counted. Confirmed by {}.",
            key::shown(key),
            addresses.join(", ")
        );
    }
}
