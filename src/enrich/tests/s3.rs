//! Which way to S3: every row of the table of paths, with and without each kind of evidence.

use std::sync::Arc;

use proptest::prelude::*;

use crate::enrich::tests::fixture::{
    annotate, association, context, job_eni, network, route, some, texts,
};
use crate::inventory::model::{Inventory, Route};
use crate::reachability::{Analyzer, Stage};
use crate::vpc::FiveTuple;

const HEADER: &str = "interface_id start end region vpc_id subnet_id flow_direction srcaddr dstaddr \
                      traffic_path next_hop_interface_type next_hop_interface_id";

/// The VPC with these routes in the table of subnet-1; the main table leads to nat-main.
fn routed(routes: &[(&str, &str)]) -> Inventory {
    let mut inventory = network();
    inventory.enis.push(job_eni("eni-a", "one", &["10.0.1.5", "2001:db8:1::5"], 1000, 2000));
    inventory.routes = routes.iter().map(|(to, target)| route("rtb-1", to, target)).collect();
    inventory.routes.push(route("rtb-main", "0.0.0.0/0", "nat-main"));
    inventory.route_table_associations = vec![association("rtb-main", None)];
    if !routes.is_empty() {
        inventory.route_table_associations.push(association("rtb-1", Some("subnet-1")));
    }
    inventory
}

fn path(inventory: Inventory, remote: &str, traffic_path: &str, next_hop: &str) -> String {
    let table = format!(
        "{HEADER}\neni-a 1500 1560 us-east-1 vpc-1 subnet-1 egress 10.0.1.5 {remote} {traffic_path} \
         {next_hop}"
    );
    annotate(&context(inventory), "s3_path s3_evidence", &table).remove(0)
}

const S3: &str = "52.216.1.1";
const FAR: &str = "52.92.1.1";
const V6: &str = "2600:1fa0::1";
const ENDPOINT: &[(&str, &str)] = &[("0.0.0.0/0", "nat-1"), ("pl-s3", "vpce-gw")];
const NAT: &[(&str, &str)] = &[("10.0.0.0/16", "local"), ("0.0.0.0/0", "nat-1")];
const IGW: &[(&str, &str)] = &[("0.0.0.0/0", "igw-1"), ("::/0", "igw-1")];
const BOTH: &[(&str, &str)] = &[("0.0.0.0/0", "igw-1"), ("::/0", "igw-1"), ("pl-s3", "vpce-gw")];

#[test]
fn every_row_of_the_table_of_paths() {
    for (row, routes, remote, traffic_path, next_hop, expected) in [
        ("gateway endpoint, v5", NAT, S3, "7", "- -", "gateway-endpoint strong"),
        ("gateway endpoint, v5 not Nitro", ENDPOINT, S3, "2", "- -", "gateway-endpoint inferred"),
        ("gateway endpoint, v2", ENDPOINT, S3, "-", "- -", "gateway-endpoint inferred"),
        ("zonal NAT, v11", ENDPOINT, S3, "1", "nat_gateway eni-n", "nat-gateway proven"),
        ("zonal NAT, v5", NAT, S3, "1", "- -", "nat-gateway strong"),
        ("zonal NAT, v2", NAT, S3, "-", "- -", "nat-gateway inferred"),
        ("regional NAT, v11", NAT, S3, "1", "regional_nat_gateway -", "nat-gateway proven"),
        ("IGW, v5", IGW, S3, "8", "- -", "internet-gateway strong"),
        ("IGW, v5 not Nitro", IGW, S3, "2", "- -", "internet-gateway inferred"),
        ("IGW, v2", IGW, S3, "-", "- -", "internet-gateway inferred"),
        (
            "interface endpoint, v11",
            NAT,
            "10.0.1.50",
            "1",
            "vpc_endpoint eni-s3",
            "interface-endpoint proven",
        ),
        ("interface endpoint, v5", NAT, "10.0.1.50", "1", "- -", "interface-endpoint strong"),
        ("interface endpoint, v2", NAT, "10.0.1.50", "-", "- -", "interface-endpoint inferred"),
        ("another service's endpoint", NAT, "10.0.1.51", "1", "- -", "- -"),
        ("VGW, v5", NAT, S3, "3", "- -", "virtual-private-gateway strong"),
        ("VGW, v2", &[("0.0.0.0/0", "vgw-1")], S3, "-", "- -", "virtual-private-gateway inferred"),
        ("peering, v5", NAT, S3, "4", "- -", "peering strong"),
        ("peering, v5 other region", NAT, S3, "5", "- -", "peering strong"),
        ("local zone, v5", NAT, S3, "6", "- -", "other strong"),
        ("TGW, v11", NAT, S3, "1", "transit_gateway eni-t", "transit-gateway proven"),
        ("TGW, v5", &[("0.0.0.0/0", "tgw-1")], S3, "1", "- -", "transit-gateway strong"),
        ("TGW, v2", &[("0.0.0.0/0", "tgw-1")], S3, "-", "- -", "transit-gateway inferred"),
        ("firewall, v11", NAT, S3, "1", "vpc_endpoint eni-fw", "other proven"),
        ("firewall, v5", &[("0.0.0.0/0", "vpce-fw")], S3, "1", "- -", "other strong"),
        ("firewall, v2", &[("0.0.0.0/0", "vpce-fw")], S3, "-", "- -", "other inferred"),
        ("cross-region, v11", NAT, FAR, "1", "nat_gateway eni-n", "cross-region proven"),
        ("cross-region, v5", IGW, FAR, "8", "- -", "cross-region strong"),
        ("cross-region, v2", ENDPOINT, FAR, "-", "- -", "cross-region inferred"),
        ("IPv6, v5", BOTH, V6, "8", "- -", "ipv6-around-endpoint strong"),
        ("IPv6, v2", BOTH, V6, "-", "- -", "ipv6-around-endpoint inferred"),
        ("no S3 at all", NAT, "198.51.100.1", "8", "- -", "- -"),
    ] {
        assert_eq!(path(routed(routes), remote, traffic_path, next_hop), expected, "{row}");
    }
}

#[test]
fn routes_decide_as_the_router_does() {
    for (row, routes, traffic_path, expected) in [
        ("main table of the VPC", &[][..], "-", "nat-gateway inferred"),
        (
            "a longer CIDR beats the list",
            &[("pl-s3", "vpce-gw"), ("52.216.1.0/24", "igw-1")],
            "-",
            "internet-gateway inferred",
        ),
        (
            "a CIDR as long beats the list",
            &[("pl-s3", "vpce-gw"), ("52.216.0.0/15", "nat-1")],
            "-",
            "nat-gateway inferred",
        ),
        ("no route fits", &[("10.0.0.0/16", "local")], "-", "unknown unknown"),
        ("path 2 against the routes", NAT, "2", "unknown unknown"),
        ("path 1 against the routes", IGW, "1", "other strong"),
        (
            "entries of the list not known",
            &[("0.0.0.0/0", "nat-1"), ("pl-x", "vpce-gw")],
            "-",
            "gateway-endpoint inferred",
        ),
        (
            "a list of one's own, not known",
            &[("0.0.0.0/0", "nat-1"), ("pl-x", "eni-1")],
            "-",
            "unknown unknown",
        ),
        ("an unknown code", ENDPOINT, "9", "gateway-endpoint inferred"),
    ] {
        assert_eq!(path(routed(routes), S3, traffic_path, "- -"), expected, "{row}");
    }
}

#[test]
fn blackholes_carry_nothing() {
    let mut inventory = routed(ENDPOINT);
    let blackhole = |route: &mut Route| route.state = some("blackhole");
    inventory.routes.iter_mut().filter(|r| r.destination == "pl-s3").for_each(blackhole);
    assert_eq!(path(inventory, S3, "-", "- -"), "unknown unknown");
}

#[test]
fn prefix_list_tells_the_region_where_the_ranges_do_not() {
    let mut inventory = routed(NAT);
    inventory.ip_ranges.clear();
    let table = format!(
        "{HEADER} pkt_dst_aws_service
         eni-a 1500 1560 us-east-1 vpc-1 subnet-1 egress 10.0.1.5 198.51.100.1 - - - S3
         eni-a 1500 1560 us-east-1 vpc-1 subnet-1 egress 10.0.1.5 {S3} - - - S3
         eni-a 1500 1560 eu-west-1 vpc-1 subnet-1 egress 10.0.1.5 {S3} - - - S3
         eni-a 1500 1560 us-east-1 vpc-1 subnet-1 egress 10.0.1.5 {V6} - - - S3"
    );
    let shown = annotate(&context(inventory), "s3_path s3_evidence", &table);
    assert_eq!(
        shown,
        [
            "cross-region inferred",
            "nat-gateway inferred",
            "cross-region inferred",
            "ipv6-around-endpoint inferred", // an IPv4 list says nothing of IPv6
        ]
    );
}

#[test]
fn ingress_has_no_traffic_path_and_unknown_stays_unknown() {
    let table = format!(
        "{HEADER}
         eni-a 1500 1560 us-east-1 vpc-1 subnet-1 ingress {S3} 10.0.1.5 - - -
         eni-a 1500 1560 us-east-1 vpc-1 subnet-1 ingress {S3} 10.0.1.5 - nat_gateway -
         eni-x 1500 1560 us-east-1 vpc-1 subnet-1 egress 10.0.1.5 {S3} - - -
         eni-x 1500 1560 - vpc-9 subnet-9 egress 10.0.1.5 {S3} - - -
         eni-x 1500 1560 - - - egress 10.0.1.5 {S3} 7 - -"
    );
    let shown = annotate(&context(routed(NAT)), "s3_path s3_evidence", &table);
    assert_eq!(
        shown,
        [
            "nat-gateway inferred",
            "nat-gateway proven",
            "nat-gateway inferred",
            "unknown unknown",
            "gateway-endpoint strong",
        ]
    );
}

#[test]
fn endpoint_that_carries_ipv6_is_not_gone_around() {
    let mut inventory = routed(BOTH);
    inventory.vpc_endpoints[0].ip_address_type = some("dualstack");
    assert_eq!(path(inventory, V6, "8", "- -"), "internet-gateway strong");
}

#[test]
fn endpoint_names_its_route_tables_where_the_tables_are_not_known() {
    let mut inventory = routed(&[("10.0.0.0/16", "local")]);
    inventory.vpc_endpoints[0].route_table_ids = texts(&["rtb-1"]);
    assert_eq!(path(inventory, S3, "-", "- -"), "gateway-endpoint inferred");
}

/// Where `reach` says that the route table of subnet-1 leads an address, as an `s3_path`.
fn explained(inventory: Inventory, remote: &str) -> &'static str {
    let reach = Analyzer::new(Arc::new(inventory));
    let from = reach.side("eni-a", None, None, Some(1500)).unwrap();
    let to = reach.side(remote, None, None, Some(1500)).unwrap();
    let tuple = FiveTuple::parse((from.addr, to.addr), Some("443"), "tcp", None).unwrap();
    let judged = reach.analyze(&tuple, &from, &to);
    let route = judged.steps.iter().find(|step| step.place == Stage::Route).unwrap();
    let by = route.text.split(&format!(" sends {remote} by ")).nth(1);
    let target = by.and_then(|by| by.split(" to ").nth(1)).unwrap_or_default();
    if target.contains("blackhole") {
        return "unknown";
    }
    match target.split('-').next().unwrap_or_default() {
        "nat" => "nat-gateway",
        "igw" => "internet-gateway",
        "vgw" => "virtual-private-gateway",
        "pcx" => "peering",
        "tgw" => "transit-gateway",
        "vpce" => "gateway-endpoint",
        "eni" => "other",
        _ => "unknown",
    }
}

#[test]
fn a_static_route_wins_over_a_propagated_one() {
    let mut inventory = routed(&[("0.0.0.0/0", "nat-1"), ("0.0.0.0/0", "vgw-1")]);
    inventory.routes[1].origin = some("EnableVgwRoutePropagation");
    assert_eq!(path(inventory, S3, "-", "- -"), "nat-gateway inferred");
}

proptest! {
    #[test]
    fn enrichment_and_explanation_give_the_same_path(
        routes in proptest::collection::vec((0_usize..9, 0_usize..7, 0_usize..3, 0_usize..5), 1..8),
    ) {
        const TO: [&str; 9] = [
            "0.0.0.0/0", "52.0.0.0/8", "52.216.0.0/15", "52.216.0.0/16", "52.216.1.0/24", "10.0.0.0/16", "pl-s3",
            "pl-ddb", "pl-own",
        ];
        const TARGETS: [&str; 7] = ["nat-1", "igw-1", "vgw-1", "pcx-1", "tgw-1", "vpce-gw", "eni-9"];
        let mut inventory = routed(&[("10.0.0.0/16", "local")]);
        for (to, target, origin, state) in routes {
            let origin = ["CreateRoute", "EnableVgwRoutePropagation", ""][origin];
            let state = if state == 0 { "blackhole" } else { "active" };
            inventory.routes.push(Route {
                origin: Some(origin.to_owned()).filter(|origin| !origin.is_empty()),
                state: some(state),
                ..route("rtb-1", TO[to], TARGETS[target])
            });
        }
        let expected = explained(inventory.clone(), S3);
        let got = path(inventory, S3, "-", "- -");
        prop_assert_eq!(got.split(' ').next().unwrap(), expected);
    }
}
