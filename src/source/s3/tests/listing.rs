use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Mutex;

use async_trait::async_trait;
use proptest::prelude::*;

use crate::aws;
use crate::aws::s3::{Object, Page};
use crate::source::s3::lister;
use crate::source::s3::lister::{Found, Lister};
use crate::source::s3::listing_plan::{Plan, Step};
use crate::time::Window;

const DAY: i64 = 1_773_100_800; // 2026-03-10T00:00:00Z

/// A bucket in memory, which lists as S3 does and counts requests.
struct Bucket {
    keys: BTreeSet<String>,
    page_max: usize,
    requests: Mutex<Vec<(String, bool)>>,
    listed: Mutex<usize>,
}

impl Bucket {
    fn new(keys: impl IntoIterator<Item = String>, page_max: usize) -> Self {
        let keys = keys.into_iter().collect();
        Self { keys, page_max, requests: Mutex::default(), listed: Mutex::default() }
    }

    fn calls(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    fn listed(&self) -> usize {
        *self.listed.lock().unwrap()
    }

    fn was_asked(&self, prefix: &str) -> bool {
        self.requests.lock().unwrap().iter().any(|(requests, _)| requests.contains(prefix))
    }
}

#[async_trait]
impl Lister for Bucket {
    async fn page(
        &self,
        prefix: &str,
        delimiter: bool,
        start_after: Option<&str>,
        token: Option<&str>,
    ) -> Result<Page, aws::Error> {
        self.requests.lock().unwrap().push((prefix.to_owned(), delimiter));
        let after = start_after.or(token).filter(|after| *after >= prefix);
        let from = after.map_or(Bound::Included(prefix), Bound::Excluded);
        let mut page = Page::default();
        let mut last = String::new();
        for key in self.keys.range::<str, _>((from, Bound::Unbounded)) {
            let Some(below) = key.strip_prefix(prefix) else { break };
            let folder = below.find('/').filter(|_| delimiter);
            let folder = folder.map(|at| key[..=prefix.len() + at].to_owned());
            if folder.is_some() && folder.as_ref() == page.prefixes.last() {
                last = key.clone();
                continue;
            }
            if page.objects.len() + page.prefixes.len() == self.page_max {
                page.next = Some(last);
                break;
            }
            match folder {
                Some(folder) => page.prefixes.push(folder),
                None => page.objects.push(Object {
                    key: key.clone(),
                    size_bytes: Some(1),
                    etag: None,
                    modified: None,
                    archived: false,
                }),
            }
            last = key.clone();
        }
        *self.listed.lock().unwrap() += page.objects.len() + page.prefixes.len();
        Ok(page)
    }
}

async fn found(bucket: &Bucket, prefix: &str, window: Window) -> Found {
    let plan = Plan::new(prefix, &window);
    lister::list(bucket, prefix, &plan, usize::MAX).await.unwrap()
}

fn keys(found: &Found) -> Vec<&str> {
    let mut keys: Vec<&str> = found.objects.iter().map(|object| object.key.as_str()).collect();
    keys.sort_unstable();
    keys
}

fn file(account: &str, region: &str, flow_log: &str, time: i64, hash: usize) -> String {
    let time = chrono::DateTime::from_timestamp(time, 0).unwrap().format("%Y%m%dT%H%MZ");
    format!("{account}_vpcflowlogs_{region}_{flow_log}_{time}_{hash:08x}.log.gz")
}

/// Where AWS puts the file of a time.
fn folder(layout: usize, account: &str, region: &str, time: i64) -> String {
    let time = chrono::DateTime::from_timestamp(time, 0).unwrap();
    let (plain, hive) = (time.format("%Y/%m/%d/"), time.format("year=%Y/month=%m/day=%d/"));
    let accounts = format!("AWSLogs/{account}/vpcflowlogs/{region}/");
    let partitions =
        format!("AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/");
    match layout {
        0 => format!("{accounts}{plain}"),
        1 => format!("{accounts}{plain}{}", time.format("%H/")),
        2 => format!("{partitions}{hive}"),
        3 => format!("{partitions}{hive}{}", time.format("hour=%H/")),
        _ => format!("team/network/{accounts}{plain}"),
    }
}

#[test]
fn aws_folders_are_descended_and_others_searched() {
    let plan = |window| Plan::new("", &window);
    let hour = plan(Window::new(Some(DAY), Some(DAY + 3600)));
    let all = plan(Window::default());
    let region = "x/AWSLogs/123456789012/vpcflowlogs/us-east-1/";
    let cases = [
        ("", Step::Search, Step::Search),
        ("x/", Step::Search, Step::Search),
        ("x/AWSLogs/", Step::Descend, Step::Descend),
        ("x/AWSLogs/123456789012/", Step::Descend, Step::Descend),
        ("x/AWSLogs/aws-account-id=123456789012/", Step::Descend, Step::Descend),
        ("x/AWSLogs/123456789012/vpcflowlogs/", Step::Descend, Step::Descend),
        (region, Step::Descend, Step::Flat),
        (&format!("{region}2026/"), Step::Descend, Step::Flat),
        (&format!("{region}2026/03/"), Step::Descend, Step::Flat),
        (&format!("{region}2026/03/10/"), Step::Descend, Step::Flat),
        (&format!("{region}2026/03/10/05/"), Step::Flat, Step::Flat),
        (&format!("{region}else/"), Step::Flat, Step::Flat),
    ];
    for (prefix, bounded, unbounded) in cases {
        assert_eq!((hour.step(prefix), all.step(prefix)), (bounded, unbounded), "{prefix}");
    }
}

#[tokio::test]
async fn an_hour_of_a_million_keys_costs_a_few_pages() {
    // Two accounts, two regions, two days of two flow logs, and another service; 1,0.. files a day.
    let mut all = Vec::new();
    for account in ["123456789012", "210987654321"] {
        for region in ["us-east-1", "eu-west-3"] {
            for five_minutes in 0..2 * 288 {
                let time = DAY - 86_400 + five_minutes * 300;
                for (flow_log, hash) in
                    [("fl-0a", 0), ("fl-0b", 0), ("fl-0b", 1)].repeat(144).iter().zip(0..)
                {
                    let name = file(account, region, flow_log.0, time, hash);
                    all.push(format!("{}{name}", folder(0, account, region, time)));
                }
            }
        }
        all.extend((0..10_000).map(|i| format!("AWSLogs/{account}/CloudTrail/{i:06}.json.gz")));
    }
    assert!(all.len() > 990_000, "{}", all.len());
    let hour = Window::new(Some(DAY + 36_000), Some(DAY + 39_600));
    let bucket = Bucket::new(all, 1000);
    let found = found(&bucket, "", hour).await;
    // 8:55 to 12:05, as `source::path` has it: 39 times, 432 files each, in four places.
    assert_eq!(found.objects.len(), 39 * 432 * 4);
    assert!(bucket.calls() < 130, "{} calls", bucket.calls());
    assert!(bucket.listed() < 90_000, "{} keys", bucket.listed());
    assert!(!bucket.was_asked("CloudTrail") && !bucket.was_asked("2026/03/09"));
    let skipped: Vec<&str> = found.skipped.iter().map(String::as_str).collect();
    assert_eq!(skipped, ["AWSLogs/123456789012/CloudTrail/", "AWSLogs/210987654321/CloudTrail/"]);
}

#[tokio::test]
async fn hours_are_asked_for_alone_in_either_layout() {
    for layout in [1, 3] {
        let (account, region) = ("123456789012", "us-east-1");
        let files = (0..288).map(|five_minutes| {
            let time = DAY + five_minutes * 300;
            let name = file(account, region, "fl-0a", time, 0);
            format!("{}{name}", folder(layout, account, region, time))
        });
        let bucket = Bucket::new(files, 1000);
        let hour = Window { slack_secs: 0, ..Window::new(Some(DAY + 36_000), Some(DAY + 39_600)) };
        let found = found(&bucket, "AWSLogs/", hour).await;
        // 9:55 to 11:05.
        assert_eq!(found.objects.len(), 15);
        assert_eq!(found.pruned_folders.len(), 21);
        let requests = (0..24)
            .filter(|hour| bucket.was_asked(&folder(layout, account, region, DAY + hour * 3600)));
        assert_eq!(requests.collect::<Vec<i64>>(), [9, 10, 11]);
    }
}

#[tokio::test]
async fn folders_that_mean_nothing_are_listed_as_the_keys_that_they_are() {
    let many = (0..3000).map(|i| format!("data/{i:05}/part.log"));
    let flow = format!("data/x/{}a.log.gz", folder(0, "123456789012", "us-east-1", DAY));
    let bucket = Bucket::new(many.chain([flow.clone()]), 1000);
    let hour = Window::new(Some(DAY + 36_000), Some(DAY + 39_600));
    let all = found(&bucket, "", hour).await;
    assert_eq!(all.objects.len(), 3001);
    assert!(keys(&all).contains(&flow.as_str()));
    assert!(bucket.calls() < 10, "{} calls", bucket.calls());
    let old = Window::new(Some(DAY - 864_000), Some(DAY - 860_400));
    let all = found(&bucket, "", old).await;
    assert_eq!((all.objects.len(), all.pruned_folders.len()), (3000, 1));
}

#[tokio::test]
async fn markers_and_hidden_objects_are_passed_over_unless_named() {
    let names =
        ["a/", "a/_SUCCESS", "a/.hidden/x.log", "a/_temporary/0/y.log", "a/z.log.crc", "a/b.log"];
    let bucket = Bucket::new(names.map(str::to_owned), 1000);
    let all = found(&bucket, "a/", Window::default()).await;
    assert_eq!(keys(&all), ["a/b.log"]);
    let skipped: Vec<&str> = all.skipped.iter().map(String::as_str).collect();
    assert_eq!(skipped, ["a/.hidden/", "a/_SUCCESS", "a/_temporary/", "a/z.log.crc"]);
    let named = found(&bucket, "a/_temporary/", Window::default()).await;
    assert_eq!(keys(&named), ["a/_temporary/0/y.log"]);
}

#[tokio::test]
async fn more_objects_than_fit_are_an_error() {
    let bucket = Bucket::new((0..20).map(|i| format!("{i:02}.log")), 5);
    let plan = Plan::new("", &Window::default());
    assert!(matches!(lister::list(&bucket, "", &plan, 19).await, Err(lister::Error::TooMany)));
    assert!(lister::list(&bucket, "", &plan, 20).await.is_ok());
    assert!(bucket.calls() <= 10);
}

fn any_key() -> impl Strategy<Value = String> {
    let accounts = prop::sample::select(vec!["123456789012", "012345678901"]);
    let regions = prop::sample::select(vec!["us-east-1", "eu-west-3"]);
    let flow_logs = prop::sample::select(vec!["fl-0a", "fl-0a1", "fl-0b"]);
    let aws = (0..5usize, accounts, regions, flow_logs, -864i64..864, 0..2usize, 0..12usize);
    let aws = aws.prop_map(|(layout, account, region, flow_log, at, hash, kind)| {
        let time = DAY + at * 300;
        let folder = folder(layout, account, region, time);
        let name = file(account, region, flow_log, time, hash);
        match kind {
            0 => format!("{folder}{name}.bak"),
            1 => format!("{folder}_SUCCESS"),
            2 => format!("{folder}other.log"),
            3 => format!("AWSLogs/{account}/CloudTrail/{region}/{hash}.json"),
            4 => format!("copies/{name}"),
            5 => format!("{folder}x/{name}"),
            _ => format!("{folder}{name}"),
        }
    });
    prop_oneof![9 => aws, 1 => "[a-c_.]{1,2}(/[a-c_.]{1,2}){0,3}/?"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// However a bucket is listed, the objects are those whose names fit, each once.
    #[test]
    fn listing_finds_what_filtering_all_names_finds(
        all in prop::collection::btree_set(any_key(), 0..120),
        page_max in 1..9usize,
        since in -300i64..300,
        hours in 0i64..60,
        ends in (any::<bool>(), any::<bool>()),
        slack_secs in prop::sample::select(vec![0i64, 77, 3600]),
        margin in any::<bool>(),
        root in prop::sample::select(vec!["", "AWSLogs/", "team/", "AWSLogs/123456789012/", "A"]),
    ) {
        let (since, until) = (DAY + since * 290, DAY + since * 290 + hours * 3600);
        let window = Window {
            since: ends.0.then_some(since),
            until: ends.1.then_some(until),
            slack_secs,
            margin_secs: if margin { slack_secs + 600 } else { 0 },
        };
        let plan = Plan::new(root, &window);
        let expected: Vec<&str> = all
            .iter()
            .map(String::as_str)
            .filter(|key| key.starts_with(root))
            .filter(|key| plan.folders(key).is_none() && plan.object(key).is_none())
            .collect();
        let bucket = Bucket::new(all.clone(), page_max);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let listed = runtime.block_on(found(&bucket, root, window));
        prop_assert_eq!(keys(&listed), expected);
    }
}
