use super::*;

#[test]
fn dry_runs_and_errors_did_nothing() {
    let mut dry = create("eni-1", T0, "10.0.0.5");
    dry["errorCode"] = json!("Client.DryRunOperation");
    let mut failed = delete("eni-2", T0 + 50);
    failed["errorCode"] = json!("Client.InvalidParameterValue");
    let inventory =
        inventory(&[json!({ "Records": [dry, create("eni-2", T0, "10.0.0.6"), failed] })]);
    assert_eq!(eni(&inventory, "eni-2").valid_to, None);
    assert_eq!(inventory.enis.len(), 1);
}

#[test]
fn absence_from_a_later_whole_listing_ends_a_life() {
    let (one, two) = (described("eni-1", &["10.0.0.5"]), described("eni-2", &["10.0.0.6"]));
    let three = described("eni-3", &["10.0.0.5"]);
    let inventory = inventory(&[
        listing(T0, &[one.clone(), two.clone()]),
        listing(T0 + 60, &[one, two.clone()]),
        listing(T0 + 120, &[two.clone(), three]),
    ]);
    let life = |id| (eni(&inventory, id).valid_from, eni(&inventory, id).valid_to);
    assert_eq!(life("eni-1"), (None, Some(T0 + 60)));
    assert_eq!(life("eni-2"), (None, None));
    // It was not there at the listing before.
    assert_eq!(life("eni-3"), (Some(T0 + 60), None));
}

#[test]
fn pages_are_one_listing() {
    let mut first = listing(T0, &[described("eni-1", &["10.0.0.5"])]);
    first["NextToken"] = json!("more");
    let second = listing(T0 + 1, &[described("eni-2", &["10.0.0.6"])]);
    let inventory = inventory(&[second, first]);
    assert_eq!(eni(&inventory, "eni-1").valid_to, None);
    assert_eq!(eni(&inventory, "eni-2").valid_from, None);
}

#[test]
fn sources_fill_each_others_gaps() {
    let mut bare = create("eni-1", T0, "10.0.0.5");
    let interface = &mut bare["responseElements"]["networkInterface"];
    interface["subnetId"] = Value::Null;
    interface["vpcId"] = Value::Null;
    interface["groupSet"] = Value::Null;
    bare["requestParameters"] = json!({});
    let inventory = inventory(&[
        bare,
        json!({ "NetworkInterfaces": [described("eni-1", &["10.0.0.5", "10.0.0.7"])] }),
        listing(T0 + 30, &[described("eni-1", &["10.0.0.5", "10.0.0.6"])]),
    ]);
    let eni = eni(&inventory, "eni-1");
    assert_eq!(eni.subnet_id.as_deref(), Some("subnet-a"));
    assert_eq!(eni.security_group_ids, ["sg-a"]);
    assert_eq!(eni.addresses, ["10.0.0.5", "10.0.0.6", "10.0.0.7"]);
    assert_eq!(eni.valid_from, Some(T0));
    assert_eq!(eni.source, "cloudtrail");
}

#[test]
fn an_assigned_address_begins_an_interval() {
    let call = |name: &str, at: i64| {
        json!({
            "eventSource": "ec2.amazonaws.com", "eventName": name, "eventTime": iso(at),
            "requestParameters": {
                "networkInterfaceId": "eni-1",
                "privateIpAddressesSet": { "item": [{ "privateIpAddress": "10.0.0.6" }] },
            },
            "responseElements": null,
        })
    };
    let inventory = inventory(&[
        create("eni-1", T0, "10.0.0.5"),
        call("AssignPrivateIpAddresses", T0 + 10),
        call("UnassignPrivateIpAddresses", T0 + 20),
    ]);
    let rows: Vec<_> = inventory
        .enis
        .iter()
        .map(|eni| (eni.valid_from.unwrap() - T0, eni.addresses.len()))
        .collect();
    assert_eq!(rows, [(0, 1), (10, 2), (20, 1)]);
    assert_eq!(inventory.enis[1].valid_to, Some(T0 + 20));
}

#[test]
fn config_history_makes_a_life() {
    let configuration = json!({
        "networkInterfaceId": "eni-1", "subnetId": "subnet-a", "vpcId": "vpc-a",
        "ownerId": "111122223333", "availabilityZone": "eu-west-1a",
        "groups": [{ "groupId": "sg-a", "groupName": "jobs" }],
        "privateIpAddresses": [{ "privateIpAddress": "10.0.0.5", "primary": true }],
        "attachment": { "attachTime": iso(T0 + 3) }, "association": null,
    });
    let item = |status: &str, at: i64, configuration: Value| {
        json!({
            "resourceType": "AWS::EC2::NetworkInterface", "resourceId": "eni-1",
            "accountId": "111122223333", "awsRegion": "eu-west-1",
            "configurationItemStatus": status, "configurationItemCaptureTime": at as f64,
            "configuration": configuration,
        })
    };
    let inventory = inventory(&[
        job("nightly", T0, None),
        json!({ "configurationItems": [
            item("ResourceDeleted", T0 + 300, Value::Null),
            item("ResourceDiscovered", T0 + 20, json!(configuration.to_string())),
            { "resourceType": "AWS::EC2::Subnet", "resourceId": "subnet-a" },
        ] }),
    ]);
    let eni = eni(&inventory, "eni-1");
    assert_eq!((eni.valid_from, eni.valid_to), (Some(T0 + 3), Some(T0 + 300)));
    assert_eq!((eni.source.as_str(), eni.job_name.as_deref()), ("config", Some("nightly")));
    assert_eq!(eni.addresses, ["10.0.0.5"]);
}

#[test]
fn the_better_source_decides_the_end() {
    let item = json!({
        "resourceType": "AWS::EC2::NetworkInterface", "resourceId": "eni-1",
        "configurationItemStatus": "ResourceDeleted", "configurationItemCaptureTime": iso(T0 + 400),
    });
    let inventory = inventory(&[create("eni-1", T0, "10.0.0.5"), item, delete("eni-1", T0 + 300)]);
    assert_eq!(eni(&inventory, "eni-1").valid_to, Some(T0 + 300));
}

#[test]
fn ip_ranges_have_a_history() {
    let file = |date: &str, cidrs: &[&str]| {
        let prefixes: Vec<Value> = cidrs
            .iter()
            .map(|cidr| json!({ "ip_prefix": cidr, "region": "eu-west-1", "service": "S3" }))
            .collect();
        json!({ "createDate": date, "prefixes": prefixes, "ipv6_prefixes": [] })
    };
    let inventory = inventory(&[
        file("2026-01-03-00-00-00", &["192.0.2.0/24"]),
        file("2026-01-01-00-00-00", &["192.0.2.0/24", "198.51.100.0/24"]),
        file("2026-01-02-00-00-00", &["198.51.100.0/24", "203.0.113.0/24"]),
    ]);
    let day = |day: i64| Some(1_767_225_600 + (day - 1) * 86_400);
    let rows: Vec<_> =
        inventory.ip_ranges.iter().map(|r| (r.cidr.as_str(), r.valid_from, r.valid_to)).collect();
    assert_eq!(
        rows,
        [
            ("192.0.2.0/24", None, day(2)),
            ("192.0.2.0/24", day(3), None),
            ("198.51.100.0/24", None, day(3)),
            ("203.0.113.0/24", day(2), day(3)),
        ]
    );
}

#[test]
fn an_attachment_is_no_creation_of_what_others_own() {
    let attached = |id: &str, attachment: Value| {
        let mut eni = described(id, &["10.0.0.5"]);
        eni["Attachment"] = attachment;
        eni
    };
    let inventory = inventory(&[json!({ "NetworkInterfaces": [
        attached("eni-1", json!({ "AttachTime": iso(T0) })),
        attached("eni-2", json!({ "AttachTime": iso(T0), "InstanceId": "i-1" })),
    ] })]);
    assert_eq!(eni(&inventory, "eni-1").valid_from, Some(T0));
    assert_eq!(
        (eni(&inventory, "eni-2").valid_from, eni(&inventory, "eni-2").created_at),
        (None, None)
    );
}
