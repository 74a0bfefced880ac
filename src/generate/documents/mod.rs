//! The inventory of a world: AWS API answers in the shape that the AWS CLI prints.

mod interfaces;
mod jobs;
mod network;

use std::io;
use std::io::Write as _;
use std::path::Path;

use chrono::DateTime;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::generate::Error;
use crate::generate::network::FlowLog;
use crate::generate::world::World;

/// Writes every document of `world` into `dir`.
pub(super) fn write(world: &World, flow_logs: &[FlowLog], dir: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(dir).map_err(|err| Error::new(dir, err))?;
    let documents = [
        ("describe-vpcs.json", network::vpcs()),
        ("describe-dhcp-options.json", network::dhcp_options()),
        ("describe-subnets.json", network::subnets()),
        ("describe-route-tables.json", network::route_tables()),
        ("describe-prefix-lists.json", network::prefix_lists()),
        ("describe-security-groups.json", network::security_groups()),
        ("describe-network-acls.json", network::network_acls()),
        ("describe-flow-logs.json", network::flow_logs(world, flow_logs)),
        ("ip-ranges.json", network::ip_ranges(world)),
        ("describe-vpc-endpoints.json", interfaces::vpc_endpoints(world)),
        ("describe-nat-gateways.json", interfaces::nat_gateways(world)),
        ("describe-network-interfaces.json", interfaces::network_interfaces(world)),
        ("list-processing-jobs.json", jobs::listing(world)),
    ];
    for (name, document) in documents {
        let path = dir.join(name);
        let text = serde_json::to_string_pretty(&document).map_err(io::Error::from);
        let written = text.and_then(|text| std::fs::write(&path, text + "\n"));
        written.map_err(|err| Error::new(&path, err))?;
    }
    let lines = |name: &str, documents: &mut dyn Iterator<Item = Value>| {
        let path = dir.join(name);
        let text: String = documents.map(|document| format!("{document}\n")).collect();
        std::fs::write(&path, text).map_err(|err| Error::new(&path, err))
    };
    lines("describe-vpc-attribute.jsonl", &mut network::vpc_attributes().into_iter())?;
    lines("describe-processing-job.jsonl", &mut world.jobs.iter().map(jobs::description))?;
    let path =
        dir.join("123456789012_CloudTrail_us-east-1_20260310T0930Z_5ampleEventsOfEnis.json.gz");
    let trail = interfaces::cloudtrail(world).to_string();
    gzip(&path, trail.as_bytes()).map_err(|err| Error::new(&path, err))
}

/// Writes one gzip member.
pub(super) fn gzip(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text)?;
    std::fs::write(path, encoder.finish()?)
}

/// Returns a time as the CLI prints it.
pub(super) fn iso(time: i64) -> String {
    format(time, "%Y-%m-%dT%H:%M:%S+00:00")
}

/// Returns a time in a format of chrono.
pub(super) fn format(time: i64, format: &str) -> String {
    DateTime::from_timestamp(time, 0).unwrap_or_default().format(format).to_string()
}
