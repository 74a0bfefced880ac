//! Commands of the AWS CLI, built so that no value of a document can leave its place.

use std::fmt;

use crate::reachability::escape::shell;

/// A command of the AWS CLI: every value in it is one quoted word of a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(String);

impl Command {
    /// Begins a command: `ec2 create-route`.
    pub fn new(operation: &'static str) -> Self {
        Self(format!("aws {operation}"))
    }

    /// Wraps a command whose values are quoted already.
    pub(super) fn quoted(command: String) -> Self {
        Self(command)
    }

    /// Adds an option without a value.
    pub fn flag(mut self, name: &'static str) -> Self {
        self.0.push(' ');
        self.0.push_str(name);
        self
    }

    /// Adds an option and its value.
    pub fn option(mut self, name: &'static str, value: &str) -> Self {
        // A value with a hyphen before it would be read as the next option.
        let between = if value.starts_with('-') { '=' } else { ' ' };
        self.0 = format!("{} {name}{between}{}", self.0, shell(value));
        self
    }

    /// Adds an option with several values. A value that begins with a hyphen would be read as an option and is
    /// left out: no id of AWS does.
    pub fn list<'a>(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let values = values.into_iter().filter(|value| !value.starts_with('-'));
        let words: String = values.map(|value| format!(" {}", shell(value))).collect();
        self.0 = format!("{} {name}{words}", self.0);
        self
    }

    /// Adds the region.
    pub fn region(self, region: &str) -> Self {
        self.option("--region", region)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the option of a route command that names a destination of this kind.
pub fn destination_option(destination: &str) -> &'static str {
    if destination.starts_with("pl-") {
        "--destination-prefix-list-id"
    } else if destination.contains(':') {
        "--destination-ipv6-cidr-block"
    } else {
        "--destination-cidr-block"
    }
}

/// Returns the argument of a Terraform route that names a destination of this kind.
pub fn destination_argument(destination: &str) -> &'static str {
    match destination_option(destination) {
        "--destination-prefix-list-id" => "destination_prefix_list_id",
        "--destination-ipv6-cidr-block" => "destination_ipv6_cidr_block",
        _ => "destination_cidr_block",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_no_option_and_no_further_command() {
        let command = Command::new("ec2 create-tags")
            .region("us-east-1")
            .option("--tags", "--endpoint-url=http://x")
            .list("--resources", ["a b", "--x", "';id;'"])
            .flag("--dry-run");
        assert_eq!(
            command.to_string(),
            "aws ec2 create-tags --region us-east-1 --tags=--endpoint-url=http://x \
             --resources 'a b' ''\\'';id;'\\''' --dry-run"
        );
    }

    #[test]
    fn a_destination_has_the_option_of_its_kind() {
        assert_eq!(destination_option("10.0.0.0/8"), "--destination-cidr-block");
        assert_eq!(destination_option("2600:1f18::/33"), "--destination-ipv6-cidr-block");
        assert_eq!(destination_option("pl-63a5400a"), "--destination-prefix-list-id");
        assert_eq!(destination_argument("::/0"), "destination_ipv6_cidr_block");
    }
}
