//! What an alert reads like, and how it is made to fit.

use crate::alert::tests::finding;
use crate::alert::{Alert, AlertReason, PreviousAlert, message};
use crate::detection::{Evidence, Severity};

#[test]
fn people_read_who_what_and_why() {
    let mut finding = finding("f", Severity::High, 52_000);
    finding.reason = Some("the job talked to 198.51.100.7".into());
    let previous = PreviousAlert { severity: Severity::Low, bytes: 9 };
    let alert = Alert::new(&finding, 2, AlertReason::Severity, Some(previous), 1_773_130_000);
    assert_eq!(
        message::headline(&alert),
        "HIGH unexpected-egress: A job talked to somebody (job flowq-test, us-east-1)"
    );
    let details = message::details(&alert);
    for part in [
        "what: 192.0.2.10 → 198.51.100.7 (internet) port 443 TCP; 2 records, 52000 bytes out, 0 in; 2026-03-10T08:05:40Z to ",
        "reason: the job talked to 198.51.100.7",
        "sent again: it was low before",
        "evidence: s3://flowq-test/sample.log.gz:1",
    ] {
        assert!(details.contains(part), "{details}");
    }
    assert!(message::headline(&Alert::sample(0)).starts_with("[flowq test] "));
}

#[test]
fn what_is_too_large_loses_evidence_first_and_says_so() {
    let mut fat = finding("f", Severity::High, 1);
    let record = |line| Evidence { start: Some(1), object: "o".repeat(5_000), line: Some(line) };
    fat.evidence = (1..=5).map(record).collect();
    let alert = Alert::new(&fat, 1, AlertReason::New, None, 1);
    let whole = message::json_within(&alert, 100_000);
    assert!(!whole.contains("left_out"), "{whole}");

    let fitted = message::json_within(&alert, 10_000);
    assert!(fitted.len() <= 10_000);
    let read: Alert = serde_json::from_str(&fitted).unwrap();
    assert_eq!(read.left_out.as_deref(), Some("4 records of the evidence"));
    assert_eq!(read.finding.evidence.len(), 1);

    fat.job_candidates = (0..9000).map(|at| format!("job-{at}")).collect();
    fat.reason = Some("r".repeat(400_000));
    let fitted = message::json_within(&Alert::new(&fat, 1, AlertReason::New, None, 1), 20_000);
    assert!(fitted.len() <= 20_000, "{}", fitted.len());
    let read: Alert = serde_json::from_str(&fitted).unwrap();
    let left = read.left_out.unwrap();
    assert_eq!(
        left,
        "4 records of the evidence, 8990 candidates for the job, the ends of long texts"
    );
    assert!(read.finding.reason.unwrap().ends_with('…'));
}

#[test]
fn a_text_is_cut_between_characters() {
    assert_eq!(message::cut("äöü", 3), "äöü");
    assert_eq!(message::cut("äöü", 2), "ä…");
}
