//! The choice of a job, and pages with untrusted names.

use super::*;
use crate::inventory::Inventory;
use crate::inventory::model::Eni;

const EVIL: &str = "<script>alert('x')</script>|`[a](b)`&\u{1b}[2J";

fn job(name: &str, region: &str) -> Job {
    Job {
        job_name: name.to_owned(),
        job_arn: Some(format!("arn:aws:sagemaker:{region}:1:processing-job/{name}")),
        ..Job::default()
    }
}

fn inventory() -> Inventory {
    let eni = Eni { job_name: Some("mapped".to_owned()), ..Eni::default() };
    let jobs = vec![
        job("nightly-1", "us-east-1"),
        job("nightly-2", "us-east-1"),
        job("twin", "us-east-1"),
        job("twin", "eu-west-1"),
    ];
    Inventory { jobs, enis: vec![eni], ..Inventory::default() }
}

#[test]
fn a_name_an_arn_or_a_pattern_that_fits_one() {
    let inventory = inventory();
    let chosen =
        |name: &str| choose(&inventory, name).map(|job| job.job_arn.unwrap_or(job.job_name));
    assert_eq!(chosen("nightly-1").unwrap(), inventory.jobs[0].job_arn.clone().unwrap());
    assert_eq!(chosen("*-2").unwrap(), inventory.jobs[1].job_arn.clone().unwrap());
    assert_eq!(chosen("mapped").unwrap(), "mapped");
    let arn = inventory.jobs[3].job_arn.clone().unwrap();
    assert_eq!(chosen(&arn).unwrap(), arn);
}

#[test]
fn what_is_not_one_job_is_told_with_what_is_likely() {
    let inventory = inventory();
    let error = |name: &str| choose(&inventory, name).unwrap_err();
    let nearest = Some("nightly-1".to_owned());
    assert_eq!(error("nightly_1"), Choice::Unknown { name: "nightly_1".to_owned(), nearest });
    assert_eq!(error("nightly-*").to_string(), "nightly-* fits 2 jobs: nightly-1, nightly-2");
    let twin = error("twin").to_string();
    assert!(twin.starts_with("twin fits 2 jobs: arn:aws:sagemaker:us-east-1:"), "{twin}");
    assert!(error("[").to_string().starts_with("[ is no pattern"));
}

async fn page(nat_price: Option<f64>, in_vpc: Option<bool>) -> JobReport {
    let job = Job { failure_reason: Some(EVIL.to_owned()), in_vpc, ..job(EVIL, "us-east-1") };
    let coverage = vec![EVIL.to_owned()];
    let about = JobReportContext { job: &job, findings: &[], coverage, nat_price };
    let rows =
        async |_: &str, _: &[(String, ScalarValue)]| -> Result<Vec<RecordBatch>, ArrowError> {
            let evil: ArrayRef = Arc::new(StringArray::from(vec![Some(EVIL), None]));
            Ok(vec![RecordBatch::try_from_iter_with_nullable([("state", evil, true)])?])
        };
    JobReport::make(&about, rows).await.unwrap()
}

#[tokio::test]
async fn names_are_letters_and_nothing_more() {
    let page = page(Some(0.045), None).await;
    let html = page.html().unwrap();
    assert!(!html.contains("<script") && !html.contains('\u{1b}'), "{html}");
    assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;|"), "{html}");
    let markdown = page.markdown().unwrap();
    assert!(markdown.contains(r"\<script\>alert('x')\</script\>\|\`\[a\](b)\`\& "), "{markdown}");
    assert!(!markdown.contains('\u{1b}'));
    let json = page.json().unwrap();
    assert_eq!(json["job"], EVIL);
    assert_eq!(json["s3"]["rows"], serde_json::json!([{ "state": EVIL }, { "state": null }]));
}

#[tokio::test]
async fn a_price_is_told_or_asked_for() {
    let note =
        |page: &JobReport| page.parts.iter().find(|part| part.id == "s3").unwrap().notes.join("");
    assert!(note(&page(Some(0.045), None).await).contains("at 0.045 for each GB"));
    assert!(note(&page(None, None).await).contains("no price set for the region of the job"));
}

#[tokio::test]
async fn a_part_without_rows_says_why() {
    let job = Job { in_vpc: Some(false), ..job("a", "us-east-1") };
    let about =
        JobReportContext { job: &job, findings: &[], coverage: Vec::new(), nat_price: None };
    let none = async |_: &str,
                      _: &[(String, ScalarValue)]|
           -> Result<Vec<RecordBatch>, ArrowError> { Ok(Vec::new()) };
    let page = JobReport::make(&about, none).await.unwrap();
    let notes: Vec<&str> =
        page.parts.iter().flat_map(|part| part.notes.iter()).map(|n| n.as_str()).collect();
    assert!(notes.iter().any(|note| note.contains("no VpcConfig")), "{notes:?}");
    assert!(
        notes.iter().any(|note| note.starts_with("none; what could not be judged")),
        "{notes:?}"
    );
    assert_eq!(page.json().unwrap()["findings"]["rows"], serde_json::json!([]));
}
