//! A column made alone is the column made beside all others, so that what `COLUMNS` says each one needs is
//! what it needs.

use crate::enrich::COLUMNS;
use crate::enrich::tests::fixture::{
    annotate, association, context, job, job_eni, network, route, some,
};
use crate::inventory::model::Eni;

#[test]
fn each_column_needs_what_it_says() {
    let mut inventory = network();
    inventory.jobs =
        vec![job("one", 1000, Some(2000), &[]), job("two", 1000, Some(2000), &["subnet-2"])];
    inventory.jobs[0].network_isolation = Some(true);
    inventory.enis.extend([
        Eni {
            eni_role: some("container"),
            account_id: some("111122223333"),
            ..job_eni("eni-a", "one", &["10.0.1.5"], 1000, 2000)
        },
        job_eni("eni-b", "one", &["10.0.1.6"], 1000, 2000),
    ]);
    inventory.routes = vec![route("rtb-1", "0.0.0.0/0", "nat-1")];
    inventory.route_table_associations = vec![association("rtb-1", Some("subnet-1"))];
    let context = context(inventory);
    let table = "interface_id start end log_status account_id region vpc_id subnet_id instance_id \
                 interface_type resource_id flow_direction srcaddr dstaddr pkt_srcaddr pkt_dstaddr \
                 srcport dstport protocol tcp_flags pkt_src_aws_service pkt_dst_aws_service \
                 traffic_path next_hop_interface_id next_hop_interface_type
         eni-a 1500 1560 OK - - - - - - - - 10.0.1.5 10.0.1.6 - - 1 2 6 2 - - - - -
         eni-a 1500 1560 OK - - - - - - - - 10.0.1.5 52.216.1.1 - - 1 2 6 2 - - - - -
         eni-a 1500 1560 OK - - - - - - - - 10.0.1.5 52.216.1.1 - - 1 2 6 2 - - 7 - -
         eni-a 1500 1560 OK - - - - - - - - 10.0.1.5 10.0.1.50 - - 1 2 6 18 - - 1 - -
         eni-x 1500 1560 OK 1 us-west-2 vpc-1 subnet-2 - - - egress 10.0.1.5 - - 52.216.1.1 1 2 6 2 - - - - -
         eni-x 1500 1560 OK 1 - vpc-1 subnet-2 - - - ingress - 10.0.1.5 192.0.2.1 - 1 2 6 2 S3 - - - -
         eni-x 1500 1560 OK 1 - vpc-1 subnet-2 i-1 - - egress 10.0.1.5 192.0.2.1 - - 1 2 6 2 - S3 - eni-s3 vpc_endpoint
         eni-n 1500 1560 OK 1 - vpc-1 subnet-2 - nat_gateway - egress 10.0.1.5 192.0.2.1 - - 1 2 6 2 - - - - -
         - 1500 1560 OK - - - - - - nat-1 egress 10.0.1.5 192.0.2.1 - - 1 2 6 2 - - - - -
         eni-a 1500 1560 NODATA - - - - - - - egress 10.0.1.5 192.0.2.1 - - 1 2 6 2 - - - - -";
    let names: Vec<&str> = COLUMNS.iter().map(|info| info.name).collect();
    let together = annotate(&context, &names.join(" "), table);
    for (column, name) in names.iter().enumerate() {
        let alone = annotate(&context, name, table);
        let beside: Vec<&str> =
            together.iter().map(|line| line.split(' ').nth(column).unwrap()).collect();
        assert_eq!(alone, beside, "{name}");
        assert!(alone.iter().any(|value| value != "-") || *name == "job_candidates", "{name}");
    }
}
