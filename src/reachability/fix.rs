//! [`Fix`]: a change that allows a flow, as a command of the AWS CLI and as Terraform.

use serde::Serialize;

use crate::inventory::model::{Inventory, Route};
use crate::reachability::command::destination_option;
use crate::reachability::config_change::ConfigChange;
use crate::reachability::escape::shell;

/// One change that allows what was denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// Its id, for `--apply`.
    pub id: String,
    /// What it does, in one line.
    pub title: String,
    /// The command of the AWS CLI.
    pub cli: String,
    /// The same as Terraform.
    pub terraform: String,
    /// The change.
    #[serde(skip)]
    pub change: ConfigChange,
}

impl Fix {
    /// Applies all changes to a copy of an inventory.
    pub fn apply(fixes: &[Self], inventory: &Inventory) -> Inventory {
        let mut changed = inventory.clone();
        fixes.iter().for_each(|fix| fix.change.apply(&mut changed));
        changed
    }

    /// Returns fixes as text to paste: the commands, an empty line, Terraform. `None` if there are none.
    pub fn paste(fixes: &[Self]) -> Option<String> {
        let join = |texts: Vec<&str>, between| texts.join(between);
        let commands = join(fixes.iter().map(|fix| fix.cli.as_str()).collect(), "\n");
        let blocks = join(fixes.iter().map(|fix| fix.terraform.as_str()).collect(), "\n\n");
        (!fixes.is_empty()).then(|| format!("{commands}\n\n{blocks}"))
    }
}

/// The fix that deletes a route. `region` is empty, or an option with a blank before it.
pub(super) fn drop_route(route: &Route, region: &str) -> Fix {
    let (table, destination) = (&route.route_table_id, &route.destination);
    let option = destination_option(destination);
    Fix {
        id: format!("{table}-{destination}-delete"),
        title: format!("take the route of {destination} to {} out of {table}", route.target),
        cli: format!(
            "aws ec2 delete-route --route-table-id {} {option} {}{region}",
            shell(table),
            shell(destination)
        ),
        terraform: format!(
            "# remove the aws_route or the route block of {} with the destination {}",
            table.replace(char::is_control, ""),
            destination.replace(char::is_control, "")
        ),
        change: ConfigChange::DropRoute(route.clone()),
    }
}
