//! Look-ups in a large inventory against a scan that is too simple to be wrong.

use std::cmp::Reverse;
use std::net::IpAddr;

use fastrand::Rng;
use ipnet::IpNet;

use crate::enrich::interface_index::row_at;
use crate::enrich::tests::fixture::{context, job_eni, range};
use crate::inventory::model::{Eni, Inventory, IpRange};
use crate::vpc::ip_ranges::IpRanges;

#[test]
fn lookups_agree_with_a_naive_scan() {
    let mut rng = Rng::with_seed(7);
    let mut inventory = Inventory::default();
    for number in 0..50_000_i64 {
        // 8,000 lifetimes of one address, with gaps and overlaps; the others share 10,000 addresses.
        let address = match number {
            0..8_000 => "10.0.0.1".to_owned(),
            _ => format!("10.1.{}.{}", rng.u8(..40), rng.u8(..)),
        };
        let from = if number < 8_000 { number * 500 } else { rng.i64(0..4_000_000) };
        let to = from + rng.i64(50..900);
        inventory.enis.push(job_eni(&format!("eni-{number}"), "one", &[&address], from, to));
    }
    let context = context(inventory.clone());
    let vpc = context.index.vpc("vpc-1").unwrap();
    for sample in 0..400 {
        let ip = match sample % 2 {
            0 => "10.0.0.1".to_owned(),
            _ => format!("10.1.{}.{}", rng.u8(..40), rng.u8(..)),
        };
        let at = rng.i64(0..4_000_000);
        let found = context.index.owner_at(vpc, ip.parse().unwrap(), Some(at));
        let found = found.map(|row| row.eni.interface_id.clone());
        assert!(
            naive_holders(&inventory.enis, &ip, at).contains(&found),
            "{ip} at {at}: {found:?}"
        );
    }
}

#[test]
fn the_row_of_an_interface_is_that_of_a_naive_scan() {
    let mut rng = Rng::with_seed(5);
    for _ in 0..300 {
        let mut inventory = Inventory::default();
        for number in 0..rng.usize(1..12) {
            let from = rng.i64(0..60);
            let to = from + rng.i64(1..25);
            let job = format!("job-{number}");
            inventory.enis.push(job_eni("eni-1", &job, &["10.0.0.1"], from, to));
        }
        let context = context(inventory);
        let rows = context.index.interface("eni-1");
        for at in -5..90 {
            let containing = rows.iter().rev().find(|row| row.from <= at && at < row.to);
            let naive =
                containing.or_else(|| rows.iter().min_by_key(|row| row.distance_secs(at))).unwrap();
            let found = row_at(rows, Some(at)).unwrap();
            assert!(std::ptr::eq(found, naive), "{at}: {rows:?}");
        }
    }
}

/// The interfaces that may have an address: those that a rule cannot distinguish.
fn naive_holders(enis: &[Eni], ip: &str, at: i64) -> Vec<Option<String>> {
    let at_address: Vec<&Eni> = enis.iter().filter(|eni| eni.addresses[0] == ip).collect();
    let span = |eni: &Eni| (eni.valid_from.unwrap(), eni.valid_to.unwrap());
    let gap = |eni: &Eni| (span(eni).0 - at).max(at - span(eni).1).max(0);
    let containing: Vec<&Eni> =
        at_address.iter().copied().filter(|eni| span(eni).0 <= at && at < span(eni).1).collect();
    let youngest = containing.iter().map(|eni| span(eni).0).max();
    let nearest = at_address.iter().map(|eni| gap(eni)).min().filter(|gap| *gap <= 60);
    let fits = |eni: &&&Eni| match youngest {
        Some(from) => containing.contains(*eni) && span(eni).0 == from,
        None => nearest == Some(gap(eni)),
    };
    let found: Vec<_> =
        at_address.iter().filter(fits).map(|eni| Some(eni.interface_id.clone())).collect();
    if found.is_empty() { vec![None] } else { found }
}

#[test]
fn ranges_agree_with_a_naive_scan() {
    let mut rng = Rng::with_seed(11);
    let mut inventory = Inventory::default();
    for _ in 0..17_000 {
        let ip = match rng.u8(..4) {
            0 => IpAddr::from([0x2600, 0x1f00, rng.u16(..64), 0, 0, 0, 0, 0]),
            _ => IpAddr::from([3, rng.u8(..4), rng.u8(..), rng.u8(..)]),
        };
        let len = if ip.is_ipv4() { rng.u8(10..=32) } else { rng.u8(32..=48) };
        let net = IpNet::new(ip, len).unwrap().trunc();
        let service = ["AMAZON", "AMAZON", "EC2", "S3", "CLOUDFRONT"][rng.usize(..5)];
        let service = if service == "S3" && rng.bool() { "EC2" } else { service };
        let valid_from = rng.bool().then(|| rng.i64(..1000));
        let valid_to = rng.bool().then(|| rng.i64(1000..2000));
        let row = range(&net.to_string(), "us-east-1", service);
        inventory.ip_ranges.push(IpRange { valid_from, valid_to, ..row });
    }
    let places = IpRanges::new(&inventory);
    let naive: Vec<(IpNet, &IpRange)> =
        inventory.ip_ranges.iter().map(|row| (row.cidr.parse().unwrap(), row)).collect();
    for _ in 0..300 {
        let ip = match rng.u8(..4) {
            0 => IpAddr::from([0x2600, 0x1f00, rng.u16(..64), 0, 0, 0, 0, rng.u16(..)]),
            _ => IpAddr::from([3, rng.u8(..4), rng.u8(..), rng.u8(..)]),
        };
        let at = rng.i64(..2500);
        let found = places.aws_range(ip, Some(at)).map(|range| range.service);
        assert_eq!(found, naive_service(&naive, ip, at), "{ip} at {at}");
    }
}

fn naive_service<'a>(ranges: &[(IpNet, &'a IpRange)], ip: IpAddr, at: i64) -> Option<&'a str> {
    let is_valid = |row: &IpRange| {
        row.valid_from.is_none_or(|from| from <= at) && row.valid_to.is_none_or(|to| at < to)
    };
    let rank = |row: &IpRange| match row.service.as_str() {
        "S3" => 4,
        "AMAZON" => 0,
        _ => 2,
    };
    let covering = ranges.iter().filter(|(net, row)| net.contains(&ip) && is_valid(row));
    let best = covering.max_by_key(|(net, row)| {
        (rank(row), net.prefix_len(), row.service != "EC2", Reverse(&row.service))
    });
    best.map(|(_, row)| row.service.as_str())
}

#[test]
fn every_s3_range_that_aws_publishes_is_s3() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/corpus/seligman__aws-ip-ranges/ip-ranges.json"
    );
    let Ok(text) = std::fs::read(path) else {
        println!("skipped: {path} is not there");
        return;
    };
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let rows = ["prefixes", "ipv6_prefixes"].iter().flat_map(|key| json[key].as_array().unwrap());
    let row = |row: &serde_json::Value| {
        let cidr = row["ip_prefix"].as_str().or(row["ipv6_prefix"].as_str()).unwrap();
        range(cidr, row["region"].as_str().unwrap(), row["service"].as_str().unwrap())
    };
    let inventory = Inventory { ip_ranges: rows.map(row).collect(), ..Inventory::default() };
    assert!(inventory.ip_ranges.len() > 10_000);
    let places = IpRanges::new(&inventory);
    for row in &inventory.ip_ranges {
        let net: IpNet = row.cidr.parse().unwrap();
        let found = places.aws_range(net.addr(), None).unwrap();
        match row.service.as_str() {
            "S3" => assert_eq!(found.service, "S3", "{net}"),
            "AMAZON" => {}
            _ => assert_ne!(found.service, "AMAZON", "{net}"),
        }
        assert!(places.is_of_service(net.addr(), &row.service, None), "{net} {}", row.service);
    }
}
