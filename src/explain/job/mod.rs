//! A page about one job: its configuration, interfaces, traffic, findings, and what the logs do not show of it.

mod charts;
mod html;
mod lookup;
mod markdown;
mod summary;
#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
pub use charts::{STATES, state_tone};
use datafusion::scalar::ScalarValue;
pub use lookup::{Choice, choose};
use serde_json::{Map, Value, json};

use crate::detection::Finding;
use crate::inventory::model::Job;

/// A part of the page: its id, its title, and the SQL that fills it. All take `$name` and `$arn`.
const PARTS: &[(&str, &str, &str)] = &[
    (
        "interfaces",
        "Interfaces, and why they are this job's",
        include_str!("../../../queries/explain/interfaces.sql"),
    ),
    (
        "between_instances",
        "Traffic between the instances",
        include_str!("../../../queries/explain/matrix.sql"),
    ),
    (
        "beyond_the_job",
        "Traffic beyond the job, S3 apart",
        include_str!("../../../queries/explain/beyond.sql"),
    ),
    ("s3", "S3, by the way that the bytes took", include_str!("../../../queries/explain/s3.sql")),
    (
        "coverage",
        "What the log shows of the interfaces",
        include_str!("../../../queries/explain/coverage.sql"),
    ),
];

/// Most rows of a part; the SQL stops there too.
const ROWS_MAX: usize = 500;

/// A page about a job.
#[derive(Debug, Clone)]
pub struct JobReport {
    /// The name of the job.
    pub title: String,
    /// Its parts, in reading order.
    pub parts: Vec<ReportSection>,
}

/// A part of a page: rows and the notes beside them.
#[derive(Debug, Clone)]
pub struct ReportSection {
    /// Its name in JSON.
    pub id: &'static str,
    /// Its name for people.
    pub title: String,
    /// Sentences that belong to it.
    pub notes: Vec<String>,
    /// Its rows.
    pub rows: RecordBatch,
}

/// What a page needs beside the records.
#[derive(Debug, Clone)]
pub struct JobReportContext<'a> {
    /// The job.
    pub job: &'a Job,
    /// All findings of the run; those of other jobs are left out.
    pub findings: &'a [Finding],
    /// What the run could not see, as lines; it is of all jobs.
    pub coverage: Vec<String>,
    /// What a NAT gateway takes for a GB in the region of the job. `None`: no price is set.
    pub nat_price: Option<f64>,
}

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The SQL of a part failed.
    #[error("could not fill the part {part}")]
    Query {
        /// The part.
        part: &'static str,
        /// The error of the engine.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Arrow refused rows.
    #[error("could not make the rows of the page")]
    Rows(#[from] ArrowError),
}

impl JobReport {
    /// Makes the page; `query` runs SQL over materialized conversations, so no part reads the logs.
    pub async fn make<E>(
        about: &JobReportContext<'_>,
        query: impl AsyncFn(&str, &[(String, ScalarValue)]) -> Result<Vec<RecordBatch>, E>,
    ) -> Result<Self, Error>
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let text = |text: &str| ScalarValue::Utf8(Some(text.to_owned()));
        let job = about.job;
        let params = [
            ("name".to_owned(), text(&job.job_name)),
            ("arn".to_owned(), text(job.job_arn.as_deref().unwrap_or_default())),
            ("nat_price".to_owned(), ScalarValue::Float64(about.nat_price)),
        ];
        let mut parts = vec![summary::part(job)?];
        for (id, title, sql) in PARTS {
            let given = if sql.contains("$nat_price") { &params[..] } else { &params[..2] };
            let failed = |source| Error::Query { part: id, source };
            let batches = query(sql, given).await.map_err(|error| failed(error.into()))?;
            let schema = batches.first().map(RecordBatch::schema);
            let schema = schema.unwrap_or_else(|| Arc::new(arrow::datatypes::Schema::empty()));
            let rows = concat_batches(&schema, &batches)?;
            let mut part =
                ReportSection { id, title: (*title).to_owned(), notes: Vec::new(), rows };
            part.notes = about.notes(&part);
            parts.push(part);
        }
        // What was found stands above what could not be seen.
        parts.insert(parts.len() - 1, about.findings()?);
        Ok(Self { title: job.job_name.clone(), parts })
    }

    /// The page as one JSON object: each part with its rows and notes.
    pub fn json(&self) -> Result<Value, ArrowError> {
        let mut page = Map::new();
        page.insert("job".to_owned(), json!(self.title));
        for part in &self.parts {
            let mut writer = arrow::json::WriterBuilder::new()
                .with_explicit_nulls(true)
                .build::<_, arrow::json::writer::JsonArray>(Vec::new());
            writer.write(&part.rows)?;
            writer.finish()?;
            let rows: Value = serde_json::from_slice(&writer.into_inner())
                .map_err(|error| ArrowError::JsonError(error.to_string()))?;
            let rows = if rows.is_null() { json!([]) } else { rows };
            page.insert(part.id.to_owned(), json!({ "rows": rows, "notes": part.notes }));
        }
        Ok(Value::Object(page))
    }

    /// The page as Markdown; nothing that was logged or named is read as Markdown.
    pub fn markdown(&self) -> Result<String, ArrowError> {
        markdown::page(self)
    }

    /// The page as HTML that needs no other file; nothing that was logged or named is read as HTML.
    pub fn html(&self) -> Result<String, ArrowError> {
        html::page(self)
    }
}

impl JobReportContext<'_> {
    /// The notes beside a part.
    fn notes(&self, part: &ReportSection) -> Vec<String> {
        let rows = part.rows.num_rows();
        let mut notes = Vec::new();
        match part.id {
            "interfaces" if rows == 0 && self.job.in_vpc == Some(false) => notes.push(
                "the job has no VpcConfig: it has no interface in the VPC, and no flow log shows its traffic"
                    .to_owned(),
            ),
            "interfaces" if rows == 0 => notes.push(
                "no interface is known to be this job's: its traffic is not known".to_owned(),
            ),
            "between_instances" if rows == 0 => {
                notes.push("no record between two interfaces of this job".to_owned());
            }
            "between_instances" => notes.push(
                "silent: two interfaces of the job without any record between them".to_owned(),
            ),
            "s3" if rows > 0 => notes.push(match (self.nat_price, &self.job.region) {
                (Some(price), _) => format!(
                    "nat_cost: at {price} for each GB (10⁹ bytes) through a NAT gateway (flowq.toml)"
                ),
                (None, region) => format!(
                    "no price set for {}: set nat-gateway under [prices] in flowq.toml to see the cost of NAT",
                    region.as_deref().unwrap_or("the region of the job")
                ),
            }),
            "s3" | "beyond_the_job" if rows == 0 => notes.push("no record".to_owned()),
            "coverage" => notes.extend(self.coverage.iter().cloned()),
            _ => {}
        }
        if rows >= ROWS_MAX {
            notes.push(format!("only the first {ROWS_MAX} rows are here"));
        }
        notes
    }

    /// The findings of the job, or of an interface that may be its.
    fn findings(&self) -> Result<ReportSection, ArrowError> {
        let job = self.job;
        let is_mine = |finding: &&Finding| match (&finding.job_arn, &job.job_arn) {
            (Some(one), Some(other)) => one == other,
            _ => {
                finding.job_name.as_ref() == Some(&job.job_name)
                    || finding.job_candidates.contains(&job.job_name)
            }
        };
        let mine: Vec<&Finding> = self.findings.iter().filter(is_mine).collect();
        let text = |field: &dyn Fn(&Finding) -> Option<String>| -> ArrayRef {
            Arc::new(mine.iter().map(|finding| field(finding)).collect::<StringArray>())
        };
        let rows = RecordBatch::try_from_iter_with_nullable([
            ("severity", text(&|f| Some(f.severity.to_string())), true),
            ("detection", text(&|f| Some(f.detection.clone())), true),
            ("confidence", text(&|f| Some(f.confidence.to_string())), true),
            ("reason", text(&|f| f.reason.clone()), true),
            ("cause", text(&|f| f.cause.clone()), true),
            ("to_do", text(&|f| f.remediation.clone()), true),
            ("finding_id", text(&|f| Some(f.finding_id.clone())), true),
        ])?;
        let mut notes = Vec::new();
        if mine.is_empty() {
            notes.push("none; what could not be judged stands below".to_owned());
        }
        if mine.iter().any(|finding| !finding.job_candidates.is_empty()) {
            notes.push("some may be another job's: several jobs fit their interface".to_owned());
        }
        Ok(ReportSection { id: "findings", title: "Findings".to_owned(), notes, rows })
    }
}

/// The values of rows as text; NULL is nothing.
fn cells(rows: &RecordBatch) -> Result<Vec<Vec<String>>, ArrowError> {
    let time = Some("%Y-%m-%dT%H:%M:%SZ");
    let options = FormatOptions::new().with_timestamp_tz_format(time).with_timestamp_format(time);
    let columns = rows.columns().iter();
    let columns: Vec<(&ArrayRef, ArrayFormatter<'_>)> = columns
        .map(|column| Ok((column, ArrayFormatter::try_new(column.as_ref(), &options)?)))
        .collect::<Result<_, ArrowError>>()?;
    let cell = |row: usize, (column, text): &(&ArrayRef, ArrayFormatter<'_>)| {
        if column.is_null(row) { Ok(String::new()) } else { text.value(row).try_to_string() }
    };
    let rows = 0..rows.num_rows();
    rows.map(|row| columns.iter().map(|column| cell(row, column)).collect()).collect()
}
