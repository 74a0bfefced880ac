//! A detection: the header and the SQL of one file.

use datafusion::scalar::ScalarValue;

use crate::detection::severity::Severity;

/// A detection file: its header, and the SQL whose rows are findings.
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
