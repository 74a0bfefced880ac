use proptest::prelude::*;

use super::*;
use crate::inventory::deduplicate::drop_repeats;
use crate::inventory::fact::Facts;
use crate::inventory::parquet;
use crate::inventory::tests::order::everything;

/// A snapshot of the state that some numbers stand for: few states, so that many snapshots are equal.
fn snapshot(at: i64, state: &[u8]) -> Vec<Value> {
    let enis: Vec<Value> = state
        .iter()
        .enumerate()
        .filter(|(_, state)| **state > 0)
        .map(|(index, state)| {
            let address = format!("10.0.{index}.{state}");
            described(&format!("eni-{index}"), &[&address])
        })
        .collect();
    let on = state.first().is_some_and(|state| *state == 1);
    vec![
        listing(at, &enis),
        json!({ "CollectedAt": at, "VpcId": "vpc-a", "EnableDnsSupport": { "Value": on } }),
        json!({ "CollectedAt": at, "Vpcs": [{ "VpcId": "vpc-a", "CidrBlock": if on { "10.0.0.0/16" } else { "10.1.0.0/16" } }] }),
    ]
}

fn facts(documents: impl IntoIterator<Item = Value>) -> Facts {
    let mut reader = Reader::default();
    documents.into_iter().for_each(|document| reader.read_document(document));
    assert_eq!(reader.complaints, Vec::<String>::new());
    reader.facts
}

#[test]
fn a_day_of_equal_minutes_is_kept_in_its_ends() {
    let all = facts((0..1440).flat_map(|minute| snapshot(T0 + 60 * minute, &[1, 1])));
    let result = drop_repeats(all.clone());
    let pages = |facts: &Facts| {
        facts
            .iter()
            .filter(|fact| matches!(fact, crate::inventory::fact::Fact::Page { .. }))
            .count()
    };
    assert_eq!(pages(&result), pages(&all));
    // Two interfaces, the VPC and its DNS: the first and the last of each. And the two lists, once.
    assert_eq!(result.len() - pages(&result), 10);
    let bytes = parquet::encode(&result, None).unwrap().len();
    assert!(bytes < 40_000, "{bytes} bytes");
}

#[test]
fn dns_that_was_switched_off_is_off() {
    let off = snapshot(T0 + 60, &[2]);
    let inventory = inventory(&[snapshot(T0, &[1]), off].concat());
    assert_eq!(inventory.vpcs[0].dns_support, Some(false));
}

proptest! {
    #[test]
    fn thinned_facts_make_the_same_inventory(
        states in prop::collection::vec(prop::collection::vec(0_u8..3, 3), 1..14),
        cut in 0_usize..14,
        with in prop::collection::vec(any::<bool>(), 19),
    ) {
        let snapshots: Vec<Vec<Value>> = states
            .iter()
            .zip(0..)
            .map(|(state, minute)| snapshot(T0 + 60 * minute, state))
            .collect();
        // Among them are events and documents of other sources, at times between the snapshots.
        let others = everything().into_iter().zip(with).filter(|(_, with)| *with).map(|(it, _)| it);
        let all = facts(snapshots.iter().flatten().cloned().chain(others.clone()));
        let want = merge::inventory(&all);
        prop_assert_eq!(&merge::inventory(&drop_repeats(all)), &want);
        // A collector removes repeats at every pass from stored and new facts.
        let mut result = drop_repeats(facts(others));
        for part in snapshots.chunks(cut.max(1)) {
            result.extend(facts(part.iter().flatten().cloned()));
            result = drop_repeats(result);
        }
        prop_assert_eq!(&merge::inventory(&result), &want);
    }
}
