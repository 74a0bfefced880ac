//! Direction, the two sides, who opened, where the remote is.

use crate::enrich::Enricher;
use crate::enrich::tests::fixture::{annotate, context, eni, job, job_eni, network, range, some};
use crate::inventory::model::Eni;

fn job_context() -> Enricher {
    let mut inventory = network();
    inventory.enis.extend([
        job_eni("eni-a", "one", &["10.0.1.5", "10.0.1.15", "2001:db8:1::5"], 1000, 2000),
        job_eni("eni-b", "one", &["10.0.1.6", "2001:db8:1::6"], 1000, 2000),
        job_eni("eni-c", "two", &["10.0.1.7"], 1000, 2000),
        Eni { belongs_to: some("instance"), ..eni("eni-i", &["10.0.1.20"], None, None) },
    ]);
    context(inventory)
}

#[test]
fn v2_records_get_their_direction_from_the_interfaces_addresses() {
    let shown = annotate(
        &job_context(),
        "direction local_addr local_port remote_addr remote_port remote_scope",
        "interface_id srcaddr dstaddr srcport dstport protocol start end log_status
         eni-a 10.0.1.5 198.51.100.9 40000 443 6 1500 1560 OK
         eni-a 198.51.100.9 10.0.1.15 443 40000 6 1500 1560 OK
         eni-a 10.0.1.5 10.0.1.15 1 2 6 1500 1560 OK
         eni-a 10.9.9.9 10.8.8.8 1 2 6 1500 1560 OK
         eni-x 10.0.1.5 198.51.100.9 1 2 6 1500 1560 OK
         eni-a 2001:db8:1::5 2001:db8:1::6 0 0 50 1500 1560 OK
         eni-a 10.0.1.6 10.0.1.5 0 0 1 1500 1560 OK
         eni-a - - - - - 1500 1560 NODATA
         eni-a 10.0.1.5 198.51.100.9 40000 443 6 1500 1560 SKIPDATA",
    );
    assert_eq!(
        shown,
        [
            "egress 10.0.1.5 40000 198.51.100.9 443 internet",
            "ingress 10.0.1.15 40000 198.51.100.9 443 internet",
            "- - - - - -",
            "- - - - - -",
            "- - - - - -",
            "egress 2001:db8:1::5 0 2001:db8:1::6 0 same-job",
            "ingress 10.0.1.5 0 10.0.1.6 0 same-job",
            "- - - - - -",
            "- - - - - -",
        ]
    );
}

#[test]
fn packet_addresses_and_the_logs_direction_come_first() {
    let shown = annotate(
        &job_context(),
        "direction local_addr remote_addr remote_scope job_name",
        "interface_id srcaddr dstaddr pkt_srcaddr pkt_dstaddr flow_direction start end log_status
         eni-a 10.0.1.5 10.0.1.6 10.0.1.15 - egress 1500 1560 OK
         eni-a 10.0.1.11 10.0.1.5 203.0.113.5 10.0.1.15 ingress 1500 1560 OK
         eni-a 10.0.1.5 10.0.1.6 - - ingress 1500 1560 OK
         eni-a - - - - - 1500 1560 NODATA",
    );
    assert_eq!(
        shown,
        [
            "egress 10.0.1.15 10.0.1.6 same-job one",
            "ingress 10.0.1.15 203.0.113.5 internet one",
            "ingress 10.0.1.6 10.0.1.5 same-job one",
            "- - - - one",
        ]
    );
}

#[test]
fn flags_tell_who_opened() {
    for (direction, protocol, flags, expected) in [
        ("egress", "6", "2", "local"),
        ("egress", "6", "3", "local"),
        ("egress", "6", "18", "remote"),
        ("egress", "6", "19", "remote"),
        ("ingress", "6", "2", "remote"),
        ("ingress", "6", "18", "local"),
        ("egress", "6", "16", "-"),
        ("egress", "6", "0", "-"),
        ("egress", "6", "1", "-"),
        ("egress", "6", "-", "-"),
        ("egress", "17", "2", "-"),
        ("-", "6", "2", "-"),
    ] {
        let table = format!(
            "interface_id flow_direction protocol tcp_flags\neni-z {direction} {protocol} {flags}"
        );
        assert_eq!(annotate(&job_context(), "syn_by", &table), [expected], "{table}");
    }
}

#[test]
fn remote_scope_is_the_first_that_fits() {
    for (remote, service, expected) in [
        ("10.0.1.6", "-", "same-job eni-b"),
        ("10.0.1.7", "-", "other-job eni-c"),
        ("10.0.1.50", "-", "endpoint eni-s3"),
        ("10.0.1.51", "-", "endpoint eni-logs"),
        ("10.0.1.52", "-", "vpc eni-fw"), // a firewall's endpoint is no interface endpoint
        ("10.0.1.20", "-", "vpc eni-i"),
        ("10.0.99.1", "-", "vpc -"),
        ("2001:db8:1::99", "-", "vpc -"),
        ("52.216.1.1", "-", "s3 -"),
        ("::ffff:52.216.1.1", "-", "s3 -"),
        ("2600:1fa0::1", "-", "s3 -"),
        ("198.51.100.1", "S3", "s3 -"),
        ("198.51.100.1", "EC2", "aws -"),
        ("3.80.0.1", "-", "aws -"),
        ("52.94.0.1", "-", "aws -"), // DynamoDB's prefix list
        ("169.254.1.1", "-", "local -"),
        ("224.0.0.251", "-", "local -"),
        ("255.255.255.255", "-", "local -"),
        ("ff02::1", "-", "local -"),
        ("127.0.0.1", "-", "local -"),
        ("10.1.0.1", "-", "private -"),
        ("100.64.3.4", "-", "private -"),
        ("fd00::1", "-", "private -"),
        ("fd00:ec2::253", "-", "local -"),
        ("fd00:ec2::254", "-", "local -"),
        ("fd00:ec2::123", "-", "local -"),
        ("198.51.100.1", "-", "internet -"),
        ("2001:db8:2::1", "-", "internet -"),
    ] {
        let table = format!(
            "interface_id start end flow_direction srcaddr dstaddr pkt_src_aws_service \
             pkt_dst_aws_service
             eni-a 1500 1560 egress 10.0.1.5 {remote} - {service}
             eni-a 1500 1560 ingress {remote} 10.0.1.5 {service} -"
        );
        let shown = annotate(&job_context(), "remote_scope remote_interface_id", &table);
        assert_eq!(shown, [expected, expected], "{remote} {service}");
    }
}

#[test]
fn ranges_are_judged_as_they_held_then() {
    let mut inventory = network();
    let mut early = range("192.0.2.0/24", "us-east-1", "S3");
    early.valid_to = Some(1500);
    let mut late = range("192.0.2.0/24", "us-east-1", "EC2");
    late.valid_from = Some(1500);
    inventory.ip_ranges.extend([early, late]);
    let context = context(inventory);
    let shown = annotate(
        &context,
        "remote_scope",
        "start end flow_direction dstaddr
         1499 1510 egress 192.0.2.1
         1500 1510 egress 192.0.2.1",
    );
    assert_eq!(shown, ["s3", "aws"]);
    let ip = "192.0.2.1".parse().unwrap();
    assert_eq!(context.aws_service(ip, Some(1499)), Some("S3"));
    assert_eq!(context.aws_service(ip, Some(1500)), Some("EC2"));
    assert_eq!(context.aws_service(ip, None), Some("EC2"));
    assert_eq!(context.aws_service("52.216.0.1".parse().unwrap(), None), Some("S3"));
    assert_eq!(context.aws_service("3.80.0.1".parse().unwrap(), None), Some("EC2"));
    assert_eq!(context.aws_service("198.51.100.1".parse().unwrap(), None), None);
}

#[test]
fn inferred_interfaces_of_the_inventory_find_each_other() {
    let mut inventory = network();
    inventory.jobs = vec![job("one", 1000, Some(2000), &["subnet-1"])];
    inventory
        .enis
        .extend([eni("eni-a", &["10.0.1.5"], None, None), eni("eni-b", &["10.0.1.6"], None, None)]);
    let shown = annotate(
        &context(inventory),
        "job_name attribution remote_job_name remote_scope",
        "interface_id start end srcaddr dstaddr vpc_id subnet_id flow_direction
         eni-a 1500 1560 10.0.1.5 10.0.1.6 - - -
         eni-a 1500 1560 10.0.1.5 10.0.1.77 - - -
         eni-x 1500 1560 10.0.1.77 10.0.1.6 vpc-1 subnet-1 egress
         eni-a 9500 9560 10.0.1.5 10.0.1.6 - - -",
    );
    assert_eq!(
        shown,
        [
            "one inferred one same-job",
            "one inferred - vpc",
            "one inferred one same-job",
            "- - - vpc"
        ]
    );
}
