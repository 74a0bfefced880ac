use crate::detection::tests::{World, findings, shown};

#[tokio::test]
async fn only_what_is_known_to_go_around_is_reported() {
    let world = World {
        conversations: "
            interface_id eni_belongs_to job_name attribution vpc_id subnet_id region local_addr local_port remote_addr remote_port protocol remote_scope s3_path s3_evidence opened_by accepted_out accepted_in accepted_bytes_out accepted_bytes_in first_seen last_seen
            eni-1   -           a exact vpc-1 subnet-1 us-east-1 10.0.1.5    40000 52.216.0.1 443 6 s3 gateway-endpoint strong  local 1 1 1 1 100 200
            eni-1   -           a exact vpc-1 subnet-1 us-east-1 10.0.1.5    40001 52.216.0.2 443 6 s3 nat-gateway      proven  local 1 1 500 2000000000 100 200
            eni-1   -           a exact vpc-1 subnet-1 us-east-1 10.0.1.5    40002 52.216.0.3 443 6 s3 internet-gateway strong  local 1 0 60 0 100 200
            eni-1   -           a exact vpc-1 subnet-1 us-east-1 10.0.1.5    40003 52.216.0.4 443 6 s3 unknown          unknown local 1 1 1 1 100 200
            eni-1   -           a exact vpc-1 subnet-1 us-east-1 10.0.1.5    40004 52.216.0.5 443 6 s3 unknown          unknown local 1 1 1 1 100 200
            eni-1   -           a exact vpc-1 subnet-1 us-east-1 10.0.1.5    40005 52.95.0.1  443 6 s3 cross-region     inferred local 1 1 1 1 100 200
            eni-1   -           a exact vpc-1 subnet-2 us-east-1 2001:db8::5 40006 2600:1::1  443 6 s3 ipv6-around-endpoint inferred local 1 1 1 1 100 200
            eni-1   -           a exact vpc-1 subnet-1 us-east-1 10.0.1.5    40007 10.0.5.5   443 6 endpoint interface-endpoint strong local 1 1 1 1 100 200
            eni-1   -           a exact vpc-1 subnet-1 us-east-1 10.0.1.5    40008 52.216.0.6 443 6 s3 other            strong  local 1 1 1 1 100 200
            eni-nat nat_gateway - -     vpc-1 subnet-9 us-east-1 52.216.0.6  443   10.0.1.5   40008 6 vpc -  -  remote 1 1 1 1 150 260
            eni-nat nat_gateway - -     vpc-1 subnet-9 us-east-1 52.216.0.5  443   10.0.1.5   40004 6 vpc -  -  remote 1 1 1 1 150 260
            eni-nat nat_gateway - -     vpc-1 subnet-9 us-east-1 52.216.0.4  443   10.0.1.5   40003 6 vpc -  -  remote 1 1 1 1 9000 9100",
        tables: "
            route_table_id vpc_id subnet_id main
            rtb-1          vpc-1  subnet-1  false
            rtb-main       vpc-1  -         true",
        endpoints: "
            vpc_endpoint_id endpoint_type vpc_id service_name
            vpce-1          Gateway       vpc-1  com.amazonaws.us-east-1.s3",
        ..World::default()
    };
    let found = findings("s3-endpoint-bypass", &world).await;
    let mut rows = shown(&found, "remote_addr severity confidence path bytes_in");
    rows.sort();
    assert_eq!(
        rows,
        [
            "2600:1::1 | medium | inferred | ipv6-around-endpoint | 1",
            "52.216.0.2 | medium | proven | nat-gateway | 2000000000",
            "52.216.0.3 | medium | strong | internet-gateway | 0",
            "52.216.0.5 | medium | inferred | nat-gateway | 1",
            "52.216.0.6 | medium | strong | nat-gateway | 1",
            "52.95.0.1 | low | inferred | cross-region | 1",
        ]
    );
    let of = |addr: &str| found.iter().find(|f| f.remote_addr.as_deref() == Some(addr)).unwrap();
    assert_eq!(
        of("52.216.0.2").remediation.as_deref().unwrap().lines().next().unwrap(),
        "aws ec2 modify-vpc-endpoint --vpc-endpoint-id vpce-1 --add-route-table-ids rtb-1 --region us-east-1"
    );
    assert_eq!(
        of("52.216.0.2").reason.as_deref().unwrap(),
        "10.0.1.5 reached S3 at 52.216.0.2 through a NAT gateway (next_hop_interface_type); 2000000500 bytes in 1 connection, about 0.09 USD of NAT processing"
    );
    assert!(of("2600:1::1").remediation.as_deref().unwrap().contains("dualstack"));
    assert_eq!(of("52.216.0.5").evidence.len(), 2, "the record of the NAT gateway is evidence");
}

#[tokio::test]
async fn without_an_endpoint_the_advice_is_to_make_one() {
    let world = World {
        conversations: "
            interface_id job_name attribution vpc_id subnet_id region local_addr remote_addr remote_port protocol s3_path s3_evidence accepted_out
            eni-1        a        exact       vpc-1  subnet-1  eu-west-1 10.0.1.5 52.216.0.1 443 6 nat-gateway inferred 1",
        ..World::default()
    };
    let found = findings("s3-endpoint-bypass", &world).await;
    assert_eq!(
        found[0].remediation.as_deref().unwrap().lines().next().unwrap(),
        "aws ec2 create-vpc-endpoint --vpc-endpoint-type Gateway --vpc-id vpc-1 --service-name \
          com.amazonaws.eu-west-1.s3 --route-table-ids '<route table of subnet-1>' --region eu-west-1"
    );
}
