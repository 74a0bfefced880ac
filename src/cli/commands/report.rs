//! `flowq report`: runs the reports that come with flowq.

use std::sync::Arc;

use anyhow::anyhow;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::error::ArrowError;

use crate::cli::args;
use crate::cli::commands::sql::{MEMORY, finish, pairs, print_rows};
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::Messages;
use crate::cli::output::destination;
use crate::cli::progress::ProgressLine;
use crate::cli::session::{configure, open};
use crate::query::params::{ReportQuery, params_from};
use crate::query::reports;

/// Runs the command.
pub(crate) async fn run(mut args: args::Report, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.read.quiet);
    let reports = reports::reports().or_exit(Exit::Config)?;
    let Some(name) = &args.name else {
        destination::batch(&list(&reports).or_exit(Exit::Output)?, &args.write)?;
        return Ok(Exit::Fine);
    };
    let Some(report) = reports.iter().find(|report| report.id == *name) else {
        let names = reports.iter().map(|report| report.id.as_str());
        let nearest = names
            .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
        let error = anyhow!("no report is called {name}");
        let hint = format!("did you mean {}? flowq report lists them", nearest.unwrap_or_default());
        return Err(Failure::new(Exit::Usage, error).with_hint(hint));
    };
    let overrides = pairs(&args.param)?;
    let params = params_from(&report.params, &overrides).or_exit(Exit::Usage)?;
    let config = configure(&mut args.read)?;
    if report.inventory && args.read.inventory.is_empty() {
        say.warn("this report is about jobs and interfaces: without --inventory it is empty");
    }
    if args.read.sources.is_empty() {
        let error = anyhow!("no flow logs named");
        let hint = format!("flowq report {name} SOURCE…; a folder, files, a quoted glob, or -");
        return Err(Failure::new(Exit::Usage, error).with_hint(hint));
    }
    let session = open(&args.read, &config, started.now, MEMORY, &say).await?;
    let line = ProgressLine::start(Arc::clone(&session.progress), say.quiet);
    let rows = session.engine.query(&report.sql, params).await?;
    print_rows(rows, &args.write, &session, say, started).await?;
    drop(line);
    let summary = session.engine.summary();
    let lacks = |column: &&String| !summary.columns.contains(column.as_str());
    let missing: Vec<&str> = report.requires.iter().filter(lacks).map(String::as_str).collect();
    if summary.records() > 0 && !missing.is_empty() {
        say.warn(&format!(
            "no object has {}: what depends on it is NULL or left out above",
            missing.join(", ")
        ));
    }
    finish(session, say, started).await
}

/// The reports with what they answer and their parameters.
fn list(reports: &[ReportQuery]) -> Result<RecordBatch, ArrowError> {
    let params = reports.iter().map(|report| {
        let params = report.params.iter().map(|(name, value)| format!("{name}={value}"));
        params.collect::<Vec<_>>().join(" ")
    });
    let ids = reports.iter().map(|report| report.id.as_str());
    let titles = reports.iter().map(|report| report.title.as_str());
    let columns: [(&str, ArrayRef); 3] = [
        ("report", Arc::new(StringArray::from_iter_values(ids))),
        ("title", Arc::new(StringArray::from_iter_values(titles))),
        ("params", Arc::new(StringArray::from_iter_values(params))),
    ];
    RecordBatch::try_from_iter(columns)
}
