//! What to look for: detections are SQL files, findings are their rows.
//!
//! A detection reads the views and tables of the engine; this room does not run SQL itself, it is handed
//! a function that does. The shape of a detection file is in `queries/README.md`.

pub mod answerable;
pub mod case;
pub mod coverage;
pub mod delivery_gaps;
pub mod finding;
pub mod finding_batch;
pub mod header;
pub mod ocsf;
pub mod runner;
pub mod suppression;
pub mod text_table;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

pub use answerable::{InterfaceLog, Unanswered};
pub use case::Case;
pub use coverage::Coverage;
use datafusion::scalar::ScalarValue;
pub use finding::{Confidence, Evidence, Finding, Severity};
pub use runner::{DetectionRun, NotRun};
pub use suppression::Suppression;

/// One question to the flow logs: a header and the SQL that answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// File name without `.sql`.
    pub id: String,
    /// One line that names the finding.
    pub title: String,
    /// Severity of a finding whose row gives none.
    pub severity: Severity,
    /// Severity that the user's configuration sets; it wins over the row's and the header's.
    pub severity_set: Option<Severity>,
    /// MITRE ATT&CK techniques: `T1048`.
    pub mitre: Vec<String>,
    /// What it looks for and why that matters.
    pub description: String,
    /// What to do about a finding whose row says nothing better.
    pub remediation: String,
    /// Columns of `flow_logs` without which it cannot run; `a|b` is satisfied by either.
    pub requires: Vec<String>,
    /// Actions of the records that it is about: a flow log without them cannot answer it. One that requires `action`
    /// and states none is about both.
    pub actions: Vec<String>,
    /// The longest aggregation interval with which its verdicts are as sure as they can be.
    pub aggregation_secs: Option<i64>,
    /// Columns of `flow_logs` that make its verdicts surer.
    pub improves: Vec<String>,
    /// Tables of the engine that must not be empty for it to run, and what to say where one is.
    pub needs: Vec<(String, String)>,
    /// Columns with which its best verdicts are strong; with none they are whenever it can run.
    pub strong: Vec<String>,
    /// Columns with which its best verdicts are proven; with none they never are.
    pub proven: Vec<String>,
    /// `$name` parameters of the SQL with their values, by name.
    pub params: Vec<(String, ScalarValue)>,
    /// The whole file, header included: it is valid SQL.
    pub sql: String,
}

/// Why a detection, or what came out of it, could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The header is not what `queries/README.md` describes.
    #[error("detection {id}: {problem}")]
    Header {
        /// The detection.
        id: String,
        /// What is wrong, with the line where that is known.
        problem: String,
    },
    /// Two files have the same id.
    #[error("detection {id} exists already: {path} needs another file name")]
    Duplicate {
        /// The id that both have.
        id: String,
        /// The second file.
        path: PathBuf,
    },
    /// A file or folder of detections could not be read.
    #[error("could not read {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No detection, or no parameter, has this name.
    #[error("unknown {what} {name}{}", hint(.nearest))]
    Unknown {
        /// What kind of thing was named.
        what: &'static str,
        /// The name that was given.
        name: String,
        /// The known name that is most like it.
        nearest: Option<String>,
    },
    /// A parameter or a severity has a value that it cannot have.
    #[error("{0}")]
    Value(String),
    /// The SQL failed.
    #[error("detection {id} failed")]
    Query {
        /// The detection.
        id: String,
        /// What the engine said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The SQL ran, but its rows are no findings.
    #[error("detection {id}: {problem}")]
    Rows {
        /// The detection.
        id: String,
        /// What is wrong with its columns or values.
        problem: String,
    },
    /// A cases file is not what `queries/README.md` describes.
    #[error("{file}: {problem}")]
    Cases {
        /// The cases file.
        file: String,
        /// What is wrong, with the case and line where that is known.
        problem: String,
    },
    /// Findings could not be written as a table.
    #[error("could not make a table of the findings")]
    Table(#[from] arrow::error::ArrowError),
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// The detections that come with flowq: id, SQL file, cases file.
const BUILT_IN: &[(&str, &str, &str)] = &[
    (
        "attempted-egress",
        include_str!("../../queries/detections/attempted-egress.sql"),
        include_str!("../../queries/detections/attempted-egress.cases.toml"),
    ),
    (
        "beaconing",
        include_str!("../../queries/detections/beaconing.sql"),
        include_str!("../../queries/detections/beaconing.cases.toml"),
    ),
    (
        "blocked-inter-container",
        include_str!("../../queries/detections/blocked-inter-container.sql"),
        include_str!("../../queries/detections/blocked-inter-container.cases.toml"),
    ),
    (
        "blocked-service",
        include_str!("../../queries/detections/blocked-service.sql"),
        include_str!("../../queries/detections/blocked-service.cases.toml"),
    ),
    (
        "cross-job-traffic",
        include_str!("../../queries/detections/cross-job-traffic.sql"),
        include_str!("../../queries/detections/cross-job-traffic.cases.toml"),
    ),
    (
        "dns-outside",
        include_str!("../../queries/detections/dns-outside.sql"),
        include_str!("../../queries/detections/dns-outside.cases.toml"),
    ),
    (
        "isolated-job-traffic",
        include_str!("../../queries/detections/isolated-job-traffic.sql"),
        include_str!("../../queries/detections/isolated-job-traffic.cases.toml"),
    ),
    (
        "log-gap",
        include_str!("../../queries/detections/log-gap.sql"),
        include_str!("../../queries/detections/log-gap.cases.toml"),
    ),
    (
        "new-destination",
        include_str!("../../queries/detections/new-destination.sql"),
        include_str!("../../queries/detections/new-destination.cases.toml"),
    ),
    (
        "port-scan",
        include_str!("../../queries/detections/port-scan.sql"),
        include_str!("../../queries/detections/port-scan.cases.toml"),
    ),
    (
        "remote-admin",
        include_str!("../../queries/detections/remote-admin.sql"),
        include_str!("../../queries/detections/remote-admin.cases.toml"),
    ),
    (
        "s3-endpoint-bypass",
        include_str!("../../queries/detections/s3-endpoint-bypass.sql"),
        include_str!("../../queries/detections/s3-endpoint-bypass.cases.toml"),
    ),
    (
        "slow-exfiltration",
        include_str!("../../queries/detections/slow-exfiltration.sql"),
        include_str!("../../queries/detections/slow-exfiltration.cases.toml"),
    ),
    (
        "unattributed-sagemaker-eni",
        include_str!("../../queries/detections/unattributed-sagemaker-eni.sql"),
        include_str!("../../queries/detections/unattributed-sagemaker-eni.cases.toml"),
    ),
    (
        "unencrypted-inter-container",
        include_str!("../../queries/detections/unencrypted-inter-container.sql"),
        include_str!("../../queries/detections/unencrypted-inter-container.cases.toml"),
    ),
    (
        "unexpected-egress",
        include_str!("../../queries/detections/unexpected-egress.sql"),
        include_str!("../../queries/detections/unexpected-egress.cases.toml"),
    ),
];

/// Returns the detections that come with flowq, sorted by id.
pub fn built_in() -> Result<Vec<Detection>, Error> {
    BUILT_IN.iter().map(|(id, sql, _)| Detection::parse(id, sql)).collect()
}

/// Returns the text of the cases file of a built-in detection.
pub fn built_in_cases(id: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, ..)| *known == id).map(|(_, _, cases)| *cases)
}

/// Reads every `*.sql` file of a folder, sorted by id, and adds it to `detections`.
///
/// # Errors
///
/// [`Error::Duplicate`] when an id is taken, so that a user's file never replaces another silently: a
/// built-in one is switched off in `flowq.toml` instead. [`Error::Io`] and [`Error::Header`] as they come.
pub fn load(dir: &Path, detections: &mut Vec<Detection>) -> Result<(), Error> {
    let failed = |source| Error::Io { path: dir.to_owned(), source };
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            paths.insert(path);
        }
    }
    for path in paths {
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(Error::Io { path, source }),
        };
        if detections.iter().any(|known| known.id == id) {
            return Err(Error::Duplicate { id, path });
        }
        detections.push(Detection::parse(&id, &text)?);
    }
    detections.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(())
}

/// Returns the detection with this id.
///
/// # Errors
///
/// [`Error::Unknown`], with the nearest id.
pub fn find<'a>(detections: &'a mut [Detection], id: &str) -> Result<&'a mut Detection, Error> {
    let ids: Vec<String> = detections.iter().map(|known| known.id.clone()).collect();
    detections
        .iter_mut()
        .find(|known| known.id == id)
        .ok_or_else(|| unknown("detection", id, ids.iter().map(String::as_str)))
}

/// Returns an [`Error::Unknown`] that names the known name most like `name`.
pub fn unknown<'a>(
    what: &'static str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Error {
    let nearest = crate::diagnostics::nearest(name, known).map(str::to_owned);
    Error::Unknown { what, name: name.to_owned(), nearest }
}
