//! The reports that flowq brings along: `queries/reports/*.sql`.

use crate::query::params::{QueryFileError, ReportQuery};

/// Id and text of every report: flowq's own, then the equivalents of AWS's sample queries.
#[rustfmt::skip]
const REPORTS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/reports.rs"));

/// Returns every report, flowq's own first.
///
/// # Errors
///
/// When the header of one is wrong.
pub fn reports() -> Result<Vec<ReportQuery>, QueryFileError> {
    REPORTS.iter().map(|(id, text)| ReportQuery::parse(id, text)).collect()
}

#[cfg(test)]
mod tests;
