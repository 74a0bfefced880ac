//! Which job a record's interface serves.

use crate::enrich::InterfaceRelevance;
use crate::enrich::tests::fixture::{annotate, context, eni, job, job_eni, network, some, texts};
use crate::inventory::model::{Attribution, Eni, Inventory};

const WHO: &str = "job_name attribution job_candidates";

#[test]
fn address_reused_by_another_job_90_seconds_later() {
    let mut inventory = network();
    inventory.enis.extend([
        job_eni("eni-a", "one", &["10.0.1.5"], 1000, 2000),
        job_eni("eni-b", "two", &["10.0.1.5"], 2090, 3000),
        job_eni("eni-c", "one", &["10.0.1.6"], 1000, 3000),
    ]);
    let shown = annotate(
        &context(inventory),
        "job_name remote_interface_id remote_job_name remote_scope",
        "interface_id vpc_id start end flow_direction srcaddr dstaddr
         eni-c vpc-1 1500 1560 egress 10.0.1.6 10.0.1.5
         eni-c vpc-1 2010 2040 egress 10.0.1.6 10.0.1.5
         eni-c vpc-1 2060 2080 egress 10.0.1.6 10.0.1.5
         eni-c vpc-1 2500 2560 ingress 10.0.1.5 10.0.1.6
         eni-c vpc-1 5000 5060 egress 10.0.1.6 10.0.1.5
         eni-c vpc-2 1500 1560 egress 10.0.1.6 10.0.1.5
         eni-a - 1500 1560 egress 10.0.1.5 10.0.1.6
         eni-b - 2500 2560 egress 10.0.1.5 10.0.1.6",
    );
    assert_eq!(
        shown,
        [
            "one eni-a one same-job",
            "one eni-a one same-job", // 10 s after the one, 80 s before the other
            "one eni-b two other-job", // 60 s after the one, 30 s before the other
            "one eni-b two other-job",
            "one - - vpc",
            "one - - private", // an address means nothing in another VPC
            "one eni-c one same-job",
            "two eni-c one other-job",
        ]
    );
}

#[test]
fn declared_holds_only_within_its_interval() {
    let mut inventory = network();
    let declared = |job: &str, from, to| Eni {
        attribution: Some(Attribution::Declared),
        ..job_eni("eni-a", job, &["10.0.1.5"], from, to)
    };
    inventory.enis.extend([declared("one", 1000, 2000), declared("two", 2000, 3000)]);
    inventory.enis.push(job_eni("eni-b", "three", &["10.0.1.6"], 1000, 2000));
    let shown = annotate(
        &context(inventory),
        WHO,
        "interface_id start end
         eni-a 900 910
         eni-a 950 1010
         eni-a 1999 2050
         eni-a 2000 2050
         eni-a 3060 3070
         eni-a 3061 3070
         eni-b 9000 9060",
    );
    assert_eq!(
        shown,
        [
            "- - -",
            "one declared -",
            "one declared -",
            "two declared -",
            "two declared -",
            "- - -",
            "three exact -", // the id of an interface is never used again
        ]
    );
}

#[test]
fn shared_candidates_are_listed_and_none_is_picked() {
    let mut inventory = network();
    let shared = |id: &str, jobs: &[&str], address: &str| Eni {
        attribution: Some(Attribution::Shared),
        job_candidates: texts(jobs),
        ..eni(id, &[address], Some(1000), Some(2000))
    };
    inventory.enis.extend([
        shared("eni-a", &["one", "two"], "10.0.1.5"),
        shared("eni-b", &["one", "two"], "10.0.1.6"),
        shared("eni-c", &["one", "three"], "10.0.1.7"),
    ]);
    let shown = annotate(
        &context(inventory),
        "job_name attribution job_candidates remote_job_name remote_scope",
        "interface_id start end flow_direction srcaddr dstaddr
         eni-a 1500 1560 egress 10.0.1.5 10.0.1.6
         eni-a 1500 1560 egress 10.0.1.5 10.0.1.7",
    );
    assert_eq!(shown, ["- shared one,two - same-job", "- shared one,two - other-job"]);
}

fn without_history() -> Inventory {
    let mut inventory = network();
    inventory.jobs = vec![
        job("one", 10_000, Some(20_000), &["subnet-1"]),
        job("two", 19_000, Some(30_000), &["subnet-1", "subnet-2"]),
        job("three", 90_000, None, &["subnet-3"]),
    ];
    inventory.jobs[0].security_group_ids = texts(&["sg-1"]);
    inventory.enis.extend([
        Eni { belongs_to: some("lambda"), ..eni("eni-lambda", &["10.0.1.8"], None, None) },
        Eni { created_at: Some(5), ..eni("eni-old", &["10.0.1.9"], None, None) },
        Eni { security_group_ids: texts(&["sg-9"]), ..eni("eni-sg", &[], None, None) },
        Eni { subnet_id: None, ..eni("eni-cidr", &["10.0.1.10"], None, None) },
        Eni { belongs_to: some("nat_gateway"), ..eni("eni-nat", &["10.0.1.11"], None, None) },
    ]);
    inventory
}

#[test]
fn inferred_where_an_interface_has_no_history() {
    let table = [
        // interface, subnet, instance, type, start, end, what follows
        ("eni-x subnet-1 - - 9939 9939", "- - -"),
        ("eni-x subnet-1 - - 9930 9940", "one inferred -"),
        ("eni-x subnet-1 - - 15000 15060", "one inferred -"),
        ("eni-x subnet-1 - - 19500 19560", "- shared one,two"),
        ("eni-x subnet-1 - - 20900 20960", "- shared one,two"), // 15 minutes after the end
        ("eni-x subnet-1 - - 20901 20960", "two inferred -"),
        ("eni-x subnet-2 - - 15000 15060", "- - -"),
        ("eni-x subnet-3 - - 95000 95060", "three inferred -"), // still running
        ("eni-x - - - 15000 15060", "- - -"),
        ("eni-x subnet-1 i-1 - 15000 15060", "- - -"),
        ("eni-x subnet-1 - nat_gateway 15000 15060", "- - -"),
        ("- subnet-1 - - 15000 15060", "- - -"),
        ("eni-x subnet-1 - - - -", "- - -"),
        ("eni-lambda subnet-1 - - 15000 15060", "- - -"),
        ("eni-old subnet-1 - - 15000 15060", "- - -"),
        ("eni-sg subnet-1 - - 15000 15060", "- - -"),
        ("eni-cidr - - - 15000 15060", "one inferred -"),
    ];
    let context = context(without_history());
    for (record, expected) in table {
        let header = "interface_id subnet_id instance_id interface_type start end\n";
        assert_eq!(annotate(&context, WHO, &format!("{header}{record}")), [expected], "{record}");
        if let (false, Some(id)) = (expected.starts_with("- -"), record.split(' ').next()) {
            let interest = context.interest(id);
            assert!(
                matches!(interest, InterfaceRelevance::Job | InterfaceRelevance::Maybe),
                "{record}: {interest:?}"
            );
        }
    }
}

#[test]
fn interest_tells_what_can_be_dropped() {
    let mut inventory = without_history();
    inventory.enis.push(job_eni("eni-job", "one", &[], 1000, 2000));
    let known = context(inventory);
    for (id, expected) in [
        ("eni-job", InterfaceRelevance::Job),
        ("eni-x", InterfaceRelevance::Maybe),
        ("eni-cidr", InterfaceRelevance::Maybe),
        ("eni-sg", InterfaceRelevance::Maybe),
        ("eni-lambda", InterfaceRelevance::Other),
        ("eni-old", InterfaceRelevance::Other),
        ("eni-nat", InterfaceRelevance::Nat),
        ("eni-s3", InterfaceRelevance::Service),
    ] {
        assert_eq!(known.interest(id), expected, "{id}");
    }
    assert_eq!(context(network()).interest("eni-x"), InterfaceRelevance::Other);
}

#[test]
fn isolation_role_and_place_come_from_the_inventory() {
    let mut inventory = network();
    inventory.jobs = vec![job("one", 1000, Some(2000), &["subnet-1"])];
    inventory.jobs[0].network_isolation = Some(true);
    inventory.enis.extend([
        Eni {
            eni_role: some("platform"),
            account_id: some("111122223333"),
            ..job_eni("eni-a", "one", &["10.0.1.5"], 1000, 2000)
        },
        Eni { belongs_to: some("nat_gateway"), ..eni("eni-nat", &["10.0.1.6"], None, None) },
    ]);
    let shown = annotate(
        &context(inventory),
        "network_isolation eni_role eni_belongs_to local_account_id local_region local_vpc_id \
         local_subnet_id",
        "interface_id start end account_id region vpc_id subnet_id interface_type instance_id resource_id
         eni-a 1500 1560 - - - - - - -
         eni-a 1500 1560 unknown eu-west-1 vpc-9 subnet-9 - - -
         eni-nat 1500 1560 - - - - - - -
         eni-x 1500 1560 - - - - transit_gateway - -
         - 1500 1560 - - - - - - nat-1
         eni-x 1500 1560 - - - - - i-1 -",
    );
    assert_eq!(
        shown,
        [
            "true platform - 111122223333 us-east-1 vpc-1 subnet-1",
            "true platform - 111122223333 eu-west-1 vpc-9 subnet-9",
            "- - nat_gateway - us-east-1 vpc-1 subnet-1",
            "- - transit_gateway - - - -",
            "- - nat_gateway - - - -",
            "- - instance - - - -",
        ]
    );
}
