//! `flowq iam-policy`: the least-privilege IAM policy for the given sources, inventory and destination.

mod arns;

use std::io::Write as _;

use anyhow::anyhow;
use serde_json::{Value, json};

use crate::alert;
use crate::alert::config::Target;
use crate::aws::operations::{CALLS, Operation};
use crate::aws::partition;
use crate::aws::s3::Location;
use crate::cli::args::ACCOUNT;
use crate::cli::commands::iam_policy::arns::{Arns, arn_region, queue_arn, queue_region};
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::{args, session};
use crate::config::Config;

/// Runs the command.
pub(crate) fn run(args: &args::IamPolicy) -> Result<Exit, Failure> {
    let config = session::config(args.config.as_deref())?;
    let mut args = args.clone();
    config.complete(&mut args.sources, &mut args.inventory);
    let mut out = serde_json::to_vec_pretty(&policy(&args, &config)?).or_exit(Exit::Output)?;
    out.push(b'\n');
    std::io::stdout().write_all(&out).or_exit(Exit::Output)?;
    Ok(Exit::Fine)
}

fn policy(args: &args::IamPolicy, config: &Config) -> Result<Value, Failure> {
    let own = |given: &Option<String>| given.clone().unwrap_or_else(|| "*".to_owned());
    let in_arn =
        args.sources.iter().find_map(|source| source.split("arn:").nth(1)?.split(':').next());
    let partition = args.region.as_deref().map(partition).or(in_arn).unwrap_or("aws").to_owned();
    let arns = Arns { partition, region: own(&args.region), account: own(&args.account) };
    let mut all = Statements::default();
    for source in &args.sources {
        match source.split_once("://") {
            Some(("s3", _)) => all.read_s3(&arns, &location(source)?),
            Some(("cloudwatch", group)) => all.read_logs(&arns, group),
            Some(("sqs", queue)) => all.read_queue(&arns, queue)?,
            _ => {}
        }
    }
    let to_s3 = args.to.as_deref().filter(|to| to.starts_with("s3://"));
    let inventories = args.inventory.iter().map(String::as_str);
    for place in inventories.filter(|place| place.starts_with("s3://")).chain(args.trail.as_deref())
    {
        all.read_s3(&arns, &location(place)?);
    }
    if let Some(to) = to_s3 {
        let to = location(to)?;
        // A collector that begins again reads what it wrote.
        all.read_s3(&arns, &to);
        all.add("WriteInventory", &["s3:PutObject"], &[arns.s3(&to.bucket, &below(&to.key))]);
        all.add("EncryptIfKms", &["kms:GenerateDataKey"], &[arns.s3_keys()]);
    }
    if args.to.is_some() || args.inventory.iter().any(|place| place == ACCOUNT) {
        let calls = CALLS.iter().filter(|call| call.needs_permission());
        let actions: Vec<String> = calls.map(Operation::iam_action).collect();
        let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
        all.add("ReadInventory", &actions, &["*".to_owned()]);
    }
    if args.sources.iter().any(|source| source.starts_with("cloudwatch://")) {
        // To tell the format of the records.
        all.add("ReadLogFormats", &["ec2:DescribeFlowLogs"], &["*".to_owned()]);
    }
    let configured = [&config.feed.lake, &config.feed.state].into_iter().flatten();
    for place in configured.chain(&args.lake).chain(&args.state) {
        if place.starts_with("s3://") {
            all.keep_lake(&arns, &location(place)?);
        }
    }
    for alert in &config.alerts {
        all.send_alerts(&arns, alert)?;
    }
    if config.metrics.put_metric_data {
        all.put_metrics(&config.metrics.cloudwatch_namespace);
    }
    if all.0.is_empty() {
        let error = anyhow!("nothing that is named needs a permission");
        let hint = "name a source (s3://…, cloudwatch://…, sqs://…), --inventory aws, --trail, --to, or a --config with alerts";
        return Err(Failure::new(Exit::Usage, error).with_hint(hint));
    }
    let statements: Vec<Value> = all.0.into_iter().map(Statement::json).collect();
    Ok(json!({ "Version": "2012-10-17", "Statement": statements }))
}

fn location(url: &str) -> Result<Location, Failure> {
    Location::parse(url).map_err(session::usage)
}

/// Returns the pattern of all keys that start so.
fn below(key: &str) -> String {
    format!("{key}*")
}

struct Statement {
    sid: &'static str,
    actions: Vec<String>,
    resources: Vec<String>,
    /// `None`: always.
    condition: Option<Value>,
}

impl Statement {
    fn json(self) -> Value {
        let mut json = json!({
            "Sid": self.sid, "Effect": "Allow", "Action": self.actions, "Resource": self.resources,
        });
        if let Some(condition) = self.condition {
            json["Condition"] = condition;
        }
        json
    }
}

/// Statements, one for each purpose.
#[derive(Default)]
struct Statements(Vec<Statement>);

impl Statements {
    fn add(&mut self, sid: &'static str, actions: &[&str], resources: &[String]) {
        let at = self.0.iter().position(|statement| statement.sid == sid).unwrap_or_else(|| {
            let actions = actions.iter().map(|action| (*action).to_owned()).collect();
            self.0.push(Statement { sid, actions, resources: Vec::new(), condition: None });
            self.0.len() - 1
        });
        let existing = &mut self.0[at].resources;
        existing.extend(resources.iter().cloned());
        existing.sort();
        existing.dedup();
    }

    /// `PutMetricData` takes no resource; its namespace is a condition.
    fn put_metrics(&mut self, namespace: &str) {
        self.add("PutMetrics", &["cloudwatch:PutMetricData"], &["*".to_owned()]);
        if let Some(last) = self.0.last_mut() {
            last.condition = Some(json!({ "StringEquals": { "cloudwatch:namespace": namespace } }));
        }
    }

    /// A lake, and its state: what is in it is read, written, and deleted when it was replaced.
    fn keep_lake(&mut self, arns: &Arns, location: &Location) {
        let objects = match location.key.trim_matches('/') {
            "" => arns.s3(&location.bucket, "*"),
            prefix => arns.s3(&location.bucket, &format!("{prefix}/*")),
        };
        let actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"];
        self.add("ListLake", &["s3:ListBucket"], &[arns.s3(&location.bucket, "")]);
        self.add("KeepLake", &actions, &[objects]);
        let keys = [arns.s3_keys()];
        self.add("KeepLakeIfKms", &["kms:Decrypt", "kms:GenerateDataKey"], &keys);
    }

    fn read_s3(&mut self, arns: &Arns, location: &Location) {
        let bucket = arns.s3(&location.bucket, "");
        let objects = arns.s3(&location.bucket, &below(&location.key));
        self.add("ListBuckets", &["s3:ListBucket"], &[bucket]);
        self.add("ReadObjects", &["s3:GetObject"], &[objects]);
        self.add("DecryptIfKms", &["kms:Decrypt"], &[arns.s3_keys()]);
    }

    fn read_logs(&mut self, arns: &Arns, group: &str) {
        let group = group.split('?').next().unwrap_or_default();
        let group = group.trim_end_matches(":*");
        let arn = match group.starts_with("arn:") {
            true => group.to_owned(),
            false => arns.of("logs", &format!("log-group:{group}")),
        };
        let actions = ["logs:FilterLogEvents", "logs:StartQuery"];
        self.add("ReadLogGroups", &actions, &[arn.clone(), format!("{arn}:*")]);
        // These take no log group.
        let actions = ["logs:DescribeLogGroups", "logs:GetQueryResults"];
        self.add("ReadQueries", &actions, &["*".to_owned()]);
    }

    fn send_alerts(&mut self, arns: &Arns, alert: &alert::Config) -> Result<(), Failure> {
        let arns = &match &alert.target {
            Target::Sns { topic } => arns.in_region(arn_region(topic)),
            Target::EventBridge { bus, region } => {
                arns.in_region(arn_region(bus).or(region.as_deref()))
            }
            Target::Sqs { queue } => arns.in_region(queue_region(queue)),
            Target::SecurityHub { region } => arns.in_region(region.as_deref()),
            Target::Ndjson { .. } | Target::Webhook { .. } | Target::Slack { .. } => arns.clone(),
        };
        match &alert.target {
            Target::Ndjson { .. } | Target::Webhook { .. } | Target::Slack { .. } => return Ok(()),
            Target::Sns { topic } => {
                self.add("PublishAlerts", &["sns:Publish"], std::slice::from_ref(topic));
            }
            Target::EventBridge { bus, .. } => {
                let arn = match bus.starts_with("arn:") {
                    true => bus.clone(),
                    false => arns.of("events", &format!("event-bus/{bus}")),
                };
                self.add("PutAlertEvents", &["events:PutEvents"], &[arn]);
            }
            Target::Sqs { queue } => {
                let actions = ["sqs:SendMessage", "sqs:GetQueueUrl"];
                self.add("SendAlertMessages", &actions, &[queue_arn(arns, queue)?]);
            }
            Target::SecurityHub { .. } => {
                let arn = arns.of("securityhub", &format!("product/{}/default", arns.account));
                self.add("ImportAlerts", &["securityhub:BatchImportFindings"], &[arn]);
                return Ok(());
            }
        }
        // Of topics and queues that are encrypted with a key of one's own.
        let actions = ["kms:GenerateDataKey", "kms:Decrypt"];
        self.add("EncryptAlertsIfKms", &actions, &[arns.of("kms", "key/*")]);
        Ok(())
    }

    fn read_queue(&mut self, arns: &Arns, queue: &str) -> Result<(), Failure> {
        let arn = queue_arn(arns, queue)?;
        let actions = [
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
        ];
        self.add("ReadQueues", &actions, &[arn]);
        let keys = arns.in_region(queue_region(queue)).of("kms", "key/*");
        self.add("ReadQueuesIfKms", &["kms:Decrypt"], &[keys]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(sources: &[&str]) -> args::IamPolicy {
        args::IamPolicy {
            sources: sources.iter().map(|source| (*source).to_owned()).collect(),
            inventory: Vec::new(),
            config: None,
            trail: None,
            to: None,
            lake: None,
            state: None,
            region: None,
            account: None,
        }
    }

    fn statement(policy: &Value, sid: &str) -> Value {
        let statements = policy["Statement"].as_array().unwrap();
        statements.iter().find(|statement| statement["Sid"] == sid).cloned().unwrap_or_default()
    }

    #[test]
    fn each_source_is_allowed_and_no_more() {
        let policy = policy(
            &args::IamPolicy {
                region: Some("cn-north-1".into()),
                account: Some("111122223333".into()),
                ..args(&[
                    "s3://logs/AWSLogs",
                    "s3://logs/other",
                    "cloudwatch://flow?streams=eni",
                    "sqs://https://sqs.cn-north-1.amazonaws.com.cn/111122223333/queue",
                    "sqs://other",
                ])
            },
            &Config::default(),
        )
        .unwrap();
        let resources = |sid| statement(&policy, sid)["Resource"].clone();
        assert_eq!(
            resources("ReadObjects"),
            json!(["arn:aws-cn:s3:::logs/AWSLogs*", "arn:aws-cn:s3:::logs/other*"])
        );
        assert_eq!(resources("ListBuckets"), json!(["arn:aws-cn:s3:::logs"]));
        let group = "arn:aws-cn:logs:cn-north-1:111122223333:log-group:flow";
        assert_eq!(resources("ReadLogGroups"), json!([group, format!("{group}:*")]));
        let queue = |name| format!("arn:aws-cn:sqs:cn-north-1:111122223333:{name}");
        assert_eq!(resources("ReadQueues"), json!([queue("other"), queue("queue")]));
        assert_eq!(statement(&policy, "ReadInventory"), Value::Null);
        assert_eq!(statement(&policy, "WriteInventory"), Value::Null);
    }

    #[test]
    fn the_inventory_is_allowed_every_call_that_it_makes() {
        let to = Some("s3://inventory/a".to_owned());
        let args = args::IamPolicy { to, ..args(&[]) };
        let policy = policy(&args, &Config::default()).unwrap();
        let actions = &statement(&policy, "ReadInventory")["Action"];
        assert_eq!(actions.as_array().unwrap().len(), CALLS.len() - 1);
        assert!(actions.as_array().unwrap().contains(&json!("cloudtrail:LookupEvents")));
        let written = &statement(&policy, "WriteInventory")["Resource"];
        assert_eq!(*written, json!(["arn:aws:s3:::inventory/a*"]));
    }

    #[test]
    fn each_sink_is_allowed_in_its_own_region_and_partition() {
        let config = Config::parse(
            "[[alert]]\ntype = \"eventbridge\"\nbus = \"security\"\nregion = \"cn-north-1\"\n\
             [[alert]]\ntype = \"sns\"\ntopic = \"arn:aws:sns:eu-west-1:111122223333:flow\"\n\
             [[alert]]\ntype = \"sqs\"\nqueue = \"https://sqs.eu-west-2.amazonaws.com/111122223333/q\"\n\
             [[alert]]\ntype = \"security-hub\"\nregion = \"eu-west-3\"",
        )
        .unwrap();
        let given = args::IamPolicy {
            region: Some("us-east-1".into()),
            account: Some("111122223333".into()),
            ..args(&[])
        };
        let policy = policy(&given, &config).unwrap();
        let resources = |sid| statement(&policy, sid)["Resource"].clone();
        let bus = "arn:aws-cn:events:cn-north-1:111122223333:event-bus/security";
        assert_eq!(resources("PutAlertEvents"), json!([bus]));
        let hub = "arn:aws:securityhub:eu-west-3:111122223333:product/111122223333/default";
        assert_eq!(resources("ImportAlerts"), json!([hub]));
        let keys = [
            "arn:aws-cn:kms:cn-north-1:111122223333:key/*",
            "arn:aws:kms:eu-west-1:111122223333:key/*",
            "arn:aws:kms:eu-west-2:111122223333:key/*",
        ];
        assert_eq!(resources("EncryptAlertsIfKms"), json!(keys));
    }

    #[test]
    fn a_lake_and_a_state_of_the_command_line_are_written() {
        let given = args::IamPolicy {
            lake: Some("s3://lake/flow".to_owned()),
            state: Some("s3://state".to_owned()),
            ..args(&["s3://logs"])
        };
        let policy = policy(&given, &Config::default()).unwrap();
        let written = &statement(&policy, "KeepLake")["Resource"];
        assert_eq!(*written, json!(["arn:aws:s3:::lake/flow/*", "arn:aws:s3:::state/*"]));
    }

    #[test]
    fn files_alone_need_nothing() {
        let policy = policy(&args(&["logs/"]), &Config::default());
        assert_eq!(policy.unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn the_lake_of_a_feed_is_written_and_only_the_lake() {
        let config = Config::parse("[feed]\nlake = \"s3://lake/flow/\"").unwrap();
        let policy = policy(&args(&["logs/"]), &config).unwrap();
        let lake = json!(["arn:aws:s3:::lake/flow/*"]);
        let actions = json!(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]);
        assert_eq!(statement(&policy, "KeepLake")["Action"], actions);
        assert_eq!(statement(&policy, "KeepLake")["Resource"], lake);
        assert_eq!(statement(&policy, "ListLake")["Resource"], json!(["arn:aws:s3:::lake"]));
    }

    #[test]
    fn each_sink_is_allowed_what_it_sends() {
        let config = "[[alert]]\ntype = \"sns\"\ntopic = \"arn:aws:sns:eu-west-1:111122223333:t\"\n\
            [[alert]]\ntype = \"eventbridge\"\n[[alert]]\ntype = \"sqs\"\nqueue = \"q\"\n\
            [[alert]]\ntype = \"security-hub\"\nregion = \"us-east-1\"\n\
            [[alert]]\ntype = \"ndjson\"\npath = \"-\"\n";
        let config = Config::parse(config).unwrap();
        let args = args::IamPolicy {
            region: Some("eu-west-1".into()),
            account: Some("111122223333".into()),
            ..args(&[])
        };
        let policy = policy(&args, &config).unwrap();
        let own =
            |service: &str, name: &str| format!("arn:aws:{service}:eu-west-1:111122223333:{name}");
        let hub = "arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default";
        for (sid, action, resource) in [
            ("PublishAlerts", "sns:Publish", own("sns", "t")),
            ("PutAlertEvents", "events:PutEvents", own("events", "event-bus/default")),
            ("SendAlertMessages", "sqs:SendMessage", own("sqs", "q")),
            ("ImportAlerts", "securityhub:BatchImportFindings", hub.to_owned()),
        ] {
            let statement = statement(&policy, sid);
            assert_eq!(statement["Action"][0], action);
            assert_eq!(statement["Resource"], json!([resource]));
        }
        assert!(policy["Statement"].as_array().unwrap().len() == 5);
    }

    #[test]
    fn metrics_may_be_put_into_their_namespace_alone() {
        let config = Config::parse("[metrics]\nput-metric-data = true").unwrap();
        let policy = policy(&args(&["logs/"]), &config).unwrap();
        let expected = json!({
            "Sid": "PutMetrics", "Effect": "Allow", "Action": ["cloudwatch:PutMetricData"],
            "Resource": ["*"],
            "Condition": { "StringEquals": { "cloudwatch:namespace": "flowq" } },
        });
        assert_eq!(policy["Statement"], json!([expected]));
    }
}
