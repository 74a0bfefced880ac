//! A finding is sent when the rule requires it, and at no other time.

use proptest::prelude::*;

use crate::alert::model::bytes;
use crate::alert::sent_memory::SentMemory;
use crate::alert::tests::finding;
use crate::alert::{Alert, AlertReason};
use crate::detection::Severity;

/// Told so far, as the contract words it: highest severity and most bytes.
fn is_due(sent: Option<(Severity, i64)>, severity: Severity, bytes: i64) -> bool {
    match sent {
        None => true,
        Some((high, most)) => severity > high || (bytes >= 10 * most.max(1)),
    }
}

proptest! {
    #[test]
    fn told_exactly_when_the_rule_says(
        seen in prop::collection::vec((0..5usize, 0..6u32, 0..10i64, 0..4usize), 1..60)
    ) {
        let mut memory = SentMemory::default();
        let mut sent = [None; 4];
        let mut ids = std::collections::BTreeSet::new();
        for (at, (severity, power, digit, which)) in seen.into_iter().enumerate() {
            let severity = Severity::ALL[severity];
            let finding = finding(&which.to_string(), severity, digit * 10_i64.pow(power));
            let size = bytes(&finding);
            let alert = memory.next_alert(&finding, at as i64);
            prop_assert_eq!(alert.is_some(), is_due(sent[which], severity, size));
            if let Some(alert) = alert {
                prop_assert!(ids.insert(alert.alert_id.clone()), "an id twice");
                prop_assert!(memory.mark_sent(&alert));
                prop_assert!(!memory.mark_sent(&alert), "counted twice");
                let (high, most) = sent[which].unwrap_or((severity, size));
                sent[which] = Some((high.max(severity), most.max(size)));
                prop_assert!(memory.next_alert(&finding, at as i64).is_none(), "sent twice");
            }
        }
    }
}

#[test]
fn why_it_is_told_again_stands_in_the_alert() {
    let mut memory = SentMemory::default();
    let mut step = |severity, bytes| -> Option<Alert> {
        let alert = memory.next_alert(&finding("f", severity, bytes), 5)?;
        memory.mark_sent(&alert);
        Some(alert)
    };
    let first = step(Severity::Low, 100).unwrap();
    assert_eq!((first.why, first.sequence, first.previous), (AlertReason::New, 1, None));
    assert_eq!(step(Severity::Low, 999), None);
    let grown = step(Severity::Low, 1000).unwrap();
    assert_eq!((grown.why, grown.sequence), (AlertReason::Bytes, 2));
    assert_eq!(grown.previous.unwrap().bytes, 100);
    let worse = step(Severity::High, 1200).unwrap();
    assert_eq!((worse.why, worse.sequence), (AlertReason::Severity, 3));
    assert_ne!(worse.alert_id, grown.alert_id);
    // It sank, and rose to the value of the last alert.
    assert_eq!(step(Severity::Low, 10), None);
    assert_eq!(step(Severity::High, 1200), None);
}

#[test]
fn what_was_neither_seen_nor_told_for_long_is_forgotten() {
    let mut memory = SentMemory::default();
    let old = finding("old", Severity::Low, 1);
    let alert = memory.next_alert(&old, 2_000_000_000).unwrap();
    memory.mark_sent(&alert);
    assert!(!memory.forget(2_000_000_000), "it was sent just then");
    assert!(memory.forget(2_000_000_001));
    assert_eq!(memory.step("old"), 0);
}
