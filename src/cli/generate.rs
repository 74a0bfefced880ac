//! `flowq generate`: flow logs and an inventory of an invented VPC.

use crate::cli::args::Generate;
use crate::cli::exit::{Exit, Failure, OrExit as _};
use crate::cli::say::{Say, number};
use crate::reach::quote::shell;
use crate::sample;

/// Runs the command.
pub(super) fn run(args: &Generate) -> Result<Exit, Failure> {
    let say = Say::new(false);
    let to = args.to.display();
    if args.samples {
        let summary = sample::write_samples(&args.to).or_exit(Exit::Output)?;
        say.note(&format!("wrote {} records to {to}", number(summary.records)));
        return Ok(Exit::Fine);
    }
    let options = sample::Options {
        seed: args.seed,
        records: args.records,
        format: args.log_format,
        files: args.files,
        parquet: args.parquet,
        gzip: true,
        start: sample::SAMPLE_START,
    };
    let summary = sample::write(&options, &args.to).or_exit(Exit::Output)?;
    say.note(&format!("wrote {} records to {to}/logs", number(summary.records)));
    let (logs, inventory) = (shell(&format!("{to}/logs")), shell(&format!("{to}/inventory")));
    say.note(&format!("try: flowq detect {logs} --inventory {inventory}"));
    Ok(Exit::Fine)
}
