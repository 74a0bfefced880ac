//! The metrics of a pass in CloudWatch.

use std::fs;

use super::server::{flowq_at, server, unique};
use crate::support::SAMPLE_RECORDS;

#[test]
fn the_numbers_of_a_pass_reach_cloudwatch() {
    let server = server();
    let namespace = unique("flowq-metrics");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowq.toml");
    let config = format!(
        "sources = [\"sample-logs/AWSLogs\"]\ninventory = [\"sample-logs/inventory\"]\n\
         [feed]\nlake = {:?}\nlateness = \"100000d\"\n\
         [metrics]\nput-metric-data = true\ncloudwatch-namespace = \"{namespace}\"\n",
        folder.path().join("lake"),
    );
    fs::write(&path, config).unwrap();
    let path = path.to_str().unwrap();
    let args = ["feed", "--once", "--config", path];
    let run = server.flowq(&args).expect(0);
    assert!(!run.err.contains("metrics were not sent"), "{}", run.err);

    let script = "
client = boto3.client('cloudwatch')
pages = client.get_paginator('list_metrics').paginate(Namespace=sys.argv[1])
metrics = [metric for page in pages for metric in page['Metrics']]
import datetime
def total(name, dimensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = datetime.timedelta(hours=1)
    points = client.get_metric_statistics(
        Namespace=sys.argv[1], MetricName=name, StartTime=now - hour, EndTime=now + hour,
        Dimensions=dimensions, Period=86400, Statistics=['Sum'])['Datapoints']
    return sum(point['Sum'] for point in points)
print(json.dumps({
    'names': sorted({metric['MetricName'] for metric in metrics}),
    'ok': total('records', [{'Name': 'status', 'Value': 'ok'}]),
    'passes': total('passes', [{'Name': 'outcome', 'Value': 'ok'}]),
    'findings': total('findings', [{'Name': 'detection', 'Value': 'isolated-job-traffic'},
                                   {'Name': 'severity', 'Value': 'critical'}]),
}))";
    let told = server.python(script, &[&namespace]);
    assert_eq!(told["ok"], (SAMPLE_RECORDS - 3) as f64, "{told}");
    assert_eq!(told["passes"], 1.0, "{told}");
    assert_eq!(told["findings"], 1.0, "{told}");
    let names = told["names"].as_array().unwrap();
    for name in ["read_bytes", "pass_last_success_age_seconds", "process_resident_memory_bytes"] {
        assert!(names.iter().any(|found| found == name), "{name}: {told}");
    }
}

#[test]
fn a_cloudwatch_that_refuses_stops_no_pass() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowq.toml");
    let config = format!(
        "sources = [\"sample-logs/AWSLogs\"]\n[feed]\nlake = {:?}\nlateness = \"100000d\"\n\
         [metrics]\nput-metric-data = true\n",
        folder.path().join("lake"),
    );
    fs::write(&path, config).unwrap();
    let path = path.to_str().unwrap();
    // Nothing listens there.
    let args = ["feed", "--once", "--config", path];
    let run = flowq_at("http://127.0.0.1:1", &args).expect(0);
    assert!(run.err.contains("metrics were not sent"), "{}", run.err);
    assert!(run.err.contains("pass done"), "{}", run.err);
}
