//! Which interface is meant, and when.

use std::sync::Arc;

use crate::detection::case::inventory_of;
use crate::reachability::{Analyzer, ResolveError, Stage, StageVerdict};
use crate::vpc::FiveTuple;

fn reach() -> Analyzer {
    let enis = "
        interface_id vpc_id subnet_id addresses          valid_from           valid_to
        eni-first    vpc-a  subnet-1  10.0.0.5           2026-01-01T00:00:00Z 2026-01-01T01:00:00Z
        eni-second   vpc-a  subnet-1  10.0.0.5           2026-01-01T02:00:00Z -
        eni-other    vpc-b  subnet-2  10.0.0.5           -                    -
        eni-both     vpc-a  subnet-1  10.0.0.9,2001:db8::9 -                  -";
    let texts = [("enis".to_owned(), toml::Value::String(enis.to_owned()))];
    Analyzer::new(Arc::new(inventory_of(&texts.into_iter().collect()).unwrap()))
}

/// 2026-01-01T00:00:00Z.
const MIDNIGHT: i64 = 1_767_225_600;

#[test]
fn an_address_means_who_had_it_then() {
    let reach = reach();
    let who = |at: i64| {
        let side = reach.side("10.0.0.5", Some("vpc-a"), None, Some(MIDNIGHT + at)).unwrap();
        side.eni.map(|eni| eni.interface_id.clone())
    };
    assert_eq!(who(60).as_deref(), Some("eni-first"));
    assert_eq!(who(7300).as_deref(), Some("eni-second"));
    // Between the two no interface had it, except for the tolerance of record times.
    assert_eq!(who(5000), None);
    assert_eq!(who(3620).as_deref(), Some("eni-first"));
}

#[test]
fn without_its_vpc_an_address_may_mean_several() {
    let reach = reach();
    let several = reach.side("10.0.0.5", None, None, Some(MIDNIGHT)).unwrap_err();
    assert!(matches!(&several, ResolveError::Several(_, interfaces) if interfaces.len() == 2));
    assert!(several.to_string().contains("eni-first in vpc-a, eni-other in vpc-b"), "{several}");
    let unknown = reach.side("eni-none", None, None, None).unwrap_err();
    assert_eq!(unknown, ResolveError::NotKnown("eni-none".to_owned()));
}

#[test]
fn an_interface_stands_for_its_address_of_the_right_family() {
    let reach = reach();
    let addr = |other: &str| {
        let side = reach.side("eni-both", None, Some(other.parse().unwrap()), None);
        side.map(|side| side.addr.to_string())
    };
    assert_eq!(addr("192.0.2.1").unwrap(), "10.0.0.9");
    assert_eq!(addr("2001:db8::1").unwrap(), "2001:db8::9");
    let lacking = reach.side("eni-first", None, Some("2001:db8::1".parse().unwrap()), None);
    assert!(matches!(lacking, Err(ResolveError::NoAddress(_))));
}

#[test]
fn a_local_zone_lies_in_the_region_that_its_name_begins_with() {
    let texts = [
        ("vpcs", "vpc_id cidrs\nvpc-a 10.0.0.0/16"),
        (
            "subnets",
            "subnet_id vpc_id availability_zone cidrs\nsubnet-1 vpc-a us-west-2-lax-1a 10.0.0.0/24",
        ),
    ];
    let texts = texts.map(|(name, text)| (name.to_owned(), toml::Value::String(text.to_owned())));
    let reach = Analyzer::new(Arc::new(inventory_of(&texts.into_iter().collect()).unwrap()));
    let side = reach.side("10.0.0.5", Some("vpc-a"), None, None).unwrap();
    assert_eq!(side.eni, None);
    assert_eq!(side.region(reach.network()), Some("us-west-2"));
}

#[test]
fn traffic_between_subnets_stays_local_beside_a_propagated_route() {
    let texts = [
        ("vpcs", "vpc_id cidrs\nvpc-a 10.0.0.0/16"),
        (
            "subnets",
            "subnet_id vpc_id cidrs\nsubnet-1 vpc-a 10.0.0.0/24\nsubnet-2 vpc-a 10.0.1.0/24",
        ),
        (
            "routes",
            "route_table_id vpc_id destination target state origin\n\
             rtb-1 vpc-a 10.0.0.0/16 local active CreateRouteTable\n\
             rtb-1 vpc-a 10.0.1.0/24 vgw-1 active EnableVgwRoutePropagation",
        ),
        ("route_table_associations", "route_table_id vpc_id subnet_id main\nrtb-1 vpc-a - true"),
    ];
    let texts = texts.map(|(name, text)| (name.to_owned(), toml::Value::String(text.to_owned())));
    let reach = Analyzer::new(Arc::new(inventory_of(&texts.into_iter().collect()).unwrap()));
    let from = reach.side("10.0.0.5", Some("vpc-a"), None, None).unwrap();
    let to = reach.side("10.0.1.5", Some("vpc-a"), None, None).unwrap();
    let tuple = FiveTuple::parse((from.addr, to.addr), Some("443"), "tcp", None).unwrap();
    let judged = reach.analyze(&tuple, &from, &to);
    let route = judged.steps.iter().find(|step| step.place == Stage::Route).unwrap();
    assert_eq!(route.answer, StageVerdict::Allowed, "{}", route.text);
}
