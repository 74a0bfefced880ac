//! The numbers of conversations are what plain SQL makes of their records.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::TryStreamExt as _;
use proptest::collection::vec;
use proptest::prelude::{Strategy, prop_assert_eq, proptest};
use proptest::sample::select;

use super::*;
use crate::engine::aggregates::first_records::first_records;
use crate::engine::aggregates::first_starts::first_starts;

/// What the function gives, in plain SQL.
const PLAIN: &[(&str, &str)] = &[
    ("first_out", "min(CASE WHEN direction = 'egress' THEN start END)"),
    ("first_in", "min(CASE WHEN direction = 'ingress' THEN start END)"),
    ("local_syn", "min(CASE WHEN syn_by = 'local' THEN start END)"),
    ("remote_syn", "min(CASE WHEN syn_by = 'remote' THEN start END)"),
    ("first_seen", "min(start)"),
    ("last_seen", "max(\"end\")"),
    ("records", "count(*)"),
    ("accepted_out", "sum(CASE WHEN action = 'ACCEPT' AND direction = 'egress' THEN 1 ELSE 0 END)"),
    ("accepted_in", "sum(CASE WHEN action = 'ACCEPT' AND direction = 'ingress' THEN 1 ELSE 0 END)"),
    ("rejected_out", "sum(CASE WHEN action = 'REJECT' AND direction = 'egress' THEN 1 ELSE 0 END)"),
    ("rejected_in", "sum(CASE WHEN action = 'REJECT' AND direction = 'ingress' THEN 1 ELSE 0 END)"),
    ("accepted_packets", "sum(CASE WHEN action = 'ACCEPT' THEN packets ELSE 0 END)"),
    (
        "accepted_bytes_out",
        "sum(CASE WHEN action = 'ACCEPT' AND direction = 'egress' THEN bytes ELSE 0 END)",
    ),
    (
        "accepted_bytes_in",
        "sum(CASE WHEN action = 'ACCEPT' AND direction = 'ingress' THEN bytes ELSE 0 END)",
    ),
    ("rejected_packets", "sum(CASE WHEN action = 'REJECT' THEN packets ELSE 0 END)"),
    (
        "rejected_bytes_out",
        "sum(CASE WHEN action = 'REJECT' AND direction = 'egress' THEN bytes ELSE 0 END)",
    ),
    (
        "rejected_bytes_in",
        "sum(CASE WHEN action = 'REJECT' AND direction = 'ingress' THEN bytes ELSE 0 END)",
    ),
    ("accepted_first", "min(CASE WHEN action = 'ACCEPT' THEN start END)"),
    ("accepted_last", "max(CASE WHEN action = 'ACCEPT' THEN \"end\" END)"),
    ("rejected_first", "min(CASE WHEN action = 'REJECT' THEN start END)"),
    ("rejected_last", "max(CASE WHEN action = 'REJECT' THEN \"end\" END)"),
    ("rejected_syn", "sum(CASE WHEN action = 'REJECT' AND syn_by IS NOT NULL THEN 1 ELSE 0 END)"),
    (
        "rejected_flagless",
        "sum(CASE WHEN action = 'REJECT' AND protocol = 6 AND tcp_flags IS NOT NULL
                       AND syn_by IS NULL THEN 1 ELSE 0 END)",
    ),
    ("closed_at", "min(CASE WHEN action = 'ACCEPT' AND tcp_flags & 5 <> 0 THEN \"end\" END)"),
    ("longest_secs", "max(CAST(\"end\" AS BIGINT) - CAST(start AS BIGINT))"),
    ("flagged_records", "sum(CASE WHEN protocol = 6 AND tcp_flags IS NOT NULL THEN 1 ELSE 0 END)"),
    (
        "accepted_out_first",
        "min(CASE WHEN action = 'ACCEPT' AND direction = 'egress' THEN start END)",
    ),
    (
        "accepted_in_first",
        "min(CASE WHEN action = 'ACCEPT' AND direction = 'ingress' THEN start END)",
    ),
];

/// The numbers that heed the records before the window.
const CONTEXT: &[&str] = &[
    "first_out",
    "first_in",
    "local_syn",
    "remote_syn",
    "closed_at",
    "flagged_records",
    "accepted_out_first",
    "accepted_in_first",
];

type Row = (i64, [Option<&'static str>; 3], [Option<i64>; 6]);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let text = |of: &[Option<&'static str>]| select(of.to_vec());
    let number = |of: &[Option<i64>]| select(of.to_vec());
    let texts = [
        text(&[Some("ACCEPT"), Some("REJECT"), None]),
        text(&[Some("egress"), Some("ingress"), None]),
        text(&[Some("local"), Some("remote"), None]),
    ];
    let numbers = [
        number(&[Some(6), Some(17), None]),
        number(&[Some(0), Some(1), Some(2), Some(4), None]),
        number(&[Some(0), Some(60), Some(120), None]),
        number(&[Some(60), Some(180), None]),
        number(&[Some(1), Some(9), None]),
        number(&[Some(40), Some(5_000_000_000), None]),
    ];
    vec((0..4i64, texts, numbers), 1..60)
}

fn batch(rows: &[Row]) -> RecordBatch {
    let text = |at: usize| -> ArrayRef {
        Arc::new(StringViewArray::from_iter(rows.iter().map(|row| row.1[at])))
    };
    let number = |at: usize| rows.iter().map(move |row| row.2[at]);
    let time = |at| -> ArrayRef {
        Arc::new(TimestampSecondArray::from_iter(number(at)).with_timezone("UTC"))
    };
    let int = |at| -> ArrayRef {
        cast(&(Arc::new(Int64Array::from_iter(number(at))) as ArrayRef), &DataType::Int32).unwrap()
    };
    let long = |at| -> ArrayRef { Arc::new(Int64Array::from_iter(number(at))) };
    let key: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    RecordBatch::try_from_iter_with_nullable([
        ("key", key, true),
        ("action", text(0), true),
        ("direction", text(1), true),
        ("syn_by", text(2), true),
        ("protocol", int(0), true),
        ("tcp_flags", int(1), true),
        ("start", time(2), true),
        ("end", time(3), true),
        ("packets", long(4), true),
        ("bytes", long(5), true),
    ])
    .unwrap()
}

/// Asks both ways, in one group for each key and in one for all. `since`: where the window begins.
async fn both(rows: &[Row], partitions: usize, since: Option<i64>) -> [String; 2] {
    let config = SessionConfig::new().with_target_partitions(partitions);
    let session = SessionContext::new_with_config(config);
    session.register_udaf(conversation(since));
    let parts: Vec<Vec<RecordBatch>> =
        rows.chunks(rows.len().div_ceil(3)).map(|part| vec![batch(part)]).collect();
    let schema: Arc<Schema> = parts[0][0].schema();
    session.register_table("r", Arc::new(MemTable::try_new(schema, parts).unwrap())).unwrap();
    let call = "conversation(action, direction, syn_by, protocol, tcp_flags, start, \"end\", packets, bytes)";
    let ours: Vec<String> =
        PLAIN.iter().map(|(name, _)| format!("s['{name}'] AS {name}")).collect();
    let within = since.map_or(String::new(), |since| {
        format!(" FILTER (WHERE \"end\" IS NULL OR CAST(\"end\" AS BIGINT) >= {since})")
    });
    let plain =
        PLAIN.iter().map(|(name, sql)| match sql.starts_with("sum(") || *name == "records" {
            _ if CONTEXT.contains(name) => format!("{sql} AS {name}"),
            // Of the margin alone nothing is counted, which is no sum of nothing.
            true if COLUMNS.contains(&(*name, Fold::Count)) => {
                format!("coalesce({sql}{within}, 0) AS {name}")
            }
            _ => format!("{sql}{within} AS {name}"),
        });
    let plain: Vec<String> = plain.collect();
    let (ours, plain) = (ours.join(", "), plain.join(", "));
    let ask = async |sql: String| {
        let stream = session.sql(&sql).await.unwrap().execute_stream().await.unwrap();
        let rows: Vec<RecordBatch> = stream.try_collect().await.unwrap();
        pretty_format_batches(&rows).unwrap().to_string()
    };
    let keyed = |what: &str, from: &str| format!("SELECT key, {what} FROM {from} ORDER BY key");
    let sums = format!("(SELECT key, {call} AS s FROM r GROUP BY key)");
    let all = format!("(SELECT {call} AS s FROM r)");
    [
        ask(keyed(&ours, &sums)).await + &ask(format!("SELECT {ours} FROM {all}")).await,
        ask(format!("SELECT key, {plain} FROM r GROUP BY key ORDER BY key")).await
            + &ask(format!("SELECT {plain} FROM r")).await,
    ]
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(32))]
    #[test]
    fn the_numbers_are_those_of_plain_sql(
        rows in rows(),
        partitions in 1..4usize,
        since in select(vec![None, Some(100)]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let [ours, plain] = runtime.block_on(both(&rows, partitions, since));
        prop_assert_eq!(ours, plain);
    }
}

#[test]
fn every_number_is_compared() {
    let names = |of: &[(&'static str, Fold)]| of.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    assert_eq!(names(COLUMNS), PLAIN.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

/// Groups by key under so little memory.
async fn grouped(memory_bytes: usize, records: &[RecordBatch]) -> Result<usize> {
    let pool = Arc::new(FairSpillPool::new(memory_bytes));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc()?;
    let config = SessionConfig::new().with_target_partitions(1).with_batch_size(512);
    let session = SessionContext::new_with_config_rt(config, runtime);
    session.register_udaf(conversation(None));
    session.register_udaf(first_records());
    session.register_udaf(first_starts());
    let table = MemTable::try_new(records[0].schema(), vec![records.to_vec()])?;
    session.register_table("r", Arc::new(table))?;
    let sql = "SELECT key, first_records(start, repeat('x', 100) || CAST(key % 7 AS VARCHAR), key), first_starts(start),
        conversation(action, direction, syn_by, protocol, tcp_flags, start, \"end\", packets, bytes)
        FROM r GROUP BY key";
    let rows = session.sql(sql).await?.execute_stream().await?;
    rows.try_fold(0, async |count, batch| Ok(count + batch.num_rows())).await
}

/// The planner asks a pool for the memory of an answer only when it has it, and then nothing can go to disk.
#[tokio::test]
async fn an_answer_fits_wherever_its_groups_did() {
    let texts = [Some("ACCEPT"), Some("egress"), Some("local")];
    let rows = |from: i64| -> Vec<Row> {
        (from..from + 512)
            .flat_map(|key| {
                [0, 60, 120].map(|at| (key, texts, [Some(6), None, Some(at), None, None, Some(1)]))
            })
            .collect()
    };
    let records: Vec<RecordBatch> = (0..16).map(|part| batch(&rows(part * 512))).collect();
    for half_mib in 4..20 {
        let count = grouped(half_mib << 19, &records).await;
        assert_eq!(count.unwrap_or_else(|error| panic!("{half_mib}: {error}")), 16 * 512);
    }
}
