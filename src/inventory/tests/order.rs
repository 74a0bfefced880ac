use proptest::prelude::*;

use super::*;
use crate::inventory::documents::Reader;
use crate::inventory::files;

/// Documents of every kind that tell of the same things, in part against each other.
pub(super) fn everything() -> Vec<Value> {
    let mut later = job("nightly", T0, Some(T0 + 200));
    later["LastModifiedTime"] = json!(T0 + 210);
    let one = described("eni-1", &["10.0.0.5", "10.0.0.6"]);
    let two = described("eni-2", &["10.0.0.7"]);
    let mut old = described("eni-2", &["10.0.0.8"]);
    old["Attachment"] = json!({ "AttachTime": T0 + 5 });
    vec![
        job("nightly", T0, None),
        later,
        job("other", T0 + 20, None),
        json!({ "Records": [create("eni-1", T0 + 10, "10.0.0.5")] }),
        json!({ "Records": [delete("eni-1", T0 + 250)] }),
        json!({ "Records": [create("eni-3", T0 + 30, "10.0.0.5")] }),
        listing(T0 + 60, &[one, two.clone()]),
        listing(T0 + 120, std::slice::from_ref(&two)),
        listing(T0 + 180, std::slice::from_ref(&described("eni-4", &["10.0.0.9"]))),
        json!({ "NetworkInterfaces": [old] }),
        json!({ "interface": "eni-4", "job": "mine", "to": T0 + 500 }),
        json!({ "Vpcs": [{ "VpcId": "vpc-a", "CidrBlock": "10.0.0.0/16" }] }),
        json!({ "Vpcs": [{ "VpcId": "vpc-a", "CidrBlock": "10.1.0.0/16" }] }),
        json!({ "VpcId": "vpc-a", "EnableDnsSupport": true }),
        json!({ "CollectedAt": T0, "RouteTables": [{ "RouteTableId": "rtb-1", "Routes": [{ "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1" }] }] }),
        json!({ "CollectedAt": T0 + 1, "RouteTables": [{ "RouteTableId": "rtb-1", "Routes": [] }] }),
        json!({ "PrefixLists": [{ "PrefixListId": "pl-1", "Cidrs": ["192.0.2.0/24"] }] }),
        json!({ "createDate": "2026-01-01-00-00-00", "prefixes": [{ "ip_prefix": "192.0.2.0/24", "region": "eu-west-1", "service": "S3" }] }),
        json!({ "createDate": "2026-01-02-00-00-00", "prefixes": [] }),
    ]
}

/// JSON of the keys that are looked at, in shapes that they do not have.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "NetworkInterfaces",
        "NetworkInterfaceId",
        "Vpcs",
        "VpcId",
        "Records",
        "Events",
        "detail",
        "eventName",
        "eventSource",
        "eventTime",
        "requestParameters",
        "responseElements",
        "prefixes",
        "createDate",
        "Entries",
        "ProcessingJobName",
        "configurationItems",
        "resourceType",
        "configuration",
        "interface",
        "job",
        "from",
        "to",
        "RouteTables",
        "Routes",
        "NetworkAcls",
        "CloudTrailEvent",
        "CollectedAt",
        "detail-type",
        "ResponseMetadata",
        "HTTPHeaders",
        "é",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        Just(json!("eni-1")),
        Just(json!("AWS::EC2::NetworkInterface")),
        Just(json!("CreateNetworkInterface")),
        Just(json!("ec2.amazonaws.com")),
        Just(json!("{}")),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key.clone(), inner, 0..6).prop_map(|map| {
                Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_order_and_repetition_of_documents_is_the_same_inventory(
        order in Just(everything()).prop_shuffle(),
        again in prop::sample::subsequence(everything(), 0..5),
    ) {
        let expected = inventory(&everything());
        let documents: Vec<Value> = order.into_iter().chain(again).collect();
        prop_assert_eq!(inventory(&documents), expected);
    }

    #[test]
    fn no_json_panics(document in any_json()) {
        let (inventory, _) = complaining(&[document, create("eni-1", T0, "10.0.0.5")]);
        prop_assert!(inventory.tables().is_ok());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = Reader::default();
        files::take_text(&bytes, &mut reader);
        files::take_text(&[b"{\n{\"".as_slice(), &bytes].concat(), &mut reader);
    }
}
