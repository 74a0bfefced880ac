//! The reports that flowq brings along: `queries/reports/*.sql`.

use crate::query::params::{QueryFileError, ReportQuery};

macro_rules! report {
    ($id:literal) => {
        ($id, include_str!(concat!("../../queries/reports/", $id, ".sql")))
    };
}

/// Id and text of every report: flowq's own, then the equivalents of AWS's sample queries.
#[rustfmt::skip]
const REPORTS: &[(&str, &str)] = &[
    report!("egress-by-service"),
    report!("inter-container-matrix"),
    report!("job-traffic"),
    report!("nat-gateway-bytes"),
    report!("ports-by-job"),
    report!("records-by-status-per-hour"),
    report!("rejected-traffic"),
    report!("s3-bytes-by-path"),
    report!("top-talkers"),
    report!("traffic-by-job-and-destination"),
    report!("athena-accepted-traffic"),
    report!("athena-admin-port-traffic"),
    report!("athena-https-servers"),
    report!("athena-ipv4-traffic"),
    report!("athena-ipv6-traffic"),
    report!("athena-rejected-tcp-traffic"),
    report!("athena-rejected-traffic"),
    report!("athena-ssh-rdp-traffic"),
    report!("athena-top-talkers"),
    report!("athena-top-talkers-packet-level"),
    report!("athena-top-talking-instances"),
    report!("athena-top-talking-subnets"),
    report!("athena-top-tcp-traffic"),
    report!("athena-total-bytes-transferred"),
    report!("athena-total-bytes-transferred-packet-level"),
    report!("athena-traffic-from-address"),
    report!("athena-traffic-to-address"),
    report!("insights-nat-gateway-senders"),
    report!("insights-one-record-per-connection"),
    report!("insights-skipped-records-per-hour"),
    report!("insights-top-byte-transfers-for-subnet"),
    report!("insights-top-packet-transfers"),
    report!("insights-udp-senders"),
];

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
