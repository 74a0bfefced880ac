//! Reads one Parquet object into batches.

use datafusion::common::{DataFusionError, Result};
use futures::StreamExt as _;

use crate::flow::field::{LINE, OBJECT};
use crate::flow::parquet::{ParquetRequest, Tally};
use crate::flow::{Malformed, MalformedLine, parquet};
use crate::scan::batch_output::BatchOutput;
use crate::scan::error::{ObjectError, ScanStop, object, unopened};
use crate::scan::registry::ScanCounters;
use crate::scan::task::ScanTask;
use crate::scan::work_queue::WorkUnit;

/// How many malformed rows of an object are shown when not all of them are requested.
const MALFORMED_MAX: usize = 10;

/// Reads the row groups, columns and rows of a part of a Parquet object that the scan needs.
pub(crate) async fn read_parquet(
    job: &ScanTask,
    unit: &WorkUnit<'_>,
    scan: &ScanCounters,
    output: &mut BatchOutput,
) -> std::result::Result<(), ScanStop> {
    let split = unit.split;
    let reader = job.source.open_random_access(split).await.map_err(unopened)?;
    let request = ParquetRequest {
        object: split.id.clone(),
        lake: split.fields.as_ref().map(|(_, extra)| std::sync::Arc::clone(extra)),
        layout: job.plan.layout,
        schema: std::sync::Arc::clone(&job.plan.schema),
        filter: job.plan.filter.clone(),
        part: unit.part,
        validate_all: job.plan.validate_all,
        batch_rows: job.plan.batch_rows,
        malformed_max: if job.plan.keep_all_malformed { usize::MAX } else { MALFORMED_MAX },
    };
    let mut reading = parquet::read(reader, request).await.map_err(object)?;
    let tally = reading.tally();
    // Two columns are flowq's own: no log has them.
    let columns = reading.format.columns.iter().map(|(name, _)| name);
    let columns: Vec<String> =
        columns.filter(|name| *name != OBJECT && *name != LINE).cloned().collect();
    let mut result = Ok(());
    while let Some(batch) = reading.batches.next().await {
        result = match batch {
            Ok(batch) => output.send(&batch).await,
            Err(error) => Err(object(error)),
        };
        if result.is_err() {
            break;
        }
    }
    let tally = tally();
    job.options.progress.add_bytes(unit.part.share(split.size_bytes.unwrap_or(0)));
    job.options.progress.add_records(tally.rows);
    let malformed = malformed(&split.id, &tally);
    let fault = malformed.first.first().cloned();
    report(job, &malformed)?;
    let same = reading.format.layout == job.plan.layout;
    scan.update(|summary| {
        if same {
            let late = columns.iter().filter(|name| !job.has_column(name)).cloned();
            summary.late_columns.extend(late);
            let has = |column: &str| columns.iter().any(|name| name == column);
            summary.add_untimed(&job.plan.filter, has);
            summary.columns.extend(columns);
        }
        // A file that failed, or was not read to its end: its footer counts more rows than were read.
        let records = tally.ok + tally.nodata + tally.skipdata + tally.other + tally.other_layout;
        summary.lines += records + tally.malformed + tally.pruned;
        summary.ok += tally.ok;
        summary.nodata += tally.nodata;
        summary.skipdata += tally.skipdata;
        summary.other += tally.other;
        summary.other_layout += tally.other_layout;
        summary.rows_pruned += tally.pruned;
        summary.malformed.merge(malformed);
    });
    result?;
    match fault.filter(|_| job.options.strict) {
        Some(line) => {
            Err(ObjectError::lasting(format!("row {}: {}: {}", line.line, line.reason, line.text)))
        }
        None => Ok(()),
    }
}

fn report(job: &ScanTask, malformed: &Malformed) -> Result<(), DataFusionError> {
    job.report_malformed(&malformed.first)
}

/// Rows whose values do not fit their columns, in the words that text lines are counted in.
fn malformed(object: &str, tally: &Tally) -> Malformed {
    let mut malformed = Malformed::default();
    malformed.by_reason.clone_from(&tally.by_reason);
    let line = |row: &parquet::MalformedRow| MalformedLine {
        object: object.to_owned(),
        line: u64::try_from(row.line).unwrap_or(0),
        reason: row.reason,
        text: format!("{} = {}", row.column, row.text),
    };
    malformed.first = tally.first.iter().map(line).collect();
    malformed
}
