//! `flowq coverage`: log coverage per interface and minute, and which detections can run.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::anyhow;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampSecondArray};
use arrow::compute::concat_batches;
use arrow::error::ArrowError;

use crate::cli::args::{Coverage, CoverageFormat, Part};
use crate::cli::commands::detect::{MEMORY, coverage, detections, not_judged};
use crate::cli::commands::sql::incomplete;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::{Messages, number};
use crate::cli::output::{Format, destination, sections};
use crate::cli::progress::ProgressLine;
use crate::cli::session::{OpenOptions, Session, configure, open_with};
use crate::detection;
use crate::detection::answerable::OfQuestion;
use crate::detection::delivery_gaps::{FlowLogDeliveries, Span};
use crate::detection::{Detection, DetectionRun, NotRun};
use crate::engine::{ObjectRead, ObjectSink, no_params};
use crate::scan::Share;
use crate::source::Split;

/// The runs of minutes of each interface.
const RUNS: &str = include_str!("../../../queries/coverage/runs.sql");

/// The minutes of each interface.
const BY_MINUTE: &str = include_str!("../../../queries/coverage/by-minute.sql");

/// Runs the command.
pub(crate) async fn run(mut args: Coverage, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.read.quiet);
    let config = configure(&mut args.read)?;
    if args.read.sources.is_empty() {
        let hint =
            "flowq coverage SOURCE… --inventory PATH; a folder, files, a quoted glob, s3://…, or -";
        return Err(Failure::new(Exit::Usage, anyhow!("no flow logs named")).with_hint(hint));
    }
    let detections = detections(&config, &args.queries, &[])?;
    if args.read.inventory.is_empty() {
        say.warn("no --inventory: without interfaces and jobs no record can be tied to a job");
    }
    let (delivered, objects) = count_deliveries();
    let opening = OpenOptions { objects: Some(objects), ..OpenOptions::default() };
    let mut session = open_with(&args.read, &config, started.now, MEMORY, opening, &say).await?;
    let line = ProgressLine::start(Arc::clone(&session.progress), say.quiet);
    session.engine.materialize_conversations().await?;
    let summary = session.engine.summary();
    let read = incomplete(&summary).map(|exit| session.exit(exit));
    let deliveries = delivered.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let outcome = unanswered(&session, &detections, &summary.columns).await?;
    let coverage = coverage(&session, &outcome, &detections).await?;
    if read.is_ok() {
        let default = (args.format == CoverageFormat::Csv).then_some(Part::Interfaces);
        let choice = (args.only.or(default), args.by_minute);
        let parts = parts(&session, &detections, (&deliveries, &coverage), choice).await?;
        drop(line);
        write(&parts, &args)?;
    }
    tell(&session, &coverage, &deliveries, say, started);
    session.close(say).await?;
    let exit = read?;
    if summary.objects_listed > 0 {
        not_judged(&coverage)?;
    }
    Ok(exit)
}

/// The deliveries of flow logs, and what counts them while objects are read.
pub(crate) fn count_deliveries() -> (Arc<Mutex<FlowLogDeliveries>>, Arc<ObjectSink>) {
    let deliveries = Arc::new(Mutex::new(FlowLogDeliveries::default()));
    let counted = Arc::clone(&deliveries);
    let objects = move |split: &Split, read: ObjectRead| {
        let name = &split.name;
        let flow_log = name.flow_log_id.as_deref().zip(name.ends.map(|(first, _)| first));
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.add(flow_log, read.summary.records());
    };
    (deliveries, Arc::new(objects))
}

/// Which questions cannot be answered, and why.
async fn unanswered(
    session: &Session,
    detections: &[Detection],
    columns: &BTreeSet<String>,
) -> Result<DetectionRun, Failure> {
    let query = async |sql: &str, params: &[_]| session.engine.rows(sql, params.to_vec()).await;
    let mut outcome = DetectionRun::default();
    for detection in detections {
        let obstacle = detection::runner::blocker(detection, columns, query).await;
        outcome.not_run.extend(obstacle.or_exit(Exit::Config)?);
    }
    Ok(outcome)
}

/// The parts of the coverage, or the only one that is asked for, each with its name and its rows.
pub(crate) async fn parts(
    session: &Session,
    detections: &[Detection],
    (deliveries, coverage): (&FlowLogDeliveries, &detection::Coverage),
    (only, by_minute): (Option<Part>, bool),
) -> Result<Vec<(&'static str, RecordBatch)>, Failure> {
    let is_selected = |part: Part| only.is_none_or(|only| only == part);
    let mut parts = Vec::new();
    if is_selected(Part::Interfaces) {
        let sql = if by_minute { BY_MINUTE } else { RUNS };
        let rows = session.engine.query(sql, no_params()).await?;
        let schema = rows.schema();
        let batches: Vec<RecordBatch> = futures::TryStreamExt::try_collect(rows).await?;
        parts.push(("interfaces", concat_batches(&schema, &batches).or_exit(Exit::Output)?));
    }
    if is_selected(Part::FlowLogs) {
        let known = &session.context.inventory().flow_logs;
        let aggregation = |id: &str| {
            let log = known.iter().find(|log| log.flow_log_id == id)?;
            log.max_aggregation_secs.map(i64::from)
        };
        let spans = deliveries.spans(aggregation);
        parts.push(("flow_logs", flow_logs(&spans).or_exit(Exit::Output)?));
    }
    let shares = session.engine.summary().shares();
    // Most logs have no such interface: then it is a part only for those who ask for it.
    if only == Some(Part::Chosen) || (is_selected(Part::Chosen) && !shares.is_empty()) {
        parts.push(("chosen", chosen(&shares).or_exit(Exit::Output)?));
    }
    if is_selected(Part::Questions) {
        let columns = session.engine.summary().columns;
        let rows = questions(detections, coverage, &columns);
        parts.push(("questions", rows.or_exit(Exit::Output)?));
    }
    Ok(parts)
}

fn flow_logs(spans: &[Span]) -> Result<RecordBatch, ArrowError> {
    let text = |field: fn(&Span) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(spans.iter().map(field)))
    };
    let time = |field: fn(&Span) -> i64| -> ArrayRef {
        let times = TimestampSecondArray::from_iter_values(spans.iter().map(field));
        Arc::new(times.with_timezone("UTC"))
    };
    let count = |field: fn(&Span) -> u64| -> ArrayRef {
        let counts = spans.iter().map(|span| i64::try_from(field(span)).unwrap_or(i64::MAX));
        Arc::new(Int64Array::from_iter_values(counts))
    };
    RecordBatch::try_from_iter([
        ("flow_log_id", text(|span| &span.flow_log_id)),
        ("state", text(|span| span.state)),
        ("from", time(|span| span.from)),
        ("to", time(|span| span.to)),
        ("objects", count(|span| span.objects)),
        ("records", count(|span| span.records)),
        ("others_delivered", count(|span| span.others as u64)),
    ])
}

/// Which flow log was chosen for each interface that several record, and what the others gave.
fn chosen(shares: &[Share]) -> Result<RecordBatch, ArrowError> {
    let text = |field: fn(&Share) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(shares.iter().map(field)))
    };
    let count = |field: fn(&Share) -> u64| -> ArrayRef {
        let counts = shares.iter().map(|share| i64::try_from(field(share)).unwrap_or(i64::MAX));
        Arc::new(Int64Array::from_iter_values(counts))
    };
    RecordBatch::try_from_iter([
        ("interface_id", text(|share| &share.interface_id)),
        ("flow_log_id", text(|share| &share.flow_log_id)),
        ("use", text(|share| if share.is_chosen { "chosen" } else { "fills gaps" })),
        ("traffic_type", text(|share| share.traffic_type.as_str())),
        ("field_score", count(|share| u64::from(share.field_score))),
        ("records_counted", count(|share| share.counted)),
        ("records_left_out", count(|share| share.left_out)),
    ])
}

/// Which question can be answered, how surely at best, and what would make it surer.
fn questions(
    detections: &[Detection],
    coverage: &detection::Coverage,
    columns: &BTreeSet<String>,
) -> Result<RecordBatch, ArrowError> {
    let row = |detection: &Detection| {
        let not_run = coverage.not_run.iter().find(|not_run| not_run.id == detection.id);
        let unanswered = OfQuestion::new(&coverage.unanswered, &detection.id);
        let interfaces: BTreeSet<&str> =
            coverage.logs.iter().map(|log| log.interface_id.as_str()).collect();
        let is_open = unanswered.interfaces.len() < interfaces.len() || unanswered.in_part;
        let answers = not_run.is_none() && (unanswered.interfaces.is_empty() || is_open);
        let tier = detection.tier(columns).filter(|_| answers);
        let missing = |is_selected: &[String]| Detection::missing(is_selected, columns);
        let mut raise = missing(&detection.requires);
        for column in [&detection.proven, &detection.strong, &detection.improves] {
            raise.extend(missing(column));
        }
        let mut seen = BTreeSet::new();
        raise.retain(|column| seen.insert(column.clone()));
        [
            detection.id.clone(),
            tier.map_or_else(|| "not".to_owned(), |tier| tier.to_string()),
            raise.join(", "),
            not_run.map_or_else(|| unanswered.why(), NotRun::why),
            unanswered.interfaces.len().to_string(),
        ]
    };
    let rows: Vec<[String; 5]> = detections.iter().map(row).collect();
    let column = |at: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row[at])))
    };
    RecordBatch::try_from_iter([
        ("question", column(0)),
        ("answered_at_best", column(1)),
        ("raised_by_fields", column(2)),
        ("why_not", column(3)),
        ("interfaces_not_answered", column(4)),
    ])
}

fn write(parts: &[(&'static str, RecordBatch)], args: &Coverage) -> Result<(), Failure> {
    let format = match args.format {
        CoverageFormat::Table => Format::Table,
        CoverageFormat::Json => Format::Json,
        CoverageFormat::Csv => Format::Csv,
        CoverageFormat::Markdown => Format::Markdown,
    };
    let text = sections(parts, format, args.output.is_none()).or_exit(Exit::Output)?;
    destination::text(&text, args.output.as_deref())
}

/// Says beside the rows what they come to, what else cannot be seen, and what was read.
fn tell(
    session: &Session,
    coverage: &detection::Coverage,
    deliveries: &FlowLogDeliveries,
    say: Messages<'_>,
    started: Invocation,
) {
    let summary = session.engine.summary();
    say.note("coverage:");
    for line in coverage.lines() {
        say.note(&format!("  {line}"));
    }
    if deliveries.nameless() > 0 {
        say.note(&format!(
            "  names of {} objects do not identify their flow log: its delivery times are not known",
            number(deliveries.nameless())
        ));
    }
    say.summary(&summary, started.at.elapsed());
    if say.quiet {
        say.problems(&summary);
    }
}
