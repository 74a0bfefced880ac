//! `flowq verify`: compares source, ledger and lake, object by object.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow::error::ArrowError;

use crate::aws::Account;
use crate::cli::commands::ingest::{absolute, failure, identity, opener};
use crate::cli::commands::status;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::{Messages, number};
use crate::cli::output::destination;
use crate::cli::{args, session};
use crate::ingest::{Discrepancy, VerificationResult, verify};
use crate::inventory::Inventory;
use crate::state::PassTotals;
use crate::storage::Storage;
use crate::time::Window;

/// Runs the command.
pub(crate) async fn run(mut args: args::Verify, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.quiet);
    absolute(&mut args.source)?;
    let account = Arc::new(Account::new(args.aws.options()));
    let lake = Storage::open(&args.wherein.lake, &account).or_exit(Exit::Input)?;
    let reader = status::reader(&args.wherein, &account).await?;
    let mut listed = None;
    if !args.source.is_empty() {
        let (since, until) =
            session::times(args.since.as_deref(), args.until.as_deref(), started.now)?;
        let open = opener(args.source.clone(), &account, &Inventory::default());
        let failed = |error: crate::source::Error| failure(error.into());
        let source = open(started.now).map_err(failed)?;
        let listing = source.splits(&Window::new(since, until)).await.map_err(failed)?;
        listed = Some(listing.splits);
    }
    let verdict = Box::pin(verify(&lake, &reader, listed.as_deref())).await.map_err(failure)?;
    say.note(&summary(&verdict));
    if verdict.mismatches.is_empty() {
        return Ok(Exit::Fine);
    }
    destination::batch(&rows(&verdict.mismatches).or_exit(Exit::Output)?, &args.write)?;
    Ok(Exit::Findings)
}

fn summary(verdict: &VerificationResult) -> String {
    let totals = PassTotals { counts: verdict.counts.clone(), ..PassTotals::default() };
    let listed = verdict.listed.map(|listed| format!("source {} objects; ", number(listed)));
    let fits = match verdict.mismatches.len() {
        0 => "all fit".to_owned(),
        count => format!("{} do not fit", number(count as u64)),
    };
    format!(
        "{}ledger {} passes, {} objects, {}; lake {} rows: {fits}",
        listed.unwrap_or_default(),
        number(verdict.passes),
        number(verdict.objects),
        identity(&totals),
        number(verdict.rows)
    )
}

fn rows(mismatches: &[Discrepancy]) -> Result<RecordBatch, ArrowError> {
    let text = |of: fn(&Discrepancy) -> &str| -> ArrayRef {
        Arc::new(mismatches.iter().map(|m| Some(of(m))).collect::<StringArray>())
    };
    let count = |of: fn(&Discrepancy) -> u64| -> ArrayRef {
        Arc::new(mismatches.iter().map(of).collect::<UInt64Array>())
    };
    RecordBatch::try_from_iter([
        ("object", text(|m| &m.object)),
        ("table", text(|m| &m.table)),
        ("what", text(|m| m.what)),
        ("expected", count(|m| m.expected)),
        ("found", count(|m| m.found)),
    ])
}
