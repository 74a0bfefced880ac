//! Whether what an audit prints to paste can be pasted: whatever the ids of the inventory are.

use std::process::Command;

use super::*;

/// Ends a word of a shell in single quotes and writes a file, and begins a template of Terraform.
const HOSTILE: &str = "';touch${IFS}INJECTED;'";

/// Ids of the cases that a document of AWS gives.
const IDS: &[&str] = &[
    "vpc-1",
    "subnet-a",
    "subnet-b",
    "sg-jobs",
    "sg-endpoints",
    "rtb-a",
    "rtb-main",
    "vpce-s3",
    "vpce-sts",
    "acl-1",
    "fl-1",
    "pl-s3",
    "s3://data",
    "s3:::data",
];

/// What fails in any case, with each id followed by a text.
fn failed(after_ids: &str) -> Vec<Outcome> {
    let (base, cases) = root_with(|text| {
        IDS.iter().fold(text, |text, id| text.replace(id, &format!("{id}{after_ids}")))
    });
    let outcomes = cases.iter().flat_map(|case| {
        let check = case["check"].as_str().unwrap();
        audit(&base, case, &[check]).outcomes
    });
    outcomes.filter(|one| one.verdict == CheckVerdict::Fail).collect()
}

/// The words that a shell passes to `aws`, one line each.
fn words(commands: &str, folder: &Path) -> String {
    let script = format!("aws() {{ printf '%s\\n' \"$@\"; }}\n{commands}");
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{commands}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn no_id_breaks_out_of_a_command_or_a_block() {
    let folder = tempfile::tempdir().unwrap();
    let mut tried = 0;
    for one in failed(HOSTILE) {
        if let Some(commands) = &one.cli {
            let words = words(commands, folder.path());
            let whole = words.matches(HOSTILE).count();
            assert_eq!(whole, words.matches("INJECTED").count(), "{}: {words}", one.check);
            tried += whole;
        }
        let blocks = one.terraform.unwrap_or_default();
        assert!(!blocks.replace("$${", "").contains("${"), "{}: {blocks}", one.check);
    }
    assert!(tried > 20, "{tried}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a command was injected");
}

#[test]
fn a_command_names_its_region_and_a_number_that_is_free() {
    let folder = tempfile::tempdir().unwrap();
    for one in failed("") {
        let mut numbers = BTreeSet::new();
        for command in one.cli.iter().flat_map(|commands| commands.lines()) {
            let words = words(command, folder.path());
            let words: Vec<&str> = words.lines().collect();
            let value = |name: &str| {
                let at = words.iter().position(|word| *word == name)?;
                words.get(at + 1).copied()
            };
            assert_eq!(value("--region"), Some("us-east-1"), "{}: {command}", one.check);
            for word in words.iter().filter(|word| word.starts_with("--destination-")) {
                let is_ipv6 = value(word).unwrap().contains(':');
                assert_eq!(is_ipv6, word.contains("ipv6"), "{command}");
            }
            if words.contains(&"create-network-acl-entry") {
                let number: i32 = value("--rule-number").unwrap().parse().unwrap();
                let direction = words.contains(&"--egress");
                assert!(numbers.insert((direction, number)), "{command}: doubled");
                assert!((1..32_767).contains(&number), "{command}");
            }
        }
        let blocks = one.terraform.iter().flat_map(|text| text.lines());
        let heads: Vec<&str> = blocks.filter(|line| line.starts_with("resource ")).collect();
        let distinct: BTreeSet<&str> = heads.iter().copied().collect();
        assert_eq!(heads.len(), distinct.len(), "{}: {heads:?}", one.check);
    }
}
