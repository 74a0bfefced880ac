//! Allow rules as `flowq.toml` writes them.

use serde::Deserialize;

use crate::allow::{AllowMatcher, AllowRule};
use crate::enrich::tests::fixture::{NOW, network};

#[derive(Debug, Deserialize)]
struct File {
    allow: Vec<AllowRule>,
}

fn rules(toml: &str) -> AllowMatcher {
    let file: File = toml::from_str(toml).unwrap();
    AllowMatcher::new(file.allow, &network(), NOW)
}

#[test]
fn each_kind_of_rule() {
    for (rule, remote, scope, port, protocol, fits) in [
        ("to = '192.0.2.0/24'", "192.0.2.9", "internet", 443, 6, true),
        ("to = '192.0.2.0/24'", "192.0.3.9", "internet", 443, 6, false),
        ("to = '192.0.2.9'", "::ffff:192.0.2.9", "internet", 443, 6, true),
        ("to = '2001:db8::/32'", "2001:db8::1", "internet", 443, 6, true),
        ("to = 'vpc'", "10.0.0.9", "vpc", 443, 6, true),
        ("to = 'vpc'", "10.0.0.9", "same-job", 443, 6, true),
        ("to = 'vpc'", "10.9.0.9", "private", 443, 6, false),
        ("to = 'service:S3'", "52.216.0.1", "s3", 443, 6, true),
        ("to = 'service:ec2'", "3.80.0.1", "aws", 443, 6, true),
        ("to = 'service:AMAZON'", "3.80.0.1", "aws", 443, 6, true),
        ("to = 'service:EC2'", "198.51.100.1", "internet", 443, 6, false),
        ("to = 'service:logs'", "10.0.1.51", "endpoint", 443, 6, true),
        ("to = 'service:logs'", "10.0.1.50", "endpoint", 443, 6, false),
        ("to = 'prefix-list:pl-ddb'", "52.94.0.1", "aws", 443, 6, true),
        ("to = 'prefix-list:pl-ddb'", "52.95.0.1", "aws", 443, 6, false),
        ("to = '0.0.0.0/0'\nports = 443", "192.0.2.9", "internet", 443, 6, true),
        ("to = '0.0.0.0/0'\nports = '443'", "192.0.2.9", "internet", 444, 6, false),
        ("to = '0.0.0.0/0'\nports = '400-500'", "192.0.2.9", "internet", 443, 6, true),
        ("to = '0.0.0.0/0'\nports = [80, '400-500']", "192.0.2.9", "internet", 80, 6, true),
        ("to = '0.0.0.0/0'\nprotocol = 'udp'", "192.0.2.9", "internet", 443, 6, false),
        ("to = '0.0.0.0/0'\nprotocol = 'TCP'", "192.0.2.9", "internet", 443, 6, true),
        ("to = '0.0.0.0/0'\nprotocol = 50", "192.0.2.9", "internet", 0, 50, true),
        ("to = '0.0.0.0/0'\njob = 'nightly-*'", "192.0.2.9", "internet", 443, 6, true),
        ("to = '0.0.0.0/0'\njob = 'daily-*'", "192.0.2.9", "internet", 443, 6, false),
    ] {
        let rules = rules(&format!("[[allow]]\n{rule}"));
        let remote = remote.parse().unwrap();
        let found =
            rules.matching_rule(Some("nightly-1"), remote, Some(scope), Some(port), Some(protocol));
        assert_eq!(found.is_some(), fits, "{rule}: {remote}");
    }
}

#[test]
fn first_rule_that_fits_gives_its_reason() {
    let rules = rules(
        "[[allow]]\nto = '192.0.2.0/24'\nports = 22\n\
         [[allow]]\nto = '192.0.2.0/24'\n\
         [[allow]]\nto = '0.0.0.0/0'\nreason = 'anywhere'",
    );
    let fits =
        |remote: &str, port| rules.matching_rule(None, remote.parse().unwrap(), None, port, None);
    assert_eq!(fits("192.0.2.1", Some(22)), Some("rule 1"));
    assert_eq!(fits("192.0.2.1", None), Some("rule 2"));
    assert_eq!(fits("198.51.100.1", None), Some("anywhere"));
    assert_eq!(fits("2001:db8::1", None), None);
}

#[test]
fn a_glob_fits_candidates_when_it_fits_each_of_them() {
    let rules = rules("[[allow]]\nto = '0.0.0.0/0'\njob = 'night*'\nreason = 'x'");
    let fits = |names| {
        rules.matching_rule(names, "192.0.2.1".parse().unwrap(), None, None, None).is_some()
    };
    assert!(fits(Some("nightly")) && fits(Some("nightly,night-2")));
    assert!(!fits(Some("nightly,weekly")) && !fits(Some("weekly,nightly")) && !fits(None));
}

#[test]
fn expired_rules_allow_nothing_and_are_listed() {
    // NOW is 1970-01-02T03:46:40Z.
    for (until, expired) in [
        ("'1970-01-01'", true),
        ("'1970-01-02'", false),
        ("1970-01-01", true),
        ("1970-01-02", false),
        ("'1970-01-02T03:46:40Z'", true),
        ("1970-01-02T03:46:41Z", false),
        ("'1970-01-02T04:46:41+01:00'", false),
    ] {
        let rules = rules(&format!("[[allow]]\nto = '0.0.0.0/0'\nreason = 'x'\nuntil = {until}"));
        let found = rules.matching_rule(None, "192.0.2.1".parse().unwrap(), None, None, None);
        assert_eq!((found.is_none(), !rules.expired().is_empty()), (expired, expired), "{until}");
    }
}

#[test]
fn mistakes_are_named() {
    for (rule, message) in [
        ("to = 'anywhere'", "to = \"anywhere\" is no CIDR"),
        ("to = 'prefix-list:s3'", "to = \"prefix-list:s3\""),
        ("to = 'vpc'\nports = 70000", "port 70000"),
        ("to = 'vpc'\nports = '9-1'", "port 9-1"),
        ("to = 'vpc'\nprotocol = 'tpc'", "protocol tpc"),
        ("to = 'vpc'\njob = '***'", "job = \"***\" is no glob"),
        ("to = 'vpc'\nuntil = 'soon'", "until = \"soon\""),
        ("to = 'vpc'\nport = 1", "unknown field `port`"),
        ("ports = 1", "missing field `to`"),
    ] {
        let error = toml::from_str::<File>(&format!("[[allow]]\n{rule}")).unwrap_err().to_string();
        assert!(error.contains(message), "{rule}: {error}");
    }
}
