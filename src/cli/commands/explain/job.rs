//! `flowq explain job`: a page about one job.

use std::sync::Arc;

use anyhow::anyhow;

use crate::cli::args::{ExplainJob, PageFormat};
use crate::cli::commands::detect::{MEMORY, coverage, detections, run_detections};
use crate::cli::commands::sql::incomplete;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::Messages;
use crate::cli::output::{Format, destination, sections};
use crate::cli::progress::ProgressLine;
use crate::cli::session::{configure, open};
use crate::explain::job::{Choice, JobReport, JobReportContext, choose};
use crate::reachability::escape::shell;

/// Runs the command.
pub(crate) async fn run(mut args: ExplainJob, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.read.quiet);
    let config = configure(&mut args.read)?;
    let usage = |what: &str| {
        let hint = format!("flowq explain job {} SOURCE… --inventory PATH", shell(&args.name));
        Failure::new(Exit::Usage, anyhow!("{what}")).with_hint(hint)
    };
    if args.read.inventory.is_empty() {
        return Err(usage("no --inventory: it knows the jobs and their interfaces"));
    }
    if args.read.sources.is_empty() {
        return Err(usage("no flow logs named"));
    }
    let detections = detections(&config, &args.queries, &[])?;
    let mut session = open(&args.read, &config, started.now, MEMORY, &say).await?;
    let job = choose(session.context.inventory(), &args.name).map_err(not_one)?;
    let line = ProgressLine::start(Arc::clone(&session.progress), say.quiet);
    session.engine.materialize_conversations().await?;
    let summary = session.engine.summary();
    let read = incomplete(&summary).map(|exit| session.exit(exit));
    if read.is_ok() {
        let outcome = run_detections(&session, &detections, &config, started.now).await?;
        let coverage = coverage(&session, &outcome, &detections).await?;
        let about = JobReportContext {
            job: &job,
            findings: &outcome.findings,
            coverage: coverage.of_job(&job.job_name),
            nat_price: config.prices.nat_gateway(job.region.as_deref()),
        };
        let query = async |sql: &str, params: &[_]| session.engine.rows(sql, params.to_vec()).await;
        let page = JobReport::make(&about, query).await.or_exit(Exit::Config)?;
        drop(line);
        let text = shown(&page, &args)?;
        match args.format {
            // JSON has its own way to write what cannot be seen.
            PageFormat::Json => destination::text(&text, args.output.as_deref())?,
            _ => destination::people(&text, args.output.as_deref())?,
        }
    }
    say.summary(&summary, started.at.elapsed());
    say.problems(&summary);
    session.close(say).await?;
    read
}

/// Why no one job is meant, and what to do.
fn not_one(choice: Choice) -> Failure {
    let hint = match &choice {
        Choice::Unknown { nearest: Some(near), .. } => format!("did you mean {near}?"),
        Choice::Unknown { .. } => {
            "flowq inventory show jobs --inventory PATH lists them".to_owned()
        }
        Choice::Several { .. } => {
            "name one of them, by its ARN where the names are the same".to_owned()
        }
        Choice::Pattern { .. } => "* stands for any text, ? for one character".to_owned(),
    };
    Failure::new(Exit::Usage, choice).with_hint(hint)
}

fn shown(page: &JobReport, args: &ExplainJob) -> Result<String, Failure> {
    Ok(match args.format {
        PageFormat::Json => {
            let page = page.json().or_exit(Exit::Output)?;
            format!("{}\n", serde_json::to_string_pretty(&page).or_exit(Exit::Output)?)
        }
        PageFormat::Markdown => page.markdown().or_exit(Exit::Output)?,
        PageFormat::Html => page.html().or_exit(Exit::Output)?,
        PageFormat::Table => table(page, args.output.is_none())?,
    })
}

fn table(page: &JobReport, fits: bool) -> Result<String, Failure> {
    // The name is as untrusted as what tables print.
    let mut text = format!("job {}\n", page.title.escape_debug());
    for part in &page.parts {
        text.push_str(&format!("\n{}\n", part.title));
        for note in &part.notes {
            text.push_str(&format!("  {}\n", note.replace(char::is_control, " ")));
        }
        if part.rows.num_rows() > 0 {
            let rows = [(part.id, part.rows.clone())];
            text.push_str(&sections(&rows, Format::Table, fits).or_exit(Exit::Output)?);
        }
    }
    Ok(text)
}
