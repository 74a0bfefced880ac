//! The VPCs of the jobs, and what is in them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::aws;
use crate::aws::client::Response;
use crate::aws::operations;
use crate::aws::operations::Operation;
use crate::inventory::collect::pass::{CollectionPass, FILTER_VALUES_MAX, filter};
use crate::inventory::fact::{Fact, Facts};

/// The requests for every VPC of a job, and the loss without the response.
const OF_VPC: &[(&Operation, &str)] = &[
    (&operations::DESCRIBE_VPCS, "the ranges of the VPCs are not known"),
    (&operations::DESCRIBE_SUBNETS, "the ranges of subnets are not known"),
    (&operations::DESCRIBE_ROUTE_TABLES, "where traffic is routed to is not known"),
    (&operations::DESCRIBE_VPC_ENDPOINTS, "which endpoints there are is not known"),
    (&operations::DESCRIBE_SECURITY_GROUPS, "security group rules are not known"),
    (&operations::DESCRIBE_NETWORK_ACLS, "network ACLs are not known"),
    (&operations::DESCRIBE_NAT_GATEWAYS, "NAT gateways are not known"),
];

/// Requests the VPCs that the subnets are in and all that is in them. `known`: what was found before.
/// Returns how many interfaces there are now.
pub(super) async fn collect(
    pass: &mut CollectionPass<'_>,
    subnets: BTreeSet<String>,
    known: &Facts,
) -> Result<usize, aws::Error> {
    let vpcs = vpcs(pass, subnets, known).await?;
    let mut interfaces = 0;
    for chunk in vpcs.chunks(FILTER_VALUES_MAX) {
        // First, so that their time is that of the jobs which were just described.
        interfaces += network_interfaces(pass, chunk).await?;
        for (call, lost) in OF_VPC {
            pass.take(call, filter("vpc-id", chunk), lost).await?;
        }
    }
    vpc_dns(pass, &vpcs).await?;
    dhcp_options(pass).await?;
    let lost = "the ranges behind gateway endpoints are not known";
    let listed = pass.take(&operations::DESCRIBE_PREFIX_LISTS, json!({}), lost).await?;
    if listed {
        own_prefix_lists(pass).await?;
    }
    let lost = "the formats of log groups are not known";
    pass.take(&operations::DESCRIBE_FLOW_LOGS, json!({}), lost).await?;
    Ok(interfaces)
}

/// Returns the VPCs of the subnets. A subnet of an earlier pass need not be requested.
async fn vpcs(
    pass: &mut CollectionPass<'_>,
    mut subnets: BTreeSet<String>,
    known: &Facts,
) -> Result<Vec<String>, aws::Error> {
    let mut vpcs = BTreeSet::new();
    let mut resolve = |facts: &Facts, subnets: &mut BTreeSet<String>| {
        for fact in facts {
            if let Fact::Subnet { subnet, .. } = fact
                && subnets.remove(&subnet.subnet_id)
            {
                vpcs.extend(subnet.vpc_id.clone());
            }
        }
    };
    resolve(known, &mut subnets);
    let unknown: Vec<String> = subnets.iter().cloned().collect();
    for chunk in unknown.chunks(FILTER_VALUES_MAX) {
        let lost = "the VPCs of the jobs are not known, nor what is in them";
        pass.take(&operations::DESCRIBE_SUBNETS, filter("subnet-id", chunk), lost).await?;
    }
    resolve(&pass.reader.facts, &mut subnets);
    Ok(vpcs.into_iter().collect())
}

/// Requests the living interfaces of some VPCs. All pages or none: an interface that lay on a page which was
/// not read would be taken for one that is gone.
async fn network_interfaces(
    pass: &mut CollectionPass<'_>,
    vpcs: &[String],
) -> Result<usize, aws::Error> {
    let call = &operations::DESCRIBE_NETWORK_INTERFACES;
    let mut params = filter("vpc-id", vpcs);
    params["IncludeManagedResources"] = true.into();
    let mut result = pass.api.all(call, &params).await;
    // Older emulators of EC2 do not know it.
    if let Err(error) = &result
        && error.code.as_deref().is_some_and(|code| code.contains("Parameter"))
    {
        result = pass.api.all(call, &filter("vpc-id", vpcs)).await;
    }
    let lost = "interfaces are known only from CloudTrail and AWS Config";
    let Some(answer) = pass.or_warn(result, call.action, lost)? else { return Ok(0) };
    let at = answer.at.unwrap_or(pass.now);
    let count = answer.document.get(call.list).and_then(Value::as_array).map_or(0, Vec::len);
    pass.read(answer);
    // Of a VPC without interfaces the response does not show that it was requested.
    pass.reader.facts.insert(Fact::Page {
        account_id: None,
        region: Some(pass.api.region().to_owned()),
        at,
        more: false,
        vpc_ids: vpcs.iter().cloned().collect(),
    });
    Ok(count)
}

/// Requests the DHCP options that the VPCs of this pass name.
async fn dhcp_options(pass: &mut CollectionPass<'_>) -> Result<(), aws::Error> {
    let named = pass.reader.facts.iter().filter_map(|fact| match fact {
        Fact::Vpc { vpc, .. } => vpc.dhcp_options_id.clone().filter(|id| id != "default"),
        _ => None,
    });
    let named: Vec<String> = named.collect::<BTreeSet<_>>().into_iter().collect();
    let lost = "the DNS servers of the VPCs are not known";
    for chunk in named.chunks(FILTER_VALUES_MAX) {
        let params = filter("dhcp-options-id", chunk);
        pass.take(&operations::DESCRIBE_DHCP_OPTIONS, params, lost).await?;
    }
    Ok(())
}

async fn vpc_dns(pass: &mut CollectionPass<'_>, vpcs: &[String]) -> Result<(), aws::Error> {
    let call = &operations::DESCRIBE_VPC_ATTRIBUTE;
    let lost = "whether the VPCs resolve names is not known";
    for vpc_id in vpcs {
        for attribute in ["enableDnsSupport", "enableDnsHostnames"] {
            let params = json!({ "VpcId": vpc_id, "Attribute": attribute });
            let result = pass.api.call(call, &params).await;
            let Some(answer) = pass.or_warn(result, call.action, lost)? else { return Ok(()) };
            pass.read(answer);
        }
    }
    Ok(())
}

/// Requests the entries of the prefix lists that routes and rules name but AWS does not own.
async fn own_prefix_lists(pass: &mut CollectionPass<'_>) -> Result<(), aws::Error> {
    let (mut named, mut listed_ids) = (BTreeSet::new(), BTreeSet::new());
    let mut name = |id: &str| {
        if id.starts_with("pl-") {
            named.insert(id.to_owned());
        }
    };
    for fact in &pass.reader.facts {
        match fact {
            Fact::RouteTable { routes, .. } => routes.iter().for_each(|r| name(&r.destination)),
            Fact::SecurityGroup { rules, .. } => rules.iter().for_each(|rule| name(&rule.peer)),
            Fact::PrefixList(entry) if entry.cidr.is_some() => {
                listed_ids.insert(entry.prefix_list_id.clone());
            }
            _ => {}
        }
    }
    let own: Vec<String> = named.difference(&listed_ids).cloned().collect();
    for chunk in own.chunks(FILTER_VALUES_MAX) {
        let lost = "the names of prefix lists are not known";
        let call = &operations::DESCRIBE_MANAGED_PREFIX_LISTS;
        pass.take(call, filter("prefix-list-id", chunk), lost).await?;
    }
    for id in own {
        let call = &operations::GET_MANAGED_PREFIX_LIST_ENTRIES;
        let result = pass.api.all(call, &json!({ "PrefixListId": id })).await;
        let lost = format!("the ranges of prefix list {id} are not known");
        if let Some(answer) = pass.or_warn(result, call.action, &lost)? {
            let mut document = answer.document;
            // The response does not state of which list it is.
            document.insert("PrefixListId".to_owned(), id.into());
            pass.read(Response { document, ..answer });
        }
    }
    Ok(())
}
