use super::*;
use crate::inventory::model::Attribution;

#[test]
fn one_fitting_job_is_exact() {
    let trail =
        json!({ "Records": [create("eni-1", T0 + 30, "10.0.0.5"), delete("eni-1", T0 + 600)] });
    let inventory = inventory(&[job("nightly", T0, Some(T0 + 500)), trail]);
    let eni = eni(&inventory, "eni-1");
    assert_eq!(eni.job_name.as_deref(), Some("nightly"));
    assert_eq!(eni.attribution, Some(Attribution::Exact));
    assert_eq!((eni.valid_from, eni.valid_to), (Some(T0 + 30), Some(T0 + 600)));
    assert_eq!(eni.source, "cloudtrail");
    assert!(eni.job_arn.as_deref().unwrap().ends_with("processing-job/nightly"));
    assert_eq!(eni.eni_role, None);
}

#[test]
fn creation_may_precede_the_job_by_a_minute() {
    for (before, fits) in [(59, true), (60, true), (61, false)] {
        let inventory = inventory(&[
            job("nightly", T0, Some(T0 + 500)),
            create("eni-1", T0 - before, "10.0.0.5"),
        ]);
        let eni = eni(&inventory, "eni-1");
        assert_eq!(eni.attribution.is_some(), fits, "{before}: {}", eni.reason);
    }
    for (after, fits) in [(500, true), (501, false)] {
        let inventory = inventory(&[
            job("nightly", T0, Some(T0 + 500)),
            create("eni-1", T0 + after, "10.0.0.5"),
        ]);
        assert_eq!(eni(&inventory, "eni-1").attribution.is_some(), fits, "{after}");
    }
}

#[test]
fn several_fitting_jobs_are_shared_and_none_is_picked() {
    let inventory = inventory(&[
        job("b", T0, None),
        job("a", T0 + 10, None),
        create("eni-1", T0 + 20, "10.0.0.5"),
    ]);
    let eni = eni(&inventory, "eni-1");
    assert_eq!(eni.attribution, Some(Attribution::Shared));
    assert_eq!((&eni.job_name, &eni.job_arn), (&None, &None));
    assert_eq!(eni.job_candidates, ["a", "b"]);
}

#[test]
fn an_address_used_again_belongs_to_each_job_in_its_time() {
    let inventory = inventory(&[
        job("first", T0, Some(T0 + 300)),
        job("second", T0 + 400, Some(T0 + 700)),
        json!({ "Records": [
            create("eni-2", T0 + 410, "10.0.0.5"), delete("eni-2", T0 + 720),
            create("eni-1", T0 + 10, "10.0.0.5"), delete("eni-1", T0 + 320),
        ] }),
    ]);
    let jobs: Vec<_> = inventory.enis.iter().map(|eni| eni.job_name.as_deref().unwrap()).collect();
    assert_eq!(jobs, ["first", "second"]);
    assert!(inventory.enis[0].valid_to <= inventory.enis[1].valid_from);
}

#[test]
fn other_groups_subnet_or_role_do_not_fit() {
    let mut group = create("eni-1", T0 + 5, "10.0.0.5");
    group["responseElements"]["networkInterface"]["groupSet"]["items"][0]["groupId"] =
        json!("sg-b");
    let mut subnet = create("eni-2", T0 + 5, "10.0.0.6");
    subnet["responseElements"]["networkInterface"]["subnetId"] = json!("subnet-b");
    let mut role = create("eni-3", T0 + 5, "10.0.0.7");
    role["userIdentity"]["arn"] = json!("arn:aws:sts::111122223333:assumed-role/other/SageMaker");
    let mut user = create("eni-4", T0 + 5, "10.0.0.8");
    user["userIdentity"]["arn"] = json!("arn:aws:iam::111122223333:user/job-role");
    let inventory = inventory(&[job("nightly", T0, None), json!([group, subnet, role, user])]);
    assert_eq!(inventory.enis.len(), 4);
    for eni in &inventory.enis {
        assert_eq!(eni.attribution, None, "{eni:#?}");
        assert!(eni.reason.contains("no "), "{}", eni.reason);
    }
}

#[test]
fn interfaces_of_others_are_no_job_interfaces() {
    let change = |id: &str, key: &str, value: Value| {
        let mut eni = described(id, &["10.0.0.9"]);
        eni["Attachment"] = json!({ "AttachTime": T0 + 5 });
        eni[key] = value;
        eni
    };
    let enis = json!({ "NetworkInterfaces": [
        change("eni-1", "Description", json!("[Do not delete] Network Interface created to access resources in your VPC for SageMaker Notebook Instance nb")),
        change("eni-2", "Description", json!("[DO NOT DELETE] ENI managed by SageMaker for Studio Domain(d-x) - 0")),
        change("eni-3", "Attachment", json!({ "AttachTime": T0 + 5, "InstanceId": "i-1", "InstanceOwnerId": "111122223333" })),
        change("eni-4", "InterfaceType", json!("natGateway")),
        change("eni-5", "InterfaceType", json!("lambda")),
        change("eni-6", "RequesterId", json!("amazon-elb")),
        described("eni-7", &["10.0.0.10"]),
        described("eni-8", &["10.0.0.11"]),
        change("eni-a", "Description", json!("arn:aws:ecs:us-east-1:111122223333:attachment/x")),
        change("eni-b", "Description", json!("Attached to Glue using role: arn:aws:iam::111122223333:role/etl")),
        change("eni-9", "Attachment", json!({ "AttachTime": T0 + 5, "InstanceOwnerId": "444455556666" })),
    ] });
    let endpoint = json!({ "VpcEndpoints": [{ "VpcEndpointId": "vpce-1", "NetworkInterfaceIds": ["eni-7"] }] });
    let gateway = json!({ "NatGateways": [{ "NatGatewayId": "nat-1", "NatGatewayAddresses": [{ "NetworkInterfaceId": "eni-8" }] }] });
    let inventory = inventory(&[job("nightly", T0, None), enis, endpoint, gateway]);
    let owners: Vec<_> = inventory.enis.iter().map(|eni| eni.belongs_to.as_deref()).collect();
    let expected = [
        "notebook",
        "studio",
        "instance",
        "nat_gateway",
        "lambda",
        "load_balancer",
        "vpc_endpoint",
        "nat_gateway",
    ];
    assert_eq!(owners[..8], expected.map(Some));
    assert!(inventory.enis[..8].iter().all(|eni| eni.attribution.is_none()));
    let owners = [&inventory.enis[9], &inventory.enis[10]].map(|eni| eni.belongs_to.as_deref());
    assert_eq!(owners, [Some("ecs"), Some("glue")]);
    assert_eq!(inventory.enis[2].instance_id.as_deref(), Some("i-1"));
    assert_eq!(inventory.enis[8].job_name.as_deref(), Some("nightly"), "{:#?}", inventory.enis[8]);
    assert!(inventory.enis[8].reason.contains("attachment"));
}

#[test]
fn without_a_creation_time_the_records_decide() {
    let inventory = inventory(&[
        job("nightly", T0, Some(T0 + 500)),
        json!({ "NetworkInterfaces": [described("eni-1", &["10.0.0.5"])] }),
    ]);
    let eni = eni(&inventory, "eni-1");
    assert_eq!((eni.created_at, eni.attribution, &eni.belongs_to), (None, None, &None));
    assert!(eni.reason.starts_with("creation time not known"), "{}", eni.reason);
}

#[test]
fn a_mapping_decides_and_splits() {
    let mapping = json!({
        "interface": "eni-1", "job": "mine", "from": iso(T0 + 100), "to": iso(T0 + 200),
        "role": "container",
    });
    let trail = json!([create("eni-1", T0 + 10, "10.0.0.5"), delete("eni-1", T0 + 300)]);
    let inventory = inventory(&[job("nightly", T0, None), trail, mapping]);
    let rows: Vec<_> = inventory
        .enis
        .iter()
        .map(|eni| {
            (
                eni.valid_from.unwrap() - T0,
                eni.valid_to.unwrap() - T0,
                eni.attribution,
                eni.job_name.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (10, 100, Some(Attribution::Exact), Some("nightly")),
            (100, 200, Some(Attribution::Declared), Some("mine")),
            (200, 300, Some(Attribution::Exact), Some("nightly")),
        ]
    );
    assert_eq!(inventory.enis[1].eni_role.as_deref(), Some("container"));
    assert_eq!(inventory.enis[1].addresses, ["10.0.0.5"]);
}

#[test]
fn a_mapping_alone_makes_rows() {
    let inventory = inventory(&[json!([
        { "interface_id": "eni-1", "job_name": "a", "from": T0, "to": T0 + 100 },
        { "interface_id": "eni-1", "job_name": "b", "from": T0 + 200 },
        { "interface_id": "eni-2", "job_name": "a" },
        { "interface_id": "eni-2", "job_name": "b" },
    ])]);
    assert_eq!(inventory.enis.len(), 3);
    assert_eq!(inventory.enis[1].job_name.as_deref(), Some("b"));
    assert_eq!((inventory.enis[1].valid_from, inventory.enis[1].valid_to), (Some(T0 + 200), None));
    assert_eq!(inventory.enis[2].attribution, Some(Attribution::Shared));
    assert_eq!(inventory.enis[2].job_candidates, ["a", "b"]);
}

#[test]
fn isolation_does_not_tell_the_role_of_an_interface() {
    // The container's should not be there, but what should not be there is what flowq looks for.
    let mut isolated = job("quiet", T0, None);
    isolated["NetworkConfig"]["EnableNetworkIsolation"] = json!(true);
    let inventory = inventory(&[isolated, create("eni-1", T0 + 5, "10.0.0.5")]);
    assert_eq!(eni(&inventory, "eni-1").eni_role, None);
}

#[test]
fn more_interfaces_than_a_job_can_have_are_not_exact() {
    let one = |count: usize, instances: i32| {
        let mut job = job("nightly", T0, Some(T0 + 500));
        job["ProcessingResources"] = json!({ "ClusterConfig": { "InstanceCount": instances } });
        let mut documents = vec![job];
        for at in 0..count {
            let id = format!("eni-{at}");
            documents.push(create(&id, T0 + 30, &format!("10.0.0.{at}")));
        }
        inventory(&documents)
    };
    let all = |inventory: &Inventory, expected_attribution| {
        inventory.enis.iter().all(|eni| eni.attribution == Some(expected_attribution))
    };
    assert!(all(&one(2, 1), Attribution::Exact) && all(&one(6, 3), Attribution::Exact));
    let surplus = one(3, 1);
    assert!(all(&surplus, Attribution::Inferred), "{:#?}", surplus.enis);
    assert!(surplus.enis[0].reason.starts_with("3 interfaces fit nightly, which can have 2"));
    assert!(all(&one(7, 3), Attribution::Inferred));
}

#[test]
fn interfaces_one_after_the_other_are_no_surplus() {
    let mut job = job("nightly", T0, Some(T0 + 900));
    job["ProcessingResources"] = json!({ "ClusterConfig": { "InstanceCount": 1 } });
    let life = |id: &str, from: i64, to: i64| {
        json!([create(id, T0 + from, "10.0.0.5"), delete(id, T0 + to)])
    };
    let mut documents =
        vec![job, life("eni-1", 10, 300), life("eni-2", 10, 300), life("eni-3", 300, 700)];
    let made = inventory(&documents);
    assert!(made.enis.iter().all(|eni| eni.attribution == Some(Attribution::Exact)));
    // One that stays counts beside all that come after it.
    documents.push(create("eni-4", T0 + 20, "10.0.0.9"));
    let made = inventory(&documents);
    assert!(made.enis.iter().all(|eni| eni.attribution == Some(Attribution::Inferred)));
}

#[test]
fn interfaces_that_name_another_service_are_no_job_interfaces() {
    let of = |key: &str, value: &str| {
        let mut eni = described("eni-1", &["10.0.0.9"]);
        eni["Attachment"] = json!({ "AttachTime": T0 + 5 });
        eni[key] = json!(value);
        let made = inventory(&[job("nightly", T0, None), json!({ "NetworkInterfaces": [eni] })]);
        let eni = made.enis.into_iter().next().unwrap();
        (eni.belongs_to, eni.attribution.is_some())
    };
    for (key, value, owner) in [
        ("Description", "Created by AWS DataSync for task-0a1b", "datasync"),
        ("Description", "Created for FSx file system fs-0a1b", "fsx"),
        ("Description", "DO NOT DELETE - Amazon MSK network interface for cluster x", "msk"),
        ("Description", "AWS CodeBuild-build-1", "codebuild"),
        ("RequesterId", "amazon-efs", "efs"),
        ("InterfaceType", "lambda", "lambda"),
        ("InterfaceType", "vpc_endpoint", "vpc_endpoint"),
    ] {
        assert_eq!(of(key, value), (Some(owner.to_owned()), false), "{value}");
    }
    for (key, value) in [
        ("Description", ""),
        ("Description", "Amazon SageMaker interface for FSx access"),
        ("Description", "prefsx"),
        ("RequesterId", "123456789012"),
        ("RequesterId", "amazon-aws"),
    ] {
        assert_eq!(of(key, value), (None, true), "{value}");
    }
}
