use crate::detection::Finding;
use crate::detection::tests::{World, findings, shown};

const ENIS: &str = "
    interface_id vpc_id subnet_id security_group_ids
    eni-a        vpc-1  subnet-1  sg-job
    eni-b        vpc-1  subnet-2  sg-job";
const FIELDS: &str = "confidence interface_id local_addr remote_addr remote_port flows cause";

/// The command of a finding; Terraform stands below it.
fn command(finding: &Finding) -> &str {
    finding.remediation.as_deref().unwrap().lines().next().unwrap()
}

fn world(conversations: &'static str) -> World {
    World { conversations, enis: ENIS, ..World::default() }
}

#[tokio::test]
async fn refused_at_the_receiver_is_its_security_group() {
    let mut world = world(
        "interface_id job_name attribution local_addr local_port remote_addr remote_port protocol remote_interface_id remote_scope opened_by records accepted_out rejected_in rejected_syn rejected_first rejected_last
         eni-a        j        exact       10.0.1.5   40000      10.0.1.6    7077        6        eni-b               same-job     local     1       1            0           0            -   -
         eni-b        j        exact       10.0.1.6   7077       10.0.1.5    40000       6        eni-a               same-job     remote    1       0            1           1            100 200
         eni-a        j        exact       10.0.1.5   40001      10.0.1.6    7077        6        eni-b               same-job     local     1       1            0           0            -   -
         eni-b        j        exact       10.0.1.6   7077       10.0.1.5    40001       6        eni-a               same-job     remote    1       0            1           1            150 250",
    );
    let found = findings("blocked-inter-container", &world).await;
    assert_eq!(
        shown(&found, FIELDS),
        [
            "strong | eni-a | 10.0.1.5 | 10.0.1.6 | 7077 | 2 | receiver's security group (or inbound network ACL): the rules of sg-job are not in the inventory; the network ACL of subnet-2 is not in the inventory"
        ]
    );
    assert_eq!(
        command(&found[0]),
        "aws ec2 authorize-security-group-ingress --group-id sg-job --protocol tcp --port 7077 --source-group sg-job"
    );

    world.rules = "
        security_group_id direction protocol from_port to_port peer
        sg-job            egress    -1       -         -       0.0.0.0/0
        sg-job            ingress   tcp      22        22      sg-job";
    let found = findings("blocked-inter-container", &world).await;
    assert_eq!(
        shown(&found, "cause"),
        ["receiver's security group: sg-job allows no ingress from itself on tcp/7077"]
    );

    world.rules = "
        security_group_id direction protocol from_port to_port peer
        sg-job            ingress   tcp      7000      7999    sg-job";
    world.acls = "
        network_acl_id subnet_id direction rule_number rule_action protocol cidr       from_port to_port
        acl-1          subnet-2  ingress   90          deny        6        10.0.0.0/8 7077      7077
        acl-1          subnet-2  ingress   100         allow       -1       0.0.0.0/0  -         -";
    world.subnets = "
        subnet_id cidrs
        subnet-1  10.0.1.0/24";
    let found = findings("blocked-inter-container", &world).await;
    assert_eq!(
        [format!("{} | {}", shown(&found, "cause")[0], command(&found[0]))],
        [
            "receiver's inbound network ACL: entry 90 of acl-1 denies ingress from 10.0.0.0/8 on tcp/7077 | aws ec2 create-network-acl-entry --network-acl-id acl-1 --ingress \
          --rule-action allow --rule-number 89 --cidr-block 10.0.1.0/24 --protocol 6 --port-range From=7077,To=7077"
        ]
    );
}

#[tokio::test]
async fn refused_at_the_sender_is_its_egress() {
    let found = findings("blocked-inter-container", &world(
        "interface_id job_name attribution local_addr local_port remote_addr remote_port protocol remote_interface_id remote_scope opened_by records rejected_out rejected_syn rejected_first rejected_last
         eni-a        j        exact       10.0.1.5   40000      10.0.1.6    7077        6        eni-b               same-job     local     2       2            2            100 200",
    ))
    .await;
    assert_eq!(
        shown(&found, FIELDS),
        [
            "strong | eni-a | 10.0.1.5 | 10.0.1.6 | 7077 | 2 | sender's security group egress (or outbound network ACL): the rules of sg-job are not in the inventory; the network ACL of subnet-1 is not in the inventory"
        ]
    );
    assert_eq!(
        command(&found[0]),
        "aws ec2 authorize-security-group-egress --group-id sg-job --ip-permissions \
         'IpProtocol=tcp,FromPort=7077,ToPort=7077,UserIdGroupPairs=[{GroupId=sg-job}]'"
    );
}

#[tokio::test]
async fn a_refused_reply_is_the_network_acl() {
    let mut world = world(
        "interface_id job_name attribution local_addr local_port remote_addr remote_port protocol remote_interface_id remote_scope opened_by records accepted_out accepted_in rejected_in rejected_syn rejected_first rejected_last
         eni-a        j        exact       10.0.1.6   40000      10.0.1.5    7077        6        eni-b               same-job     local     2       1            0           1           1            100 200
         eni-b        j        exact       10.0.1.5   7077       10.0.1.6    40000       6        eni-a               same-job     remote    2       1            1           0           0            -   -",
    );
    let found = findings("blocked-inter-container", &world).await;
    assert_eq!(
        shown(&found, FIELDS),
        [
            "strong | eni-a | 10.0.1.6 | 10.0.1.5 | 7077 | 2 | network ACL: the network ACL of subnet-1 is not in the inventory"
        ]
    );
    world.acls = "
        network_acl_id subnet_id direction rule_number rule_action protocol cidr       from_port to_port
        acl-1          subnet-1  ingress   100         allow       6        10.0.0.0/8 0         1023";
    let found = findings("blocked-inter-container", &world).await;
    assert!(command(&found[0]).contains("--port-range From=1024,To=65535"), "{found:?}");
}

#[tokio::test]
async fn late_packets_after_close_are_quiet_and_mid_stream_ones_are_not() {
    let late = "interface_id job_name attribution local_addr local_port remote_addr remote_port protocol remote_interface_id remote_scope opened_by records accepted_out accepted_in rejected_in rejected_flagless closed_at rejected_first rejected_last
         eni-a        j        exact       10.0.1.5   40000      10.0.1.6    7077        6        eni-b               same-job     local     2       1            1           0           0                200       -    -
         eni-b        j        exact       10.0.1.6   7077       10.0.1.5    40000       6        eni-a               same-job     remote    3       1            1           1           1                200       230  240";
    assert_eq!(findings("blocked-inter-container", &world(late)).await, []);
    let open = "interface_id job_name attribution local_addr local_port remote_addr remote_port protocol remote_interface_id remote_scope opened_by records accepted_out accepted_in rejected_in rejected_flagless closed_at rejected_first rejected_last
         eni-b        j        exact       10.0.1.6   7077       10.0.1.5    40000       6        eni-a               same-job     remote    3       1            1           1           1                -         230  240";
    let found = findings("blocked-inter-container", &world(open)).await;
    assert_eq!(shown(&found, "interface_id local_addr remote_port"), ["eni-a | 10.0.1.5 | 7077"]);
    let no_flags = "interface_id job_name attribution local_addr local_port remote_addr remote_port protocol remote_interface_id remote_scope opened_by records accepted_out accepted_in rejected_in rejected_first rejected_last accepted_out_first accepted_in_first
         eni-a        j        exact       10.0.1.5   40000      10.0.1.6    7077        6        eni-b               same-job     local     2       1            1           0           -    -    100 110
         eni-b        j        exact       10.0.1.6   7077       10.0.1.5    40000       6        eni-a               same-job     remote    3       1            1           1           230  240  110 110";
    let found = findings("blocked-inter-container", &world(no_flags)).await;
    assert_eq!(shown(&found, "severity confidence"), ["low | weak"]);
    // It worked only after it had been refused: no late packet.
    let later = "interface_id job_name attribution local_addr local_port remote_addr remote_port protocol remote_interface_id remote_scope opened_by records accepted_out accepted_in rejected_in rejected_first rejected_last accepted_out_first accepted_in_first
         eni-a        j        exact       10.0.1.5   40000      10.0.1.6    7077        6        eni-b               same-job     local     2       1            1           0           -    -    100 250
         eni-b        j        exact       10.0.1.6   7077       10.0.1.5    40000       6        eni-a               same-job     remote    3       1            1           1           230  240  250 250";
    let found = findings("blocked-inter-container", &world(later)).await;
    assert_eq!(shown(&found, "severity confidence"), ["medium | strong"]);
}

#[tokio::test]
async fn esp_both_ways_is_one_finding_and_reject_reason_is_the_cause() {
    let found = findings("blocked-inter-container", &world(
        "interface_id job_name job_candidates attribution local_addr local_port remote_addr remote_port protocol remote_interface_id remote_scope opened_by records accepted_out rejected_in rejected_first rejected_last reject_reason
         eni-a        -        j,k            shared      10.0.1.5   0          10.0.1.6    0           50       eni-b               same-job     local     2       1            1           100 200 -
         eni-b        -        j,k            shared      10.0.1.6   0          10.0.1.5    0           50       eni-a               same-job     local     2       1            1           100 200 -
         eni-a        x        -              exact       10.0.1.5   0          10.0.1.8    0           1        eni-c               same-job     -         1       0            1           100 200 BPA",
    ))
    .await;
    assert_eq!(
        shown(&found, "job_candidates confidence local_addr remote_addr protocol cause"),
        [
            r#"["j","k"] | inferred | 10.0.1.5 | 10.0.1.6 | 50 | receiver's security group (or inbound network ACL): the rules of sg-job are not in the inventory; the network ACL of subnet-2 is not in the inventory"#,
            "[] | proven | 10.0.1.8 | 10.0.1.5 | 1 | BPA",
        ]
    );
    assert!(
        found[0]
            .remediation
            .as_deref()
            .unwrap()
            .contains("'IpProtocol=50,UserIdGroupPairs=[{GroupId=sg-job}]'")
    );
}
