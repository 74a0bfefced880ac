use super::*;

#[test]
fn routes_and_their_associations() {
    let inventory = inventory(&[json!({ "RouteTables": [{
        "RouteTableId": "rtb-1", "VpcId": "vpc-a",
        "Routes": [
            { "DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active", "Origin": "CreateRouteTable" },
            { "DestinationPrefixListId": "pl-1", "GatewayId": "vpce-1", "State": "active" },
            { "DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1", "State": "blackhole" },
            { "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1" },
        ],
        "Associations": [
            { "Main": true, "RouteTableAssociationId": "x" },
            { "Main": false, "SubnetId": "subnet-a", "AssociationState": { "State": "associated" } },
            { "Main": false, "GatewayId": "igw-1" },
        ],
    }] })]);
    let routes: Vec<_> =
        inventory.routes.iter().map(|r| (r.destination.as_str(), r.target.as_str())).collect();
    assert_eq!(
        routes,
        [("0.0.0.0/0", "nat-1"), ("10.0.0.0/16", "local"), ("::/0", "eigw-1"), ("pl-1", "vpce-1")]
    );
    let main: Vec<_> = inventory
        .route_table_associations
        .iter()
        .map(|a| (a.subnet_id.as_deref(), a.main))
        .collect();
    assert_eq!(main, [(None, true), (Some("subnet-a"), false)]);
}

#[test]
fn both_answers_of_security_groups_are_one_rule() {
    let inventory = inventory(&[
        json!({ "SecurityGroups": [{
            "GroupId": "sg-a", "VpcId": "vpc-a",
            "IpPermissions": [{ "IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535,
                "UserIdGroupPairs": [{ "GroupId": "sg-a", "UserId": "111122223333" }] }],
            "IpPermissionsEgress": [{ "IpProtocol": "-1",
                "IpRanges": [{ "CidrIp": "0.0.0.0/0" }], "PrefixListIds": [{ "PrefixListId": "pl-1" }] }],
        }] }),
        json!({ "SecurityGroupRules": [
            { "SecurityGroupRuleId": "sgr-1", "GroupId": "sg-a", "IsEgress": true, "IpProtocol": "-1",
              "FromPort": -1, "ToPort": -1, "CidrIpv4": "0.0.0.0/0" },
            { "SecurityGroupRuleId": "sgr-2", "GroupId": "sg-a", "IsEgress": false, "IpProtocol": "tcp",
              "FromPort": 0, "ToPort": 65535, "ReferencedGroupInfo": { "GroupId": "sg-a" } },
        ] }),
    ]);
    let rules: Vec<_> = inventory
        .security_group_rules
        .iter()
        .map(|r| {
            (
                r.direction.as_str(),
                r.peer.as_str(),
                r.from_port,
                r.rule_id.as_deref(),
                r.vpc_id.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        rules,
        [
            ("egress", "0.0.0.0/0", None, Some("sgr-1"), Some("vpc-a")),
            ("egress", "pl-1", None, None, Some("vpc-a")),
            ("ingress", "sg-a", Some(0), Some("sgr-2"), Some("vpc-a")),
        ]
    );
}

#[test]
fn network_acls_vpcs_subnets_gateways_and_flow_logs() {
    let inventory = inventory(&[
        json!({ "NetworkAcls": [{ "NetworkAclId": "acl-1", "VpcId": "vpc-a",
            "Associations": [{ "SubnetId": "subnet-a" }, { "SubnetId": "subnet-b" }],
            "Entries": [{ "Egress": false, "RuleNumber": 100, "RuleAction": "deny", "Protocol": "6",
                "CidrBlock": "0.0.0.0/0", "PortRange": { "From": 1024, "To": 65535 } }] }],
          "Vpcs": [{ "VpcId": "vpc-a", "OwnerId": "111122223333", "CidrBlock": "10.0.0.0/16",
            "CidrBlockAssociationSet": [
                { "CidrBlock": "10.0.0.0/16", "CidrBlockState": { "State": "associated" } },
                { "CidrBlock": "10.9.0.0/16", "CidrBlockState": { "State": "disassociated" } }],
            "Ipv6CidrBlockAssociationSet": [{ "Ipv6CidrBlock": "2001:db8::/56", "Ipv6CidrBlockState": { "State": "associated" } }] }],
          "Subnets": [{ "SubnetId": "subnet-a", "VpcId": "vpc-a", "CidrBlock": "10.0.0.0/24", "AvailableIpAddressCount": 251 }] }),
        json!({ "VpcId": "vpc-a", "EnableDnsSupport": { "Value": true } }),
        json!({ "VpcId": "vpc-a", "EnableDnsHostnames": { "Value": false } }),
        json!({ "NatGateways": [{ "NatGatewayId": "nat-1", "State": "available",
            "CreateTime": "2026-03-10T00:00:00.000Z",
            "NatGatewayAddresses": [{ "PrivateIp": "10.0.0.9" }, { "PrivateIp": "10.0.0.10" }] }] }),
        json!({ "FlowLogs": [{ "FlowLogId": "fl-1", "LogGroupName": "g", "MaxAggregationInterval": 60 }] }),
    ]);
    assert_eq!(inventory.network_acl_entries.len(), 2);
    assert_eq!(inventory.network_acl_entries[0].from_port, Some(1024));
    assert_eq!(inventory.vpcs[0].cidrs, ["10.0.0.0/16", "2001:db8::/56"]);
    assert_eq!(
        (inventory.vpcs[0].dns_support, inventory.vpcs[0].dns_hostnames),
        (Some(true), Some(false))
    );
    assert_eq!(inventory.subnets[0].available_addresses, Some(251));
    assert_eq!(inventory.nat_gateways.len(), 2);
    assert_eq!(inventory.nat_gateways[0].created_at, Some(T0));
    assert_eq!(inventory.flow_logs[0].destination.as_deref(), Some("g"));
}

#[test]
fn an_entry_for_icmp_has_type_and_code_in_the_place_of_ports() {
    let entry = |number: i32, icmp: serde_json::Value| {
        json!({ "Egress": false, "RuleNumber": number, "RuleAction": "allow", "Protocol": "1",
            "CidrBlock": "0.0.0.0/0", "IcmpTypeCode": icmp })
    };
    let inventory = inventory(&[json!({ "NetworkAcls": [{ "NetworkAclId": "acl-1", "Entries": [
        entry(100, json!({ "Type": 3, "Code": 4 })),
        // All codes, all types, and the texts of XML's answers.
        entry(110, json!({ "Type": 8, "Code": -1 })),
        entry(120, json!({ "Type": -1, "Code": -1 })),
        entry(130, json!({ "Type": "11", "Code": "0" })),
    ] }] })]);
    let rows = inventory.network_acl_entries.iter().map(|row| (row.from_port, row.to_port));
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows, [(Some(3), Some(4)), (Some(8), None), (None, None), (Some(11), Some(0))]);
}

#[test]
fn prefix_lists_of_both_apis() {
    let (inventory, complaints) = complaining(&[
        json!({ "PrefixLists": [{ "PrefixListId": "pl-1", "PrefixListName": "com.amazonaws.eu-west-1.s3", "Cidrs": ["192.0.2.0/24"] }] }),
        json!({ "PrefixLists": [{ "PrefixListId": "pl-2", "PrefixListName": "mine", "MaxEntries": 5 }] }),
        json!({ "PrefixListId": "pl-2", "Entries": [{ "Cidr": "10.1.0.0/16", "Description": "x" }] }),
        json!({ "PrefixLists": [{ "PrefixListId": "pl-3" }] }),
        json!({ "Entries": [{ "Cidr": "10.2.0.0/16" }] }),
    ]);
    let rows: Vec<_> = inventory
        .prefix_lists
        .iter()
        .map(|e| (e.prefix_list_id.as_str(), e.name.as_deref(), e.cidr.as_deref()))
        .collect();
    assert_eq!(
        rows,
        [
            ("pl-1", Some("com.amazonaws.eu-west-1.s3"), Some("192.0.2.0/24")),
            ("pl-2", Some("mine"), Some("10.1.0.0/16")),
            ("pl-3", None, None),
        ]
    );
    assert_eq!(complaints.len(), 1);
    assert!(complaints[0].contains("hint: add \"PrefixListId\""), "{complaints:?}");
}

#[test]
fn a_job_is_merged_from_all_that_tells_of_it() {
    let arn = "arn:aws:sagemaker:eu-west-1:111122223333:processing-job/nightly";
    let inventory = inventory(&[
        job("nightly", T0, Some(T0 + 500)),
        json!({ "ProcessingJobSummaries": [{ "ProcessingJobName": "nightly", "ProcessingJobArn": arn,
            "CreationTime": iso(T0), "ProcessingJobStatus": "InProgress", "LastModifiedTime": T0 - 1 },
            { "ProcessingJobName": "listed-only", "CreationTime": iso(T0) }] }),
        json!({ "detail-type": "SageMaker Processing Job State Change", "time": iso(T0 + 20), "detail": {
            "ProcessingJobName": "nightly", "ProcessingJobArn": arn, "CreationTime": T0 * 1000,
            "ProcessingStartTime": (T0 + 10) * 1000,
            "ProcessingResources": { "ClusterConfig": { "InstanceCount": 2, "InstanceType": "ml.m5.large" } },
            "ProcessingInputs": [{ "S3Input": { "S3Uri": "s3://in/x", "S3DataType": "MANIFEST_FILE" } }],
            "NetworkConfig": { "VpcConfig": { "Subnets": ["subnet-a"], "SecurityGroupIds": ["sg-a"] } } } }),
        json!({ "eventSource": "sagemaker.amazonaws.com", "eventName": "CreateProcessingJob",
            "eventTime": iso(T0 + 1000),
            "requestParameters": { "processingJobName": "traced", "roleArn": "arn:aws:iam::111122223333:role/r",
                "networkConfig": { "vpcConfig": { "subnets": ["subnet-b"], "securityGroupIds": ["sg-b"] } } },
            "responseElements": { "processingJobArn": "arn:aws:sagemaker:eu-west-1:111122223333:processing-job/traced" } }),
    ]);
    assert_eq!(inventory.jobs.len(), 3);
    let [listed, nightly, traced] = &inventory.jobs[..] else { panic!() };
    assert_eq!((listed.in_vpc, listed.instance_count), (None, None));
    assert_eq!((nightly.started_at, nightly.ended_at), (Some(T0 + 10), Some(T0 + 500)));
    assert_eq!(nightly.region.as_deref(), Some("eu-west-1"));
    assert_eq!(nightly.s3_uris, ["s3://in/x"]);
    assert_eq!((traced.created_at, traced.in_vpc), (Some(T0 + 1000), Some(true)));
    assert_eq!(traced.subnet_ids, ["subnet-b"]);
}

#[test]
fn looked_up_events_hold_the_record_as_text() {
    let record = create("eni-1", T0, "10.0.0.5").to_string();
    let inventory =
        inventory(&[json!({ "Events": [{ "EventId": "x", "CloudTrailEvent": record }] })]);
    assert_eq!(eni(&inventory, "eni-1").created_at, Some(T0));
}

#[test]
fn a_response_date_is_the_time_of_the_listing() {
    let dated = |date: &str, enis: Value| {
        json!({ "NetworkInterfaces": enis,
            "ResponseMetadata": { "HTTPHeaders": { "date": date }, "HTTPStatusCode": 200 } })
    };
    let (one, two) = (described("eni-1", &["10.0.0.5"]), described("eni-2", &["10.0.0.6"]));
    let inventory = inventory(&[
        dated("Tue, 10 Mar 2026 00:00:00 GMT", json!([one, two.clone()])),
        dated("Tue, 10 Mar 2026 00:01:00 GMT", json!([two])),
    ]);
    assert_eq!(eni(&inventory, "eni-1").valid_to, Some(T0));
}

#[test]
fn what_is_not_recognised_is_named_and_its_neighbours_are_read() {
    let (inventory, complaints) = complaining(&[
        json!({ "Buckets": [], "Owner": {} }),
        json!({ "Records": [{ "s3": {} }, create("eni-1", T0, "10.0.0.5")] }),
        json!({ "Vpcs": [{ "VpcId": 5 }, { "VpcId": "vpc-a" }] }),
        json!([5]),
        json!({ "interface": "eni-2", "job": "x", "from": "yesterday" }),
    ]);
    assert_eq!((inventory.enis.len(), inventory.vpcs.len()), (1, 1));
    assert_eq!(complaints.len(), 5, "{complaints:#?}");
    assert!(complaints[0].contains("it has the keys Buckets, Owner"), "{complaints:?}");
    assert!(complaints[2].starts_with("Vpcs[0] does not fit"), "{complaints:?}");
    assert!(complaints[4].contains("hint: write RFC 3339"), "{complaints:?}");
}

#[test]
fn events_wrap_trail_records_and_config_items() {
    let wrap = |detail: Value| json!({ "detail-type": "x", "source": "aws.y", "detail": detail });
    let item = json!({ "configurationItem": {
        "resourceType": "AWS::EC2::NetworkInterface", "resourceId": "eni-1",
        "configurationItemStatus": "ResourceDeleted",
        "configurationItemCaptureTime": iso(T0 + 90),
    } });
    let inventory = inventory(&[wrap(create("eni-1", T0, "10.0.0.5")), wrap(item)]);
    let eni = eni(&inventory, "eni-1");
    assert_eq!((eni.valid_from, eni.valid_to), (Some(T0), Some(T0 + 90)));
}

#[test]
fn a_granted_permission_tells_of_the_creation() {
    let inventory = inventory(&[
        json!({
            "eventSource": "ec2.amazonaws.com", "eventName": "CreateNetworkInterfacePermission",
            "eventTime": iso(T0 + 2),
            "requestParameters": { "CreateNetworkInterfacePermissionRequest": {
                "NetworkInterfaceId": "eni-1", "AwsAccountId": "444455556666" } },
        }),
        listing(T0 + 30, &[described("eni-1", &["10.0.0.5"])]),
        job("nightly", T0, None),
    ]);
    let eni = eni(&inventory, "eni-1");
    assert_eq!(eni.job_name.as_deref(), Some("nightly"));
    assert!(eni.reason.contains("attachment"), "{}", eni.reason);
}

#[test]
fn digests_and_insights_are_told_apart_from_records() {
    let insight = json!({ "eventType": "AwsCloudTrailInsight", "eventCategory": "Insight",
        "eventTime": iso(T0), "insightDetails": { "eventName": "CreateNetworkInterface" } });
    let digest =
        json!({ "awsAccountId": "111122223333", "digestStartTime": iso(T0), "logFiles": [] });
    let (inventory, complaints) =
        complaining(&[json!({ "Records": [insight, create("eni-1", T0, "10.0.0.5")] }), digest]);
    assert_eq!(inventory.enis.len(), 1);
    assert!(complaints[0].contains("without eventName"), "{complaints:?}");
    assert!(complaints[1].contains("digestStartTime"), "{complaints:?}");
}

#[test]
fn the_vpc_is_taken_as_it_was_at_a_time() {
    let group = |at: i64, port: i32| {
        json!({ "CollectedAt": at, "SecurityGroups": [{ "GroupId": "sg-a", "GroupName": "jobs", "IpPermissions": [
            { "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{ "GroupId": "sg-a" }] },
        ] }] })
    };
    let mut reader = Reader::default();
    for document in [group(T0, 22), group(T0 + 100, 7077), group(T0 + 200, 8080)] {
        reader.read_document(document);
    }
    let at = |at: Option<i64>| {
        let made = merge::inventory_at(&reader.facts, at);
        (made.security_group_rules[0].from_port, made.observed)
    };
    let times = |at: i64| Some((at, at));
    assert_eq!(at(None), (Some(8080), times(T0 + 200)));
    assert_eq!(at(Some(T0 + 500)), (Some(8080), times(T0 + 200)));
    assert_eq!(at(Some(T0 + 199)), (Some(7077), times(T0 + 100)));
    assert_eq!(at(Some(T0)), (Some(22), times(T0)));
    // Nothing is known of the time before: the first answer after it is the best there is.
    assert_eq!(at(Some(T0 - 1)), (Some(22), times(T0)));
}

#[test]
fn groups_without_rules_and_dhcp_options_are_known() {
    let inventory = inventory(&[
        json!({ "SecurityGroups": [{ "GroupId": "sg-b", "GroupName": "none", "VpcId": "vpc-a" }] }),
        json!({ "DhcpOptions": [{ "DhcpOptionsId": "dopt-1", "DhcpConfigurations": [
            { "Key": "domain-name", "Values": [{ "Value": "corp.example" }] },
            { "Key": "domain-name-servers", "Values": [{ "Value": "10.0.0.2" }, { "Value": "10.0.0.3" }] },
        ] }] }),
    ]);
    let group = &inventory.security_groups[0];
    assert_eq!((group.security_group_id.as_str(), group.name.as_deref()), ("sg-b", Some("none")));
    let options = &inventory.dhcp_options[0];
    assert_eq!(options.domain_name.as_deref(), Some("corp.example"));
    assert_eq!(options.domain_name_servers, ["10.0.0.2", "10.0.0.3"]);
}

#[test]
fn the_policy_of_a_bucket_names_the_bucket() {
    let policy = |resource: Value| {
        let statement =
            json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": resource });
        json!({ "Policy": json!({ "Statement": [statement] }).to_string() })
    };
    let (inventory, complaints) = complaining(&[
        policy(json!(["arn:aws:s3:::data", "arn:aws:s3:::data/*"])),
        policy(json!("arn:aws:s3:::*")),
        policy(json!(["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"])),
    ]);
    let buckets: Vec<_> = inventory.bucket_policies.iter().map(|row| row.bucket.as_str()).collect();
    assert_eq!(buckets, ["data"]);
    assert_eq!(complaints.len(), 2, "{complaints:?}");
}

#[test]
fn private_dns_that_is_not_for_the_vpc() {
    let inventory = inventory(&[
        json!({ "VpcEndpoints": [{ "VpcEndpointId": "vpce-1", "PrivateDnsEnabled": true,
        "DnsOptions": { "DnsRecordIpType": "ipv4", "PrivateDnsOnlyForInboundResolverEndpoint": true } }] }),
    ]);
    assert_eq!(inventory.vpc_endpoints[0].private_dns_inbound_only, Some(true));
}

#[test]
fn an_empty_list_tells_that_there_is_nothing() {
    let inventory = inventory(&[json!({ "VpcEndpoints": [] })]);
    assert_eq!(inventory.listed, ["VpcEndpoints"]);
    assert!(inventory.vpc_endpoints.is_empty());
}

#[test]
fn what_sagemaker_made_is_known_by_who_asked_for_it() {
    let by = |change: &dyn Fn(&mut Value)| {
        let mut event = create("eni-1", T0, "10.0.0.5");
        event["userIdentity"]["arn"] = json!("arn:aws:sts::111122223333:assumed-role/job-role/me");
        change(&mut event);
        event
    };
    let permission = |grant: Value| {
        json!({ "eventSource": "ec2.amazonaws.com", "eventTime": iso(T0 + 2),
            "eventName": "CreateNetworkInterfacePermission", "requestParameters": grant })
    };
    let service = json!({ "CreateNetworkInterfacePermissionRequest": {
        "NetworkInterfaceId": "eni-1", "AwsService": "sagemaker.amazonaws.com" } });
    let account = json!({ "networkInterfaceId": "eni-1", "awsAccountId": "444455556666" });
    let listed = |key: &str, value: Value| {
        let mut eni = described("eni-1", &["2001:db8::5"]);
        eni[key] = value;
        listing(T0 + 30, &[eni])
    };
    let cases = [
        (create("eni-1", T0, "10.0.0.5"), Some("cloudtrail")),
        (
            by(&|e| e["userIdentity"]["invokedBy"] = json!("sagemaker.amazonaws.com")),
            Some("cloudtrail"),
        ),
        (by(&|e| e["sourceIPAddress"] = json!("sagemaker.amazonaws.com")), Some("cloudtrail")),
        // A user of that name, and another service, are not SageMaker.
        (
            by(&|e| e["userIdentity"]["arn"] = json!("arn:aws:iam::111122223333:user/SageMaker")),
            None,
        ),
        (by(&|e| e["sourceIPAddress"] = json!("lambda.amazonaws.com")), None),
        (permission(service), Some("permission")),
        (permission(account), None),
        (
            listed("Operator", json!({ "Managed": true, "Principal": "sagemaker.amazonaws.com" })),
            Some("operator"),
        ),
        (listed("RequesterId", json!("AROAEXAMPLE:SageMaker")), Some("requester")),
        (listed("RequesterId", json!("111122223333")), None),
        (listed("Description", json!("ENI for a SageMaker model")), Some("description")),
    ];
    for (document, from) in cases {
        let inventory = inventory(std::slice::from_ref(&document));
        let eni = eni(&inventory, "eni-1");
        assert_eq!(eni.made_by_from.as_deref(), from, "{document}");
        assert_eq!(eni.made_by.as_deref(), from.map(|_| "sagemaker"));
    }
    // The surest of several counts.
    let both = [listed("Description", json!("sagemaker")), create("eni-1", T0, "10.0.0.5")];
    assert_eq!(eni(&inventory(&both), "eni-1").made_by_from.as_deref(), Some("cloudtrail"));
}
