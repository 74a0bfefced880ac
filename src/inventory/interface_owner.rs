//! What an interface belongs to when that is not a processing job.

use std::collections::HashSet;

use crate::inventory::fact::Details;
use crate::inventory::model::Inventory;

/// Beginnings of descriptions that AWS documents or that every account of the kind shows. Processing
/// jobs have no such description, so none is here for them.
const DESCRIPTIONS: &[(&str, &str)] = &[
    (
        "[do not delete] network interface created to access resources in your vpc for sagemaker notebook instance",
        "notebook",
    ),
    ("[do not delete] eni managed by sagemaker for studio domain", "studio"),
    ("interface for nat gateway", "nat_gateway"),
    ("vpc endpoint interface", "vpc_endpoint"),
    ("network interface for transit gateway attachment", "transit_gateway"),
    ("aws lambda vpc eni", "lambda"),
    ("elb ", "load_balancer"),
    ("efs mount target for", "efs"),
    ("rdsnetworkinterface", "rds"),
    ("elasticache ", "elasticache"),
    ("redshiftnetworkinterface", "redshift"),
    ("dmsnetworkinterface", "dms"),
    ("amazon eks ", "eks"),
    ("aws-k8s-", "eks"),
    ("arn:aws:ecs:", "ecs"),
    ("arn:aws-cn:ecs:", "ecs"),
    ("arn:aws-us-gov:ecs:", "ecs"),
    ("attached to glue using role", "glue"),
    ("aws created network interface for directory", "directory"),
];

/// Words of descriptions that name a service whose interfaces are never a job's.
const WORDS: &[(&str, &str)] = &[
    ("appstream", "appstream"),
    ("clientvpn", "client_vpn"),
    ("cloudhsm", "cloudhsm"),
    ("codebuild", "codebuild"),
    ("datasync", "datasync"),
    ("efs", "efs"),
    ("elasticache", "elasticache"),
    ("fargate", "ecs"),
    ("fsx", "fsx"),
    ("glue", "glue"),
    ("lambda", "lambda"),
    ("memorydb", "memorydb"),
    ("mq", "mq"),
    ("msk", "msk"),
    ("opensearch", "opensearch"),
    ("quicksight", "quicksight"),
    ("rds", "rds"),
    ("redshift", "redshift"),
    ("resolver", "resolver"),
    ("workspaces", "workspaces"),
];

/// Requesters that AWS documents by name.
const REQUESTERS: &[(&str, &str)] = &[
    ("amazon-elb", "load_balancer"),
    ("amazon-rds", "rds"),
    ("amazon-elasticache", "elasticache"),
    ("amazon-redshift", "redshift"),
];

/// Interface types of an ordinary interface, which do not show its owner.
const ORDINARY: &[&str] = &["interface", "efa", "efa-only", "trunk", "branch"];

/// The interfaces that other responses claim for a gateway or an endpoint.
#[derive(Debug)]
pub(super) struct Owners {
    nat_gateways: HashSet<String>,
    vpc_endpoints: HashSet<String>,
}

impl Owners {
    /// Collects the claims of NAT gateways and endpoints.
    pub(super) fn new(inventory: &Inventory) -> Self {
        let gateways = inventory.nat_gateways.iter();
        let endpoints = inventory.vpc_endpoints.iter();
        Self {
            nat_gateways: gateways.filter_map(|gateway| gateway.interface_id.clone()).collect(),
            vpc_endpoints: endpoints.flat_map(|e| e.interface_ids.clone()).collect(),
        }
    }

    /// Returns what the interface belongs to, and `None` when that is not known.
    pub(super) fn belongs_to(&self, interface_id: &str, details: &Details) -> Option<String> {
        if self.nat_gateways.contains(interface_id) {
            return Some("nat_gateway".into());
        }
        if self.vpc_endpoints.contains(interface_id) {
            return Some("vpc_endpoint".into());
        }
        details
            .interface_type
            .as_deref()
            .and_then(of_type)
            .or_else(|| of_description(details.description.as_deref()?).map(str::to_owned))
            .or_else(|| of_requester(details.requester_id.as_deref()?))
            .or_else(|| own_instance(details).map(|_| "instance".to_owned()))
    }
}

/// Returns the instance, unless it runs in an account of AWS: SageMaker's do.
pub(super) fn own_instance(details: &Details) -> Option<String> {
    let owner = details.instance_owner_id.as_deref();
    let foreign =
        owner.is_some() && details.account_id.is_some() && owner != details.account_id.as_deref();
    details.instance_id.clone().filter(|_| !foreign)
}

fn of_type(interface_type: &str) -> Option<String> {
    match interface_type {
        ordinary if ORDINARY.contains(&ordinary) || ordinary.is_empty() => None,
        // The API's filter and its response spell it differently.
        "natGateway" | "nat_gateway" => Some("nat_gateway".into()),
        "vpc_endpoint" | "gateway_load_balancer_endpoint" => Some("vpc_endpoint".into()),
        "network_load_balancer" | "gateway_load_balancer" => Some("load_balancer".into()),
        other => Some(other.trim_end_matches("_managed").to_owned()),
    }
}

fn of_description(description: &str) -> Option<&'static str> {
    let description = description.to_lowercase();
    let known = DESCRIPTIONS.iter().find(|(start, _)| description.starts_with(start));
    let named = || {
        // A description of SageMaker's own may name whatever a job reads.
        let words = || description.split(|c: char| !c.is_ascii_alphanumeric());
        let is_sagemaker = words().any(|word| word == "sagemaker");
        WORDS.iter().find(|(name, _)| !is_sagemaker && words().any(|word| word == *name))
    };
    known.or_else(named).map(|(_, owner)| *owner)
}

/// Other requesters that AWS names are services as well, except those that request many of them.
fn of_requester(requester_id: &str) -> Option<String> {
    let known = REQUESTERS.iter().find(|(id, _)| *id == requester_id);
    let named = requester_id.strip_prefix("amazon-").or(requester_id.strip_prefix("aws-"));
    let named = named.filter(|name| !["aws", "ec2", "sagemaker"].contains(name));
    known.map(|(_, owner)| *owner).or(named).map(|owner| owner.replace('-', "_"))
}
