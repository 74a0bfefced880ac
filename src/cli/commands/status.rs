//! `flowq status`: the state of a lake, from its ledger.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::aws::Account;
use crate::cli::args;
use crate::cli::args::StatusFormat;
use crate::cli::commands::ingest::{failure, identity};
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::number;
use crate::cli::output::destination;
use crate::state;
use crate::state::{Checkpoint, ObjectState, PassRecord, Reader};
use crate::storage::Storage;

/// Objects that wait or failed and are shown.
const SHOWN_MAX: usize = 20;

/// Runs the command.
pub(crate) async fn run(args: args::Status, started: Invocation) -> Result<Exit, Failure> {
    let account = Arc::new(Account::new(args.aws.options()));
    let reader = reader(&args.wherein, &account).await?;
    let state = |error: state::Error| failure(error.into());
    let checkpoint = reader.current().await.map_err(state)?;
    let mut passes = Vec::new();
    let mut at = checkpoint.pass;
    while passes.len() < args.passes && at > 0 {
        let Some(pass) = reader.pass(at).await.map_err(state)? else { break };
        passes.push(pass);
        at -= 1;
    }
    let (_, mut out) = destination::sink(false, None)?;
    let text = match args.format {
        StatusFormat::Table => table(&checkpoint, &passes, started.now),
        StatusFormat::Json => {
            let all = json(&checkpoint, &passes, started.now);
            serde_json::to_string_pretty(&all).context("writing JSON").or_exit(Exit::Output)? + "\n"
        }
    };
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).or_exit(Exit::Output)?;
    Ok(Exit::Fine)
}

/// Opens the state of a lake, to look at it.
pub(crate) async fn reader(
    wherein: &args::LakeArgs,
    account: &Arc<Account>,
) -> Result<Reader, Failure> {
    let opened = match &wherein.state {
        Some(state) => Storage::open(state, account),
        None => Storage::open(&wherein.lake, account).map(|lake| lake.below(state::FOLDER)),
    };
    let place = opened.or_exit(Exit::Input)?;
    Reader::open(place).await.map_err(|error| failure(error.into()))
}

fn time(secs: i64) -> String {
    let time = DateTime::from_timestamp(secs, 0).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Objects that could not be read to their end: those that are tried again first.
fn failed(checkpoint: &Checkpoint) -> Vec<(&String, &ObjectState)> {
    let failed = checkpoint.known.iter().filter(|(_, known)| known.failed.is_some());
    let mut failed: Vec<_> = failed.collect();
    failed.sort_by_key(|(id, known)| (!known.is_waiting(), *id));
    failed
}

fn table(checkpoint: &Checkpoint, passes: &[PassRecord], now: i64) -> String {
    let totals = &checkpoint.totals;
    let ago = |secs: Option<i64>| match secs {
        Some(secs) => {
            let ago = u64::try_from(now.saturating_sub(secs)).unwrap_or(0);
            let ago = humantime::format_duration(std::time::Duration::from_secs(ago));
            format!("{} ({ago} ago)", time(secs))
        }
        None => "never".to_owned(),
    };
    let mut lines = vec![
        format!("passes          {}", number(checkpoint.pass)),
        format!("last pass       {}", ago(checkpoint.ended)),
        format!("newest record   {}", ago(checkpoint.newest)),
        format!("objects         {}, {} bytes", number(totals.objects), number(totals.bytes)),
        format!("                {}", identity(totals)),
        format!("rows in lake    {}", number(totals.rows)),
        format!("waiting         {}", number(checkpoint.waiting().count() as u64)),
        format!("failed          {}", number(totals.failed)),
    ];
    let failed = failed(checkpoint);
    for (id, known) in failed.iter().take(SHOWN_MAX) {
        let reason = known.failed.as_ref().map_or("", |failure| failure.reason.as_str());
        let what = if known.is_waiting() { "waits" } else { "failed" };
        lines.push(format!("  {what} {id}: {reason}"));
    }
    if let Some(more @ 1..) = failed.len().checked_sub(SHOWN_MAX) {
        lines.push(format!("  and {} more", number(more as u64)));
    }
    lines.push(String::new());
    let head = ["pass", "ended", "kind", "objects", "lines", "rows", "replaced", "failed"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(passes.iter().map(|pass| {
        let replaced: u64 = pass.tables.values().map(|table| table.replaced).sum();
        let kind = serde_json::to_value(pass.kind).ok();
        let kind = kind.and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
        let totals = &pass.totals;
        [
            pass.number.to_string(),
            time(pass.ended),
            kind,
            number(totals.objects),
            number(totals.counts.lines),
            number(totals.rows),
            number(replaced),
            number(totals.failed),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        lines.push(cells.collect::<Vec<_>>().join("  ").trim_end().to_owned());
    }
    lines.join("\n") + "\n"
}

fn json(checkpoint: &Checkpoint, passes: &[PassRecord], now: i64) -> Value {
    let passes = passes.iter().map(|pass| {
        let tables = pass.tables.iter().map(|(name, table)| {
            let change = json!({
                "rows": table.rows, "replaced": table.replaced, "known": table.known,
                "files_added": table.added.len(), "files_removed": table.removed.len(),
            });
            (name.clone(), change)
        });
        json!({
            "number": pass.number, "kind": pass.kind, "runner": pass.runner,
            "begun": time(pass.begun), "ended": time(pass.ended), "sources": pass.sources,
            "totals": pass.totals, "tables": tables.collect::<serde_json::Map<_, _>>(),
            "findings": pass.findings,
        })
    });
    let failed = failed(checkpoint);
    let objects = failed.into_iter().map(|(id, known)| {
        let reason = known.failed.as_ref().map(|failure| failure.reason.clone());
        json!({ "object": id, "retry": known.is_waiting(), "reason": reason, "read": time(known.read) })
    });
    json!({
        "state": checkpoint.state,
        "passes": checkpoint.pass,
        "last_pass": checkpoint.ended.map(time),
        "newest_record": checkpoint.newest.map(time),
        "lag_seconds": checkpoint.newest.map(|newest| now.saturating_sub(newest)),
        "totals": checkpoint.totals,
        "known_objects": checkpoint.known.len(),
        "not_read_to_their_end": objects.collect::<Vec<_>>(),
        "last_passes": passes.collect::<Vec<_>>(),
    })
}
