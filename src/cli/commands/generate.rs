//! `flowq generate`: flow logs and an inventory of an invented VPC.

use crate::cli::args::Generate;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::messages::{Messages, number};
use crate::generate;
use crate::reachability::escape::shell;

/// Runs the command.
pub(crate) fn run(args: &Generate) -> Result<Exit, Failure> {
    let say = Messages::new(false);
    let to = args.to.display();
    if args.samples {
        let summary = generate::write_samples(&args.to).or_exit(Exit::Output)?;
        say.note(&format!("wrote {} records to {to}", number(summary.records)));
        return Ok(Exit::Fine);
    }
    let options = generate::Options {
        seed: args.seed,
        records: args.records,
        format: args.log_format,
        files: args.files,
        parquet: args.parquet,
        gzip: true,
        start: generate::SAMPLE_START,
    };
    let summary = generate::write(&options, &args.to).or_exit(Exit::Output)?;
    say.note(&format!("wrote {} records to {to}/logs", number(summary.records)));
    let (logs, inventory) = (shell(&format!("{to}/logs")), shell(&format!("{to}/inventory")));
    say.note(&format!("try: flowq detect {logs} --inventory {inventory}"));
    Ok(Exit::Fine)
}
