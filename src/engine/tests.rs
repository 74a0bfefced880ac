use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::util::display::array_value_to_string;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use futures::TryStreamExt as _;
use parquet::arrow::async_reader::AsyncFileReader;
use tokio::sync::Notify;

use super::*;
use crate::enrich::Enricher;
use crate::inventory::Inventory;
use crate::source::{ByteStream, Error, Listing, MemorySource, Source, Split};
use crate::time::Window;

mod files;
mod joins;
mod limits;
mod minutes;
mod openers;
mod overlap;
mod parts;
mod plans;
mod reading;
mod same_rows;

const VPC: &str = "version interface-id srcaddr dstaddr bytes start end action log-status";

/// 2020-01-01T00:00:00Z in Unix seconds.
const T0: u32 = 1_577_836_800;

fn vpc(rows: u32) -> String {
    let row = |row| {
        let start = T0 + 1000 + row;
        format!("2 eni-{row} 10.0.0.{row} 10.1.0.1 {row} {start} {} ACCEPT OK\n", start + 60)
    };
    format!("{VPC}\n{}", (1..=rows).map(row).collect::<String>())
}

async fn over(source: Arc<dyn Source>, options: ScanOptions) -> Engine {
    with(source, options, 1).await
}

async fn with(source: Arc<dyn Source>, options: ScanOptions, threads: usize) -> Engine {
    let context = Arc::new(Enricher::new(Arc::new(Inventory::default()), Vec::new(), 0));
    let resources = Resources { threads, memory_bytes: 256 << 20 };
    Engine::new(source, context, options, &resources).await.unwrap()
}

fn memory(objects: &[(&str, &str)]) -> Arc<dyn Source> {
    let owned = objects.iter().map(|(name, text)| (*name, text.as_bytes().to_vec()));
    Arc::new(owned.collect::<MemorySource>())
}

async fn engine(objects: &[(&str, &str)]) -> Engine {
    over(memory(objects), ScanOptions::new(Window::default())).await
}

/// Rows as text, cells separated by a blank, NULL as nothing.
fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let row = |batch: &RecordBatch, row| {
        let cells = batch.columns().iter().map(|array| array_value_to_string(array, row).unwrap());
        cells.collect::<Vec<_>>().join(" ")
    };
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect()
}

async fn ask(engine: &Engine, sql: &str) -> Vec<String> {
    let rows = engine.rows(sql, no_params()).await;
    lines(&rows.unwrap_or_else(|error| panic!("{sql}: {error}")))
}

#[tokio::test]
async fn each_layout_has_its_table_and_every_line_counts_once() {
    let text = vpc(3)
        + "version resource-type tgw-id srcaddr start end log-status\n\
           6 TransitGateway tgw-1 10.0.0.1 1 2 OK\n\
           6 TransitGateway tgw-1 nowhere 1 2 OK\n\
           6 TransitGateway tgw-1 10.0.0.3 1 2 NODATA\n\
           6 short\n";
    let engine = engine(&[("mixed", &text)]).await;
    let sql = "SELECT (SELECT count(*) FROM flow_logs), \
               (SELECT count(srcaddr) FROM transit_gateway_flow_logs)";
    assert_eq!(ask(&engine, sql).await, ["3 2"]);
    let summary = engine.summary();
    assert!(summary.adds_up(), "{summary:?}");
    assert_eq!((summary.lines, summary.ok, summary.nodata), (9, 4, 1));
    assert_eq!((summary.blank, summary.malformed.total(), summary.other_layout), (2, 2, 0));
}

#[tokio::test]
async fn fields_that_flowq_does_not_know_are_columns() {
    let custom = "srcaddr brand-new instance-tag-name log-status\n10.0.0.1 x a%20b OK\n";
    let event = r#"{"message":"srcaddr in-json"}{"message":"10.0.0.3 y"}"#;
    let engine = engine(&[("a", &vpc(1)), ("b", custom), ("c", event)]).await;
    let sql = "SELECT srcaddr, brand_new, in_json FROM flow_logs ORDER BY object";
    assert_eq!(ask(&engine, sql).await, ["10.0.0.1  ", "10.0.0.1 x ", "10.0.0.3  y"]);
    let sql = "SELECT object FROM flow_logs WHERE instance_tag_name = 'a b' AND brand_new = 'x'";
    assert_eq!(ask(&engine, sql).await, ["b"]);
}

#[tokio::test]
async fn aws_names_need_no_quotes_and_generic_sql_works() {
    let engine = engine(&[("a", &vpc(2))]).await;
    for (sql, want) in [
        (
            "SELECT start, end FROM flow_logs ORDER BY end LIMIT 1",
            "2020-01-01T00:16:41Z 2020-01-01T00:17:41Z",
        ),
        ("SELECT * EXCEPT (b) FROM (SELECT 1 AS a, 2 AS b)", "1"),
        ("SELECT action, count(*) FROM flow_logs GROUP BY ALL", "ACCEPT 2"),
        (
            "SELECT count(*) FROM flow_logs WHERE action ILIKE 'acc%' AND start::date = '2020-01-01'",
            "2",
        ),
        (
            "SELECT date_bin(interval '1 hour', start) FROM flow_logs GROUP BY 1",
            "2020-01-01T00:00:00Z",
        ),
        ("SELECT (array_agg(bytes ORDER BY bytes))[1] FROM flow_logs", "1"),
        ("SELECT count(*) FROM flow_logs WHERE start > now() - interval '1 hour'", "0"),
        ("SELECT count(*) FROM flow_logs WHERE bytes = NULL", "0"),
    ] {
        assert_eq!(ask(&engine, sql).await, [want], "{sql}");
    }
    let wrong = engine.rows("SELEC 1", no_params()).await.unwrap_err().to_string();
    assert!(wrong.contains("found: SELEC"), "{wrong}");
}

#[tokio::test]
async fn every_listed_function_exists() {
    let state = engine(&[]).await.session().state();
    for function in functions::FUNCTIONS {
        let known = state.scalar_functions().contains_key(function.name)
            || state.aggregate_functions().contains_key(function.name);
        assert!(known, "{}", function.name);
        assert!(function.signature.starts_with(&format!("{}(", function.name)));
    }
}

#[tokio::test]
async fn functions_say_what_they_take() {
    let engine = engine(&[]).await;
    for (sql, want) in [
        ("SELECT ip_family(1)", "ip_family takes text, not Int64"),
        ("SELECT protocol_name('TCP')", "protocol_name takes a whole number, not Utf8"),
        ("SELECT in_cidr('10.0.0.1', 'ten')", "\"ten\" is not a CIDR range"),
        ("SELECT allowed_by('a')", "it takes (job_name, remote_addr"),
    ] {
        let error = engine.rows(sql, no_params()).await.unwrap_err().to_string();
        assert!(error.contains(want), "{sql}: {error}");
    }
    let sql = "SELECT allowed_by(NULL, '10.0.0.1', NULL, 443::bigint, NULL) IS NULL";
    assert_eq!(ask(&engine, sql).await, ["true"]);
}

#[tokio::test]
async fn a_limit_leaves_objects_unread_and_says_so() {
    let text = vpc(5);
    let engine = engine(&[("a", &text), ("b", &text), ("c", &text)]).await;
    assert_eq!(ask(&engine, "SELECT line FROM flow_logs LIMIT 2").await.len(), 2);
    let summary = engine.summary();
    assert!(summary.stopped_early() && summary.adds_up(), "{summary:?}");
    assert_eq!((summary.objects_listed, summary.objects_begun), (3, 1));
}

#[tokio::test]
async fn a_window_drops_what_is_known_to_lie_outside_and_nothing_else() {
    let untimed = format!(
        "srcaddr start log-status\n10.9.9.9 {} OK\n10.9.9.8 - OK\n10.9.9.7 {} OK\n",
        T0 + 1,
        T0 + 9000
    );
    let objects = [("a", &*vpc(5)), ("b", &*untimed), ("c", "srcaddr log-status\n10.8.8.8 OK\n")];
    let window = Window::new(Some(i64::from(T0) + 1063), Some(i64::from(T0) + 1005));
    let engine = over(memory(&objects), ScanOptions::new(window)).await;
    let sql = "SELECT srcaddr FROM flow_logs ORDER BY object, line";
    let want = ["10.0.0.3", "10.0.0.4", "10.9.9.9", "10.9.9.8", "10.8.8.8"];
    assert_eq!(ask(&engine, sql).await, want);
    let summary = engine.summary();
    assert_eq!(summary.untimed.iter().copied().collect::<Vec<_>>(), ["end", "start"]);
    assert!(summary.adds_up());
}

#[tokio::test]
async fn explain_tells_what_the_decoder_does() {
    let engine = engine(&[("a", &vpc(1))]).await;
    let sql = "EXPLAIN SELECT srcaddr FROM flow_logs WHERE dstport = 443 \
               AND start >= '2026-03-10T00:00:02Z' AND srcaddr IN ('10.0.0.1', '10.0.0.2')";
    let plan = ask(&engine, sql).await.join("\n");
    let want = "FlowScanExec: decoded=[srcaddr, dstport, start], where=[dstport = 443, \
                srcaddr in (10.0.0.1, 10.0.0.2), start >= 2026-03-10T00:00:02Z]";
    assert!(plan.contains(want), "{plan}");
}

/// Opens its second object only once the first row was delivered.
#[derive(Debug)]
struct Gated {
    objects: MemorySource,
    delivered: Arc<Notify>,
}

#[async_trait]
impl Source for Gated {
    async fn splits(&self, window: &Window) -> Result<Listing, Error> {
        self.objects.splits(window).await
    }

    async fn head(&self, split: &Split, bytes_max: usize) -> Result<Bytes, Error> {
        self.objects.head(split, bytes_max).await
    }

    async fn open(&self, split: &Split) -> Result<ByteStream, Error> {
        if split.id != "a" {
            self.delivered.notified().await;
        }
        self.objects.open(split).await
    }

    async fn open_random_access(&self, split: &Split) -> Result<Box<dyn AsyncFileReader>, Error> {
        self.objects.open_random_access(split).await
    }
}

#[tokio::test]
async fn the_first_batch_comes_before_the_last_object_is_opened() {
    let objects = ["a", "b"].map(|name| (name, vpc(3).into_bytes())).into_iter().collect();
    let delivered = Arc::new(Notify::new());
    let source = Gated { objects, delivered: Arc::clone(&delivered) };
    let engine = over(Arc::new(source), ScanOptions::new(Window::default())).await;
    let sql = "SELECT bytes FROM flow_logs";
    let mut rows = engine.query(sql, no_params()).await.unwrap();
    let wait = std::time::Duration::from_secs(30);
    let first = tokio::time::timeout(wait, rows.try_next()).await;
    let first = first.expect("the first batch waits for the last object").unwrap().unwrap();
    let bytes = first.column(0).as_primitive::<arrow::datatypes::Int64Type>();
    assert_eq!(bytes.values(), &[1, 2, 3]);
    delivered.notify_one();
    assert_eq!(rows.try_next().await.unwrap().unwrap().num_rows(), 3);
}

#[tokio::test]
async fn what_can_be_read_once_is_not_joined_with_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    if !std::process::Command::new("mkfifo").arg(&path).status().is_ok_and(|s| s.success()) {
        println!("not checked: no mkfifo here");
        return;
    }
    let pipe = path.clone();
    std::thread::spawn(move || std::fs::write(pipe, vpc(3)));
    let source = crate::source::open_sources(
        &[path.to_string_lossy().into_owned()],
        &crate::source::SourceContext::default(),
    )
    .unwrap();
    let engine = over(source, ScanOptions::new(Window::default())).await;
    let sql = "SELECT count(*) FROM flow_logs a JOIN flow_logs b ON a.line = b.line";
    let error = engine.rows(sql, no_params()).await.unwrap_err().to_string();
    assert!(error.contains("can be read only once"), "{error}");
}
