//! `flowq inventory`: shows, imports and collects the inventory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::error::ArrowError;
use tokio::time::MissedTickBehavior;

use crate::aws::Account;
use crate::aws::s3::Location;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::Messages;
use crate::cli::output::destination;
use crate::cli::{args, session};
use crate::diagnostics::nearest;
use crate::inventory::collect::{CollectionReport, Collector};
use crate::inventory::{CollectorTarget, PersistentCollector, TABLES, Warning, import};

/// Runs the command.
pub(crate) async fn run(args: args::Inventory, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(false);
    match args {
        args::Inventory::Show { table, inventory, times, aws, write } => {
            let account = Arc::new(Account::new(aws.options()));
            let now = started.now;
            let times = session::times(times.since.as_deref(), times.until.as_deref(), now)?;
            let read = session::inventory(&inventory, &account, times, now, &say);
            let (inventory, whole) = Box::pin(read).await?;
            let exit = if whole { Exit::Fine } else { Exit::Incomplete };
            let all = inventory.tables().or_exit(Exit::Input)?;
            let Some(table) = table else {
                destination::batch(&counts(&all).or_exit(Exit::Output)?, &write)?;
                return Ok(exit);
            };
            let Some((_, batch)) = all.iter().find(|(name, _)| *name == table) else {
                let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
                let error = anyhow!("an inventory has no table {table}");
                let likely = nearest(&table, names.iter().copied());
                let likely = likely.map(|name| format!("did you mean {name}? "));
                let hint = format!("{}it has {}", likely.unwrap_or_default(), names.join(", "));
                return Err(Failure::new(Exit::Usage, error).with_hint(hint));
            };
            destination::batch(batch, &write)?;
            Ok(exit)
        }
        args::Inventory::Import { paths, to } => {
            session::inventory_exists(&paths)?;
            let (inventory, warnings) = import(&paths, &to).or_exit(Exit::Output)?;
            let whole = !warnings.iter().any(Warning::is_partial);
            for warning in warnings {
                say.warn(&warning.to_string());
            }
            for (name, batch) in inventory.tables().or_exit(Exit::Input)? {
                if batch.num_rows() > 0 {
                    say.note(&format!("{name}: {} rows", batch.num_rows()));
                }
            }
            Ok(if whole { Exit::Fine } else { Exit::Incomplete })
        }
        args::Inventory::Collect(args) => Box::pin(collect(args, started.now)).await,
    }
}

/// Makes one pass, or with `--every` pass after pass until Ctrl-C.
async fn collect(args: args::Collect, now: i64) -> Result<Exit, Failure> {
    let say = Messages::new(args.quiet);
    let every = args.every.as_deref().map(|text| {
        let every = humantime::parse_duration(text).ok().filter(|every| !every.is_zero());
        every.ok_or_else(|| {
            let error = anyhow!("--every {text:?} is not a duration");
            Failure::new(Exit::Usage, error).with_hint("write 60s or 5min")
        })
    });
    let every = every.transpose()?;
    let (since, until) =
        session::times(args.times.since.as_deref(), args.times.until.as_deref(), now)?;
    let account = Arc::new(Account::new(args.aws.options()));
    let trail = args.trail.as_deref().map(Location::parse).transpose().map_err(session::usage)?;
    let trail = trail.map(|location| (account.store(), location));
    let target = match args.to.starts_with("s3://") {
        true => {
            CollectorTarget::S3(account.store(), Location::parse(&args.to).map_err(session::usage)?)
        }
        false => CollectorTarget::Folder(args.to.into()),
    };
    let collector = Collector::new(&account, None, trail).await.map_err(session::aws_failure)?;
    let name = target.to_string();
    let persistent = PersistentCollector::open(collector, target, since, now).await;
    let mut persistent = persistent.map_err(session::inventory_failure)?;
    let mut timer = tokio::time::interval(every.unwrap_or(Duration::from_secs(1)));
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut printed = BTreeSet::new();
    loop {
        timer.tick().await;
        let now = crate::cli::invocation::now();
        match Box::pin(persistent.pass(until.unwrap_or(now), now)).await {
            Ok(report) => {
                // Messages that every pass repeats are printed once.
                let printed = &mut printed;
                let news = |texts: &[String], printed: &mut BTreeSet<String>| {
                    texts.iter().filter(|text| printed.insert((*text).clone())).cloned().collect()
                };
                let warnings = news(&report.warnings, printed);
                let notes = news(&report.notes, printed);
                session::print_report(
                    &CollectionReport { warnings, notes, ..CollectionReport::default() },
                    &say,
                );
                say.note(&format!("{}: {}", name, line(&report)));
                if every.is_none() {
                    let incomplete = !report.warnings.is_empty();
                    return Ok(if incomplete { Exit::Incomplete } else { Exit::Fine });
                }
            }
            Err(error) if every.is_some() => say.warn(&format!(
                "this pass failed, the next one tries again: {}",
                session::inventory_failure(error)
            )),
            Err(error) => return Err(session::inventory_failure(error)),
        }
    }
}

/// What a pass found, in one line.
fn line(report: &CollectionReport) -> String {
    let CollectionReport { calls, jobs, interfaces, new_facts, .. } = report;
    format!("{calls} calls, {jobs} jobs, {interfaces} interfaces, {new_facts} new facts")
}

/// How many rows each table has, and what they are.
fn counts(tables: &[(&str, RecordBatch)]) -> Result<RecordBatch, ArrowError> {
    let names = tables.iter().map(|(name, _)| *name);
    let rows = tables.iter().map(|(_, batch)| i64::try_from(batch.num_rows()).unwrap_or(i64::MAX));
    let meaning =
        |name: &str| TABLES.iter().find(|(table, _)| *table == name).map(|(_, text)| *text);
    let meanings: StringArray = tables.iter().map(|(name, _)| meaning(name)).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("table", Arc::new(StringArray::from_iter_values(names))),
        ("rows", Arc::new(Int64Array::from_iter_values(rows))),
        ("meaning", Arc::new(meanings)),
    ];
    RecordBatch::try_from_iter(columns)
}
