use super::*;
use crate::diagnostics::check_keys;

const CASES: &str = include_str!("../../../queries/audit/policies.toml");

/// The request of a case: its action and resource, and the keys that it says.
fn request(case: &toml::Table) -> PolicyRequest {
    let text = |key: &str, default: &str| {
        case.get(key).and_then(toml::Value::as_str).unwrap_or(default).to_owned()
    };
    let mut context: BTreeMap<&'static str, Option<String>> = BTreeMap::from([
        ("aws:sourcevpce", Some("vpce-1".to_owned())),
        ("aws:sourcevpc", Some("vpc-1".to_owned())),
        ("aws:principalaccount", Some("111122223333".to_owned())),
        ("aws:principalarn", Some("arn:aws:iam::111122223333:role/jobs".to_owned())),
        ("aws:securetransport", Some("true".to_owned())),
    ]);
    if case.contains_key("absent") {
        context.insert("aws:sourcevpce", None);
    }
    PolicyRequest {
        action: text("action", "s3:GetObject"),
        resource: text("resource", "arn:aws:s3:::data/in/a.csv"),
        context,
    }
}

#[test]
fn policies_are_decided_as_the_table_says() {
    let keys = ["name", "policy", "action", "resource", "absent", "decision"];
    check_keys(CASES, &["case"], &keys).unwrap();
    let root: toml::Table = toml::from_str(CASES).unwrap();
    let cases = root["case"].as_array().unwrap();
    assert!(cases.len() >= 30, "{} cases", cases.len());
    for case in cases {
        let case = case.as_table().unwrap();
        let (name, expected) = (&case["name"], case["decision"].as_str().unwrap());
        let decision = match Policy::parse(case["policy"].as_str().unwrap()) {
            Ok(policy) => policy.decide(&request(case)),
            Err(problem) => Decision::NotKnown(format!("no policy: {problem}")),
        };
        let shown = match &decision {
            Decision::Allowed => "allowed".to_owned(),
            Decision::Denied(why) => format!("denied: {why}"),
            Decision::NotKnown(why) => format!("not known: {why}"),
        };
        assert!(shown.starts_with(expected), "{name}: {shown}, wanted {expected}");
    }
}

#[test]
fn full_access_is_recognised() {
    let full = r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#;
    assert!(Policy::parse(full).unwrap().is_full_access());
    let denies = full.replace(
        "]}",
        r#",{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"*"}]}"#,
    );
    assert!(!Policy::parse(&denies).unwrap().is_full_access());
    let narrow = full.replace(r#""Resource":"*""#, r#""Resource":"arn:aws:s3:::data/*""#);
    assert!(!Policy::parse(&narrow).unwrap().is_full_access());
    assert!(Policy::parse(&narrow).unwrap().has_allow());
}

#[test]
fn what_is_no_policy_is_told_and_a_nasty_pattern_ends() {
    assert!(Policy::parse("{}").unwrap_err().contains("no Statement"));
    assert!(Policy::parse("[").unwrap_err().contains("no JSON"));
    assert!(Policy::parse(&"[".repeat(10_000)).unwrap_err().contains("no JSON"));
    assert!(Policy::parse(&" ".repeat(TEXT_MAX + 1)).unwrap_err().contains("longer"));
    assert!(!wildcard(&"*a".repeat(500), &"b".repeat(1000)));
    assert!(wildcard("a*c?e", "abbcde") && !wildcard("a?", "a") && wildcard("*", ""));
}
