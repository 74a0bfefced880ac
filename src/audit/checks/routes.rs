//! Checks of route tables.

use crate::audit::observed_traffic::ObservedTraffic;
use crate::audit::outcome::{CheckOutcome, CheckResult, Fix, NotApplicable};
use crate::audit::subject::{AuditContext, Subject};
use crate::inventory::model::Route;
use crate::reachability::command::{Command, destination_option};
use crate::reachability::escape::hcl;
use crate::reachability::snippets::block;

const DEFAULT: &str = "0.0.0.0/0";

pub(super) fn own_table(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let subnet = subject.subnet();
    let table = world.table_of(subnet)?;
    if !table.is_main {
        return Ok(CheckOutcome::pass(format!("the subnet has route table {}", table.id)));
    }
    let fix = Fix::new("give the subnet a table of its own")
        .cli(
            Command::new("ec2 associate-route-table")
                .region(&subject.region())
                .option("--subnet-id", subnet)
                .option("--route-table-id", "RTB"),
        )
        .terraform(&[block(
            "aws_route_table_association",
            subnet,
            &[("subnet_id", hcl(subnet)), ("route_table_id", "aws_route_table.jobs.id".to_owned())],
        )]);
    Ok(CheckOutcome::fail(format!(
        "the subnet has no route table of its own and uses the VPC's main table {}: whoever changes that one, \
         or makes another one the main table, changes the way of these jobs",
        table.id
    ))
    .fix(fix))
}

pub(super) fn blackhole(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let table = world.table_of(subject.subnet())?;
    let routes: Vec<&Route> = world.network.routes(table.id).collect();
    if routes.is_empty() {
        return Err(NotApplicable::missing_from_inventory(
            &format!("the routes of {}", table.id),
            "describe-route-tables",
        ));
    }
    let dead = routes.iter().filter(|route| route.state.as_deref() == Some("blackhole"));
    let dead: Vec<&Route> = dead.copied().collect();
    let Some(first) = dead.first() else {
        return Ok(CheckOutcome::pass(format!("no route of {} is a blackhole", table.id)));
    };
    let fix = Fix::new("delete the route, or give it a target that exists")
        .cli(delete_route(subject, first));
    let evidence =
        dead.iter().map(|route| format!("{}: {} to {}", table.id, route.destination, route.target));
    Ok(CheckOutcome::fail(
        "a route targets a deleted resource: its traffic is dropped, and the log records ACCEPT",
    )
    .evidence(evidence)
    .fix(fix))
}

/// The command that takes a route away.
pub(super) fn delete_route(subject: &Subject<'_>, route: &Route) -> Command {
    Command::new("ec2 delete-route")
        .region(&subject.region())
        .option("--route-table-id", &route.route_table_id)
        .option(destination_option(&route.destination), &route.destination)
}

/// Returns the route by which IPv4 leaves the VPC.
fn way_out<'a>(world: &AuditContext<'a>, table: &str) -> Option<&'a Route> {
    let mut routes = world.network.inventory().routes.iter();
    routes.find(|route| route.route_table_id == table && route.destination == DEFAULT)
}

/// Counts the connections to a scope that were let out by IPv4 and never answered.
fn unanswered_by(seen: &[&ObservedTraffic], scope: &str) -> i64 {
    let to = seen.iter().filter(|one| one.is_to(scope) && one.ip_version == 4);
    to.map(|one| one.unanswered).sum()
}

/// Says how many connections to outside were let out and never answered.
fn unanswered(seen: &[&ObservedTraffic]) -> Vec<String> {
    let counts = ["internet", "aws", "s3"].map(|scope| (scope, unanswered_by(seen, scope)));
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    counts
        .map(|(scope, count)| {
            format!("the logs show {count} connections to {scope} that nothing answered")
        })
        .collect()
}

/// Judges a subnet that no route leads out of. What endpoints serve needs no way to the internet: S3 is judged by
/// `s3-endpoint`, and for other AWS services an interface endpoint is enough.
fn without_way_out(
    world: &AuditContext<'_>,
    subject: &Subject<'_>,
    table: &str,
    seen: &[&ObservedTraffic],
) -> CheckOutcome {
    let lost = unanswered(seen);
    if unanswered_by(seen, "internet") > 0 {
        let fix = Fix::new(
            "add a route to a public NAT gateway, if the jobs are meant to reach the internet",
        )
        .cli(
            Command::new("ec2 create-route")
                .region(&subject.region())
                .option("--route-table-id", table)
                .option("--destination-cidr-block", DEFAULT)
                .option("--nat-gateway-id", "NAT"),
        );
        let why = format!("jobs contact addresses outside the VPC, and {table} has no route out");
        return CheckOutcome::fail(why).inferred().evidence(lost).fix(fix);
    }
    if unanswered_by(seen, "aws") > 0 {
        let region = world.region(subject).unwrap_or_else(|| "REGION".to_owned());
        let fix = Fix::new("add an interface endpoint for each AWS service that the jobs use").cli(
            Command::new("ec2 create-vpc-endpoint")
                .region(&region)
                .option("--vpc-endpoint-type", "Interface")
                .option("--vpc-id", subject.vpc_id.as_deref().unwrap_or("VPC"))
                .option("--service-name", &format!("com.amazonaws.{region}.SERVICE"))
                .option("--subnet-ids", subject.subnet())
                .option("--security-group-ids", "SG")
                .flag("--private-dns-enabled"),
        );
        let why =
            format!("jobs contact AWS services by public addresses, and {table} has no route out");
        return CheckOutcome::fail(why).inferred().evidence(lost).fix(fix);
    }
    let why = format!("{table} routes nothing out of the VPC except by its other routes");
    CheckOutcome::pass(why).evidence(lost)
}

/// Whether what leads out of a private subnet is a NAT gateway that works.
pub(super) fn nat(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let table = world.table_of(subject.subnet())?;
    let hints = world.hints(subject);
    let Some(way) = way_out(world, table.id) else {
        return Ok(without_way_out(world, subject, table.id, &hints));
    };
    if way.target.starts_with("igw-") {
        return Err(NotApplicable::DoesNotApply);
    }
    let evidence = [format!("{}: {DEFAULT} to {}", table.id, way.target)];
    if !way.target.starts_with("nat-") {
        let why =
            format!("the way out is {}, and where that leads is not in the inventory", way.target);
        return Err(NotApplicable::NotKnown(why));
    }
    Ok(gateway(world, subject, &way.target)?.evidence(evidence).evidence(unanswered(&hints)))
}

/// Judges a NAT gateway.
fn gateway(world: &AuditContext<'_>, subject: &Subject<'_>, id: &str) -> CheckResult {
    let rows = world.inventory().nat_gateways.iter();
    let row = rows.clone().find(|row| row.nat_gateway_id == id);
    let row =
        row.ok_or_else(|| NotApplicable::missing_from_inventory(id, "describe-nat-gateways"))?;
    let command = Command::new("ec2 create-nat-gateway")
        .region(&subject.region())
        .option("--subnet-id", "PUBLIC_SUBNET")
        .option("--allocation-id", "EIPALLOC");
    let fix = Fix::new("lead the route to a public NAT gateway in a public subnet").cli(command);
    if row.state.as_deref().is_some_and(|state| state != "available") {
        let state = row.state.as_deref().unwrap_or_default();
        return Ok(CheckOutcome::fail(format!("NAT gateway {id} is {state}")).fix(fix));
    }
    if row.connectivity_type.as_deref() == Some("private") {
        let why = format!("NAT gateway {id} is a private one: it does not lead to the internet");
        return Ok(CheckOutcome::fail(why).fix(fix));
    }
    // A regional NAT gateway lies in no subnet.
    let Some(subnet) = row.subnet_id.as_deref() else {
        return Ok(CheckOutcome::pass(format!("{id} is an available public NAT gateway")));
    };
    let table = world.table_of(subnet)?;
    let way = way_out(world, table.id).map_or("nothing", |way| way.target.as_str());
    if !way.starts_with("igw-") {
        let why = format!(
            "NAT gateway {id} lies in {subnet}, which leads to {way} and not to an internet gateway"
        );
        return Ok(CheckOutcome::fail(why).fix(fix));
    }
    Ok(CheckOutcome::pass(format!("{id} is an available public NAT gateway in a public subnet")))
}

/// Whether jobs lie in a subnet that leads to the internet gateway.
pub(super) fn public_subnet(world: &AuditContext<'_>, subject: &Subject<'_>) -> CheckResult {
    let subnet = subject.subnet();
    let table = world.table_of(subnet)?;
    let leads = |route: &&Route| {
        route.target.starts_with("igw-")
            && ["0.0.0.0/0", "::/0"].contains(&route.destination.as_str())
    };
    let ways: Vec<&Route> = world.network.routes(table.id).filter(leads).collect();
    let evidence =
        ways.iter().map(|way| format!("{}: {} to {}", table.id, way.destination, way.target));
    let fix = Fix::new("run the jobs in a private subnet that leads to a NAT gateway");
    if ways.iter().any(|way| way.destination == DEFAULT) {
        let why = "the subnet leads to the internet gateway, and a job's interface has no public address: what \
                   it sends out by IPv4 is logged as ACCEPT and never answered";
        let seen = unanswered(&world.hints(subject));
        return Ok(CheckOutcome::fail(why).evidence(evidence).evidence(seen).fix(fix));
    }
    if !ways.is_empty() {
        let why = "the subnet leads IPv6 to the internet gateway: whatever the security groups let in reaches \
                   the jobs from the internet";
        let fix = Fix::new("lead ::/0 to an egress-only internet gateway").cli(
            Command::new("ec2 replace-route")
                .region(&subject.region())
                .option("--route-table-id", table.id)
                .option("--destination-ipv6-cidr-block", "::/0")
                .option("--egress-only-internet-gateway-id", "EIGW"),
        );
        return Ok(CheckOutcome::fail(why).evidence(evidence).fix(fix));
    }
    Ok(CheckOutcome::pass(format!("{} does not lead to an internet gateway", table.id)))
}
