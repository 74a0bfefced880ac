mod config;
mod outbox;
mod partly;
mod receiver;
mod telling;
mod web;
mod writing;

use crate::alert::Alert;
use crate::alert::model::bytes;
use crate::detection::{Finding, Severity};

/// A finding of this name, so bad and so large.
pub(super) fn finding(id: &str, severity: Severity, bytes_out: i64) -> Finding {
    Finding {
        finding_id: id.to_owned(),
        detection: "unexpected-egress".to_owned(),
        title: "A job talked to somebody".to_owned(),
        severity,
        bytes_out: Some(bytes_out),
        bytes_in: None,
        ..Alert::sample(1_773_130_000).finding
    }
}

#[test]
fn an_alert_is_read_back_as_it_was_written() {
    let finding = finding("f", Severity::High, 7);
    let alert = Alert::new(&finding, 3, crate::alert::AlertReason::Bytes, None, 1_773_130_000);
    let text = serde_json::to_string(&alert).unwrap();
    assert_eq!(serde_json::from_str::<Alert>(&text).unwrap(), alert);
    assert!(text.starts_with("{\"alert_id\":"), "{text}");
    assert_eq!(bytes(&alert.finding), 7);
}
