//! Properties: what a rule more, another order of rows and a fix do to a verdict.

use std::sync::Arc;

use proptest::prelude::{
    Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use crate::inventory::model::{Inventory, NetworkAclEntry, SecurityGroupRule};
use crate::reachability::tests::{Question, configuration, ends, judge};
use crate::reachability::{Analyzer, Fix, Verdict};

fn protocol() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("tcp"), Just("udp"), Just("50"), Just("icmp"), Just("-1")]
}

fn cidr() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("0.0.0.0/0"),
        Just("::/0"),
        Just("10.0.0.0/16"),
        Just("10.0.1.0/24"),
        Just("10.0.2.7/32"),
        Just("2001:db8:a::/56"),
    ]
}

fn ports() -> impl Strategy<Value = (Option<i32>, Option<i32>)> {
    prop_oneof![
        Just((None, None)),
        (0..9000i32, 0..60000i32)
            .prop_map(|(from, more)| (Some(from), Some((from + more).min(65535)))),
    ]
}

fn rule() -> impl Strategy<Value = SecurityGroupRule> {
    let peer = prop_oneof![cidr(), Just("sg-job"), Just("sg-db"), Just("pl-own"), Just("pl-dark")];
    let group = prop_oneof![Just("sg-job"), Just("sg-db")];
    let parts = (group, prop_oneof![Just("egress"), Just("ingress")], protocol(), ports(), peer);
    parts.prop_map(|(group, direction, protocol, (from_port, to_port), peer)| SecurityGroupRule {
        security_group_id: group.to_owned(),
        vpc_id: Some("vpc-a".to_owned()),
        direction: direction.to_owned(),
        protocol: protocol.to_owned(),
        from_port,
        to_port,
        peer: peer.to_owned(),
        rule_id: None,
    })
}

fn entry() -> impl Strategy<Value = NetworkAclEntry> {
    let place = prop_oneof![Just(("acl-a", "subnet-a1")), Just(("acl-c", "subnet-a2"))];
    let direction = prop_oneof![Just("egress"), Just("ingress")];
    let protocol = prop_oneof![Just("6"), Just("17"), Just("50"), Just("1"), Just("-1")];
    let parts = (place, direction, 2..300i32, any::<bool>(), protocol, cidr(), ports());
    parts.prop_map(|((acl, subnet), direction, number, allows, protocol, cidr, (from, to))| {
        NetworkAclEntry {
            network_acl_id: acl.to_owned(),
            vpc_id: Some("vpc-a".to_owned()),
            subnet_id: Some(subnet.to_owned()),
            direction: direction.to_owned(),
            rule_number: number,
            rule_action: if allows { "allow" } else { "deny" }.to_owned(),
            protocol: protocol.to_owned(),
            cidr: cidr.to_owned(),
            from_port: from,
            to_port: to,
        }
    })
}

/// Two VPCs with any rules and entries; of two entries with one number the first stays.
fn world() -> impl Strategy<Value = Inventory> {
    let rules = prop::collection::vec(rule(), 0..8);
    let entries = prop::collection::vec(entry(), 0..10);
    (rules, entries).prop_map(|(rules, mut entries)| {
        let mut inventory = configuration("base");
        let key = |entry: &NetworkAclEntry| {
            (entry.network_acl_id.clone(), entry.direction.clone(), entry.rule_number)
        };
        entries.sort_by_key(key);
        entries.dedup_by_key(|entry| key(entry));
        // Both ACLs are there, whatever their entries.
        entries.extend(
            inventory.network_acl_entries.iter().filter(|row| row.rule_number == 101).map(|row| {
                NetworkAclEntry {
                    rule_number: 32767,
                    rule_action: "deny".to_owned(),
                    ..row.clone()
                }
            }),
        );
        inventory.security_group_rules = rules;
        inventory.network_acl_entries = entries;
        inventory
    })
}

fn question() -> impl Strategy<Value = Question<'static>> {
    let from = prop_oneof![Just("eni-a"), Just("eni-b"), Just("2001:db8:a:1::5")];
    let parts = (from, any::<bool>(), 1..9000u16, protocol(), prop::option::of(1024..65535u16));
    parts.prop_map(|(from, far, port, protocol, client)| {
        let to = match (from.contains(':'), far) {
            (false, true) => "eni-c",
            (false, false) => "10.0.2.8",
            (true, true) => "2001:db8:a:2::7",
            (true, false) => "2001:db8:a:2::8",
        };
        let protocol = if protocol == "-1" { "udp" } else { protocol };
        let has_port = matches!(protocol, "tcp" | "udp");
        let text: &'static str = Box::leak(port.to_string().into_boxed_str());
        let port = has_port.then_some(text);
        Question { from, to, port, protocol, client: client.filter(|_| has_port) }
    })
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {:?} {} {:?}", self.from, self.to, self.port, self.protocol, self.client)
    }
}

/// Refused, not known, passes.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Refused => 0,
        Verdict::NotKnown => 1,
        Verdict::Passes => 2,
    }
}

proptest! {
    #[test]
    fn a_rule_more_never_refuses(inventory in world(), question in question(), rule in rule()) {
        let before = judge(inventory.clone(), &question).verdict;
        let mut wider = inventory;
        wider.security_group_rules.push(rule);
        prop_assert!(rank(judge(wider, &question).verdict) >= rank(before));
    }

    #[test]
    fn an_allowing_entry_first_never_refuses(inventory in world(), question in question(), entry in entry()) {
        let before = judge(inventory.clone(), &question).verdict;
        let mut wider = inventory;
        let entry = NetworkAclEntry { rule_number: 1, rule_action: "allow".to_owned(), ..entry };
        wider.network_acl_entries.push(entry);
        prop_assert!(rank(judge(wider, &question).verdict) >= rank(before));
    }

    #[test]
    fn the_order_of_rows_does_not_matter(inventory in world(), question in question()) {
        let mut other = inventory.clone();
        other.security_group_rules.reverse();
        other.network_acl_entries.reverse();
        other.routes.reverse();
        other.enis.reverse();
        other.prefix_lists.reverse();
        let places = |inventory| -> Vec<_> {
            let judged = judge(inventory, &question);
            judged.steps.iter().map(|step| (step.place, step.answer)).collect()
        };
        prop_assert_eq!(places(inventory), places(other));
    }

    #[test]
    fn the_fixes_of_a_refusal_let_the_flow_pass(inventory in world(), question in question()) {
        let reach = Analyzer::new(Arc::new(inventory.clone()));
        let (tuple, from, to) = ends(&reach, &question);
        let judged = reach.analyze(&tuple, &from, &to);
        if judged.verdict != Verdict::Refused {
            return Ok(());
        }
        let fixes = reach.fixes(&tuple, (&from, &to), &judged);
        let fixed = judge(Fix::apply(&fixes, &inventory), &question);
        // What was not known beside the refusal stays so.
        let unknown = judged.steps.iter().any(|step| step.answer == crate::reachability::StageVerdict::Unknown);
        prop_assert!(
            fixed.verdict == Verdict::Passes || (unknown && fixed.verdict == Verdict::NotKnown),
            "{:?} by {:?}: {:?}", fixed.verdict, fixes.iter().map(|fix| &fix.id).collect::<Vec<_>>(), fixed.decider()
        );
    }
}
