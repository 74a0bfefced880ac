//! The list of checks, and one file for each subject that they judge.

mod dns;
mod endpoints;
mod flow_logs;
mod jobs;
mod network_acls;
mod policies;
mod routes;
mod s3;
mod security_groups;
mod subnet_addresses;

use crate::audit::check::{Check, CheckFn};
use crate::audit::guide;
use crate::audit::guide::Section;
use crate::audit::subject::Scope;
use crate::detection::Severity;

const HIGH: Severity = Severity::High;
const MEDIUM: Severity = Severity::Medium;
const LOW: Severity = Severity::Low;

const fn check(
    id: &'static str,
    severity: Severity,
    (section, scope): (Section, Scope),
    ask: CheckFn,
    (title, help): (&'static str, &'static str),
) -> Check {
    Check { id, title, severity, section, scope, help, ask }
}

/// Every check, in the order of the guide.
#[rustfmt::skip]
pub const CHECKS: &[Check] = &[
    check("job-vpc-config", MEDIUM, (guide::CONFIGURE, Scope::Jobs), jobs::in_vpc, (
        "Jobs run without a VpcConfig",
        "Every processing job names subnets and security groups. A job that does not has no interface in the VPC: \
         its traffic is not controlled there and not logged.")),
    check("subnet-addresses", MEDIUM, (guide::ADDRESSES, Scope::Subnets), subnet_addresses::free, (
        "The subnets have too few free addresses",
        "The subnets of a job have two free private addresses for each of its instances, as many as the inventory \
         saw. A job that gets none fails before it has an interface.")),
    check("s3-endpoint", HIGH, (guide::S3, Scope::Subnet), s3::endpoint, (
        "S3 is not reached by a VPC endpoint",
        "A gateway endpoint of S3 is available, and the route table that the subnet really uses leads to it; or an \
         interface endpoint of S3 has private DNS.")),
    check("s3-endpoint-ipv6", MEDIUM, (guide::S3, Scope::Subnet), s3::ipv6, (
        "IPv6 goes around the S3 endpoint",
        "Where a subnet has IPv6 and a route that leads it out, the S3 endpoint takes IPv6 as well. Else S3's \
         dualstack names lead around it.")),
    check("s3-endpoint-routes", MEDIUM, (guide::ROUTES, Scope::Subnet), s3::beaten, (
        "A route takes S3 traffic away from the endpoint",
        "No route of the table is as narrow as, or narrower than, a range of S3's prefix list: the narrowest route \
         wins, over the endpoint's too.")),
    check("endpoint-policy", LOW, (guide::POLICY, Scope::Vpc), policies::full_access, (
        "The S3 endpoint gives full access",
        "The endpoint's policy is narrower than the one that AWS puts by default, which lets everyone do everything \
         in every bucket of anybody.")),
    check("endpoint-policy-allow", HIGH, (guide::POLICY, Scope::Vpc), policies::allows_nothing, (
        "The S3 endpoint's policy denies everything",
        "The endpoint's policy has a statement that allows something. The guide's examples only deny; alone they \
         block all of S3, with 403 inside TLS that flow logs cannot show.")),
    check("endpoint-policy-buckets", HIGH, (guide::POLICY, Scope::Vpc), policies::own, (
        "The S3 endpoint's policy denies jobs their own buckets",
        "The endpoint's policy allows the inputs and outputs of the jobs: each URI can be read or written. Policies \
         are evaluated as IAM does, and what depends on what is not known is not known. A bucket of another region \
         is not reached by the endpoint, whatever its policy says.")),
    check("endpoint-policy-repositories", LOW, (guide::REPOSITORIES, Scope::Vpc), policies::repositories, (
        "Packages can be installed from Amazon Linux repositories",
        "The endpoint's policy denies the buckets of Amazon Linux, Amazon Linux 2 and Amazon Linux 2023. The \
         guide's patterns do not name those of 2023. Flow logs cannot tell one bucket from another.")),
    check("bucket-policy", LOW, (guide::POLICY, Scope::Vpc), policies::buckets_limited, (
        "Buckets of the jobs take requests from outside the VPC",
        "The policies of the jobs' buckets deny requests that do not come by the VPC's endpoint (aws:SourceVpce or \
         aws:SourceVpc). Needs get-bucket-policy answers in the inventory.")),
    check("dns-support", HIGH, (guide::ROUTES, Scope::Vpc), dns::support, (
        "DNS support of the VPC is off",
        "enableDnsSupport is on: without it the VPC's resolver does not answer, and S3's names do not resolve.")),
    check("dns-hostnames", MEDIUM, (guide::ROUTES, Scope::Vpc), dns::hostnames, (
        "DNS hostnames of the VPC are off",
        "enableDnsHostnames is on: private DNS of interface endpoints needs it.")),
    check("dns-servers", MEDIUM, (guide::ROUTES, Scope::Vpc), dns::servers, (
        "The VPC's own DNS servers cannot be reached",
        "The DHCP options name AmazonProvidedDNS, or servers that the jobs' groups let them ask and that the logs \
         do not show silent. Queries to Amazon's resolver are never logged.")),
    check("route-table", LOW, (guide::ROUTES, Scope::Subnet), routes::own_table, (
        "The subnet falls back to the VPC's main route table",
        "The subnet has a route table of its own. An endpoint that is tied to other tables, or a change of the main \
         one, otherwise surprises.")),
    check("route-blackhole", MEDIUM, (guide::ROUTES, Scope::Subnet), routes::blackhole, (
        "A route leads to what is gone",
        "No route of the table is in the state blackhole: what it takes is dropped, and logged as ACCEPT.")),
    check("group-self", HIGH, (guide::GROUPS, Scope::Groups), security_groups::own_members, (
        "Instances of one job may not talk to each other",
        "The groups of jobs with several instances let their own members talk to each other by TCP, in and out.")),
    check("group-encryption", HIGH, (guide::ENCRYPTION, Scope::Groups), security_groups::encryption, (
        "Encryption between instances is blocked",
        "The groups of distributed jobs with inter-container encryption let udp/500 and ESP (protocol 50) pass \
         between their own members, in and out.")),
    check("group-egress", HIGH, (guide::OUTSIDE, Scope::Groups), security_groups::egress, (
        "The security groups block the jobs from S3",
        "The groups let HTTPS out to S3: to its prefix list, to its ranges, to everywhere, or to its endpoint. Where \
         the subnets lead to a NAT gateway and the logs show what was refused to the internet or to AWS, the groups \
         let HTTPS out there too.")),
    check("group-ingress", MEDIUM, (guide::GROUPS, Scope::Groups), security_groups::open_to_world, (
        "A security group of the jobs lets everybody in",
        "No rule of the jobs' groups lets 0.0.0.0/0 or ::/0 in. A job's interface has to answer the job's other \
         instances only.")),
    check("network-acl", HIGH, (guide::OUTSIDE, Scope::Subnet), network_acls::replies, (
        "The network ACL refuses what the jobs need",
        "The subnet's network ACL lets HTTPS to S3 out, replies in, and replies between the subnets of a distributed \
         job both ways, on the ports that Linux picks (32768-60999), by IPv4. A rule about a part of the remotes does \
         not count.")),
    check("endpoint-private-dns", MEDIUM, (guide::OUTSIDE, Scope::Vpc), endpoints::private_dns, (
        "Interface endpoints have no private DNS",
        "Interface endpoints have private DNS, so that code finds them by the usual names.")),
    check("endpoint-groups", MEDIUM, (guide::OUTSIDE, Scope::Vpc), endpoints::groups, (
        "Interface endpoints block the jobs",
        "The groups of interface endpoints let the jobs in on tcp/443, by their groups or by their subnets' ranges.")),
    check("service-endpoints", LOW, (guide::OUTSIDE, Scope::Vpc), endpoints::services, (
        "AWS services are contacted by public addresses",
        "What the logs show of AWS services, S3 apart, goes by interface endpoints. Flow logs do not name the \
         service behind a public address.")),
    check("nat-gateway", MEDIUM, (guide::OUTSIDE, Scope::Subnet), routes::nat, (
        "Resources outside the VPC are not reached",
        "A private subnet leads to a public NAT gateway that is available and lies in a public subnet; or it leads \
         nothing out, and the logs show nobody who tries.")),
    check("public-subnet", HIGH, (guide::OUTSIDE, Scope::Subnet), routes::public_subnet, (
        "Jobs run in a public subnet",
        "The subnet does not lead to an internet gateway. A job's interface has no public address, so IPv4 that goes \
         there is never answered; IPv6 is open both ways.")),
    check("network-isolation", HIGH, (guide::ISOLATION, Scope::Config), jobs::isolation, (
        "Isolated jobs talk",
        "Interfaces of jobs in network isolation show nothing but S3. The platform's own logging may lie there too.")),
    check("inter-container-encryption", MEDIUM, (guide::ENCRYPTION, Scope::Config), jobs::encryption, (
        "Traffic between instances is not encrypted",
        "Between instances of jobs with inter-container encryption the logs show ESP and no plain TCP.")),
    check("flow-log", HIGH, (guide::FLOW_LOGS, Scope::Vpc), flow_logs::exist, (
        "No flow log covers the jobs",
        "Every subnet of the jobs has an active flow log, of its own or of the VPC.")),
    check("flow-log-traffic", MEDIUM, (guide::FLOW_LOGS, Scope::Vpc), flow_logs::traffic, (
        "The flow log leaves traffic out",
        "Flow logs log ALL traffic: a verdict needs what was accepted and what was refused.")),
    check("flow-log-delivery", HIGH, (guide::FLOW_LOGS, Scope::Vpc), flow_logs::delivery, (
        "The flow log cannot deliver",
        "Flow logs deliver without error.")),
    check("flow-log-fields", LOW, (guide::FLOW_LOGS, Scope::Vpc), flow_logs::fields, (
        "The flow log has missing fields",
        "A flow log has the fields that make verdicts strong; next-hop-interface-type makes them proven.")),
    check("flow-log-interval", LOW, (guide::FLOW_LOGS, Scope::Vpc), flow_logs::interval, (
        "The flow log sums up over too long",
        "A flow log sums up over 60 seconds.")),
];

impl Check {
    /// Returns the check with this id, or with this detection's id.
    pub fn by_id(id: &str) -> Option<&'static Self> {
        let id = id.strip_prefix("audit-").unwrap_or(id);
        CHECKS.iter().find(|check| check.id == id)
    }
}
