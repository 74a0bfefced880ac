//! The examples of deployments: their configurations are valid, their roles allow what these need, their commands exist.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::{env, fs, thread};

use clap::Parser as _;
use flowq::cli::args::Cli;
use flowq::config::Config;
use serde_json::Value;

use crate::support::{Run, flowq, root};

const REGION: &str = "eu-west-1";
const ACCOUNT: &str = "111122223333";

fn text(path: &str) -> String {
    let path = root().join("examples").join(path);
    fs::read_to_string(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

/// The policy that flowq prints for a configuration, and for sources that take the place of its own.
fn policy(config: &str, sources: &[&str]) -> Value {
    let config = format!("examples/{config}");
    let fixed = ["iam-policy", "--config", &config, "--region", REGION, "--account", ACCOUNT];
    let run = flowq(&[&fixed, sources].concat()).expect(0);
    serde_json::from_str(&run.out).unwrap()
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap())
}

/// The statements as YAML of a template, with its parameters in the place of names.
fn statements(policy: &Value, indent: &str) -> String {
    let mut yaml = String::new();
    let mut line = |text: &str| yaml.push_str(&format!("{indent}{text}\n"));
    for statement in policy["Statement"].as_array().unwrap() {
        assert!(statement.get("Condition").is_none(), "{statement}");
        line(&format!("- Sid: {}", statement["Sid"].as_str().unwrap()));
        line("  Effect: Allow");
        line("  Action:");
        texts(&statement["Action"]).for_each(|action| line(&format!("    - {action}")));
        line("  Resource:");
        for resource in texts(&statement["Resource"]) {
            let name = resource
                .replace("arn:aws:", "arn:${AWS::Partition}:")
                .replace(&format!(":{REGION}:"), ":${AWS::Region}:")
                .replace(&format!(":{ACCOUNT}:"), ":${AWS::AccountId}:")
                .replace(":::my-flow-logs", ":::${LogsBucket}")
                .replace(":::my-flow-lake", ":::${LakeBucket}");
            let sub = if name == "*" { "" } else { "!Sub " };
            line(&format!("    - {sub}\"{name}\""));
        }
    }
    yaml
}

#[expect(clippy::disallowed_methods, reason = "a switch of this test")]
fn update() -> bool {
    env::var("FLOWQ_UPDATE_DOCS").is_ok()
}

#[test]
fn the_role_of_the_ecs_task_is_what_its_configuration_needs() {
    let indent = " ".repeat(14);
    let (start, end) = (format!("{indent}# generated: iam-policy\n"), format!("{indent}# end\n"));
    let template = text("ecs/flowq.yaml");
    let (before, rest) = template.split_once(&start).unwrap();
    let (stored, behind) = rest.split_once(&end).unwrap();
    let expected = statements(&policy("ecs/flowq.toml", &[]), &indent);
    // The gap that an earlier template had.
    assert!(expected.contains("- s3:PutObject") && expected.contains("${LakeBucket}/flow/*"));
    if update() {
        let text = format!("{before}{start}{expected}{end}{behind}");
        fs::write(root().join("examples/ecs/flowq.yaml"), text).unwrap();
        return;
    }
    assert_eq!(stored, expected, "FLOWQ_UPDATE_DOCS=1 writes it");
}

#[test]
fn the_policy_of_the_terraform_module_is_what_its_configuration_needs() {
    // The bucket of the objects that the queue names is a further source.
    let expected = policy("terraform/flowq.toml", &["sqs://flowq", "s3://my-flow-logs/AWSLogs/"]);
    let path = root().join("examples/terraform/iam-policy.json");
    if update() {
        fs::write(&path, serde_json::to_string_pretty(&expected).unwrap() + "\n").unwrap();
        return;
    }
    let stored: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(stored, expected, "FLOWQ_UPDATE_DOCS=1 writes it");
}

#[test]
fn the_configurations_of_the_deployments_are_valid() {
    for path in ["ecs/flowq.toml", "kubernetes/flowq.toml", "terraform/flowq.toml"] {
        let config = Config::parse(&text(path)).unwrap_or_else(|err| panic!("{path}: {err}"));
        // A task or pod keeps nothing.
        assert!(config.feed.lake.is_some_and(|lake| lake.starts_with("s3://")), "{path}");
    }
    let port = |path: &str| Config::parse(&text(path)).unwrap().metrics.listen.unwrap().port();
    let deployment = text("kubernetes/deployment.yaml");
    let stated = format!("containerPort: {}", port("kubernetes/flowq.toml"));
    assert!(deployment.contains(&stated));
    assert!(
        text("kubernetes/service.yaml").contains(&format!("port: {}\n", port("ecs/flowq.toml")))
    );
    for probe in ["startupProbe", "livenessProbe", "readinessProbe", "path: /readyz"] {
        assert!(deployment.contains(probe), "{probe}");
    }
}

#[test]
fn the_commands_of_the_deployments_can_be_typed() {
    let mut commands = BTreeSet::new();
    for path in [
        "ecs/flowq.yaml",
        "kubernetes/deployment.yaml",
        "kubernetes/cronjob.yaml",
        "terraform/main.tf",
        "../Dockerfile",
    ] {
        for line in text(path).lines() {
            let list = line.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
            let words = list.map(|(list, _)| list.replace(['"', ','], " ")).unwrap_or_default();
            let words: Vec<&str> = words.split_whitespace().collect();
            // A health check names the program by its path.
            let words = words.iter().skip_while(|word| !matches!(**word, "feed" | "health"));
            let words: Vec<&str> = words.copied().collect();
            // `[feed] lake` in a comment is no command.
            if words.len() > 1 {
                commands.insert(words.join(" "));
            }
        }
    }
    assert_eq!(commands.len(), 3, "{commands:?}");
    for command in commands {
        let words = ["flowq"].into_iter().chain(command.split_whitespace());
        if let Err(error) = Cli::try_parse_from(words) {
            panic!("{command}: {error}");
        }
    }
}

/// Runs `flowq health` against a server that gives this response, and returns the request with the result.
fn health(response: &'static str, options: &[&str]) -> (String, Run) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let served = thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut part = [0; 1024];
            let length = stream.read(&mut part).unwrap();
            assert!(length > 0, "the request ends within its head");
            request.extend_from_slice(&part[..length]);
        }
        stream.write_all(response.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    let run = flowq(&[&["health", "--address", &address], options].concat());
    (served.join().unwrap(), run)
}

#[test]
fn a_health_check_passes_only_if_the_service_is_ready() {
    let (request, run) = health("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nready\n", &[]);
    assert!(request.starts_with("GET /readyz HTTP/1.1\r\n"), "{request}");
    assert_eq!(run.expect(0).out, "ready\n");
    let (request, run) = health("HTTP/1.1 200 OK\r\n\r\nok", &["--live"]);
    assert!(request.starts_with("GET /healthz HTTP/1.1\r\n"), "{request}");
    run.expect(0);
    let unready = "HTTP/1.1 503 Service Unavailable\r\n\r\nno pass has succeeded yet\n";
    let run = health(unready, &[]).1.expect(4);
    assert!(run.err.contains("status 503: no pass has succeeded yet"), "{}", run.err);
    let run = health("SSH-2.0-OpenSSH_9.2\r\n", &[]).1.expect(4);
    assert!(run.err.contains("the response is not HTTP"), "{}", run.err);
}

#[test]
fn a_health_check_fails_if_no_service_listens_or_none_is_configured() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let run = flowq(&["health", "--address", &closed]).expect(4);
    assert!(run.err.contains("the service does not respond"), "{}", run.err);
    let run = flowq(&["health", "--config", "sample-logs/flowq.toml"]).expect(3);
    assert!(run.err.contains("hint: set listen in [metrics]"), "{}", run.err);
}
