//! Which objects are from flow logs that may record the same interfaces at the same time.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::Inventory;
use crate::source::object_name::flow_log;
use crate::source::{ObjectName, Split};

/// The longest aggregation interval, by which a record may start before it ends.
const AGGREGATION_SECS: i64 = 600;

/// What is known of a flow log without reading its records.
#[derive(Debug, Clone, Default)]
struct FlowLogScope {
    account_id: Option<String>,
    region: Option<String>,
    vpc_id: Option<String>,
    /// The time of its records. `None`: it may be any.
    span: Option<(i64, i64)>,
    /// Whether the time of the records of some object is unknown.
    is_timeless: bool,
}

impl FlowLogScope {
    fn add(&mut self, name: &ObjectName) {
        self.account_id = self.account_id.take().or_else(|| name.account_id.clone());
        self.region = self.region.take().or_else(|| name.region.clone());
        let Some((first, last)) = name.ends else {
            self.is_timeless = true;
            return;
        };
        let (start, end) = self.span.unwrap_or((i64::MAX, i64::MIN));
        self.span = Some((start.min(first - AGGREGATION_SECS), end.max(last)));
    }

    /// Returns whether the two may record one interface at one time.
    fn may_overlap(&self, other: &Self) -> bool {
        let differ = |a: &Option<String>, b: &Option<String>| {
            a.as_ref().zip(b.as_ref()).map(|(a, b)| a != b)
        };
        // A VPC may be shared between accounts. Where it is not known, two accounts have two VPCs.
        let elsewhere = differ(&self.vpc_id, &other.vpc_id)
            .or_else(|| differ(&self.account_id, &other.account_id))
            .unwrap_or(false);
        let times = self.span.filter(|_| !self.is_timeless);
        let times = times.zip(other.span.filter(|_| !other.is_timeless));
        !elsewhere
            && !differ(&self.region, &other.region).unwrap_or(false)
            && times.is_none_or(|((from, to), (start, end))| from < end && start < to)
    }
}

/// The flow logs that objects are from.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    logs: BTreeMap<String, FlowLogScope>,
}

impl Candidates {
    /// Adds an object by its name. Returns whether only its rows contain their flow logs.
    pub(super) fn add(&mut self, split: &Split) -> bool {
        let id = split.log_group.as_deref().or(split.name.flow_log_id.as_deref());
        if let Some(id) = id {
            self.logs.entry(id.to_owned()).or_default().add(&split.name);
        }
        id.is_none() && split.fields.is_some()
    }

    /// Adds an object that rows of a lake are from.
    pub(super) fn add_object(&mut self, object: &str) {
        if let Some(id) = flow_log(object) {
            self.logs.entry(id.to_owned()).or_default().add(&ObjectName::parse(object));
        }
    }

    /// Returns the flow logs that may overlap with another one.
    pub(super) fn overlapping(&self, inventory: &Inventory) -> BTreeSet<&str> {
        let known = self.logs.iter().map(|(id, known)| {
            let vpc_id = vpc_of(id, inventory);
            (id.as_str(), FlowLogScope { vpc_id, ..known.clone() })
        });
        let known: Vec<(&str, FlowLogScope)> = known.collect();
        let mut found = BTreeSet::new();
        for (at, (id, one)) in known.iter().enumerate() {
            for (other_id, other) in known.iter().skip(at + 1) {
                if one.may_overlap(other) {
                    found.extend([*id, *other_id]);
                }
            }
        }
        found
    }
}

/// Returns the VPC of what a flow log records, if the inventory knows it.
fn vpc_of(id: &str, inventory: &Inventory) -> Option<String> {
    let log = inventory.flow_logs.iter().find(|log| log.flow_log_id == id)?;
    let resource = log.resource_id.as_deref()?;
    if resource.starts_with("vpc-") {
        return Some(resource.to_owned());
    }
    let subnet = inventory.subnets.iter().find(|subnet| subnet.subnet_id == resource);
    let eni = inventory.enis.iter().find(|eni| eni.interface_id == resource);
    subnet.and_then(|subnet| subnet.vpc_id.clone()).or_else(|| eni?.vpc_id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::model::{FlowLog, Subnet};

    fn overlapping(objects: &[&str], inventory: &Inventory) -> Vec<String> {
        let mut candidates = Candidates::default();
        objects.iter().for_each(|object| candidates.add_object(object));
        candidates.overlapping(inventory).into_iter().map(str::to_owned).collect()
    }

    fn object(account: &str, region: &str, id: &str, time: &str) -> String {
        format!("{account}_vpcflowlogs_{region}_{id}_20260310T{time}Z_f.log.gz")
    }

    #[test]
    fn only_flow_logs_of_one_place_and_time_may_overlap() {
        let (one, two) = ("111111111111", "222222222222");
        let base = object(one, "us-east-1", "fl-1", "0800");
        let with = |other: &str| overlapping(&[&base, other], &Inventory::default());
        assert_eq!(with(&object(one, "us-east-1", "fl-2", "0800")), ["fl-1", "fl-2"]);
        assert_eq!(with(&object(one, "us-east-1", "fl-2", "0810")), ["fl-1", "fl-2"]);
        assert_eq!(with("cloudwatch://group/eni-1-all#1"), ["cloudwatch://group", "fl-1"]);
        assert!(with(&object(one, "us-east-1", "fl-1", "0800")).is_empty());
        assert!(with(&object(one, "us-east-1", "fl-2", "0900")).is_empty());
        assert!(with(&object(one, "eu-west-1", "fl-2", "0800")).is_empty());
        assert!(with(&object(two, "us-east-1", "fl-2", "0800")).is_empty());
        assert!(with("nameless.log").is_empty());
    }

    #[test]
    fn the_inventory_tells_the_vpc() {
        let log = |id: &str, resource: &str| FlowLog {
            flow_log_id: id.to_owned(),
            resource_id: Some(resource.to_owned()),
            ..FlowLog::default()
        };
        let subnet = Subnet {
            subnet_id: "subnet-1".to_owned(),
            vpc_id: Some("vpc-1".to_owned()),
            ..Subnet::default()
        };
        let inventory = Inventory {
            flow_logs: vec![log("fl-1", "vpc-1"), log("fl-2", "subnet-1"), log("fl-3", "vpc-2")],
            subnets: vec![subnet],
            ..Inventory::default()
        };
        let of = |id: &str, account: &str| object(account, "us-east-1", id, "0800");
        let all =
            [of("fl-1", "111111111111"), of("fl-2", "222222222222"), of("fl-3", "111111111111")];
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        assert_eq!(overlapping(&all, &inventory), ["fl-1", "fl-2"]);
    }
}
