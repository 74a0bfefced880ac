//! Decode, join, judge and write, on traffic that the generator makes. `cargo bench`; results in `benches/README.md`.

#![expect(missing_docs, reason = "criterion's macros make undocumented items")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set up its data has failed")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flowq::aws::{Account, Options};
use flowq::engine::{Engine, Resources, ScanOptions};
use flowq::enrich::{Column, Enricher};
use flowq::flow::field::Layout;
use flowq::flow::{DecodeOptions, Decoder};
use flowq::inventory::Inventory;
use flowq::inventory::model::{Attribution, Eni, IpRange};
use flowq::lake::{Origin, Writer, WriterOptions};
use flowq::storage::Storage;
use flowq::time::Window;
use flowq::{generate, source};

const RECORDS: u64 = 200_000;

/// Objects of the default generator with v5 fields, uncompressed, and their folder.
struct Logs {
    folder: tempfile::TempDir,
    texts: Vec<Bytes>,
}

fn logs() -> Logs {
    let folder = tempfile::tempdir().unwrap();
    let options = generate::Options {
        seed: 1,
        records: RECORDS,
        format: generate::Format::V5,
        files: 4,
        parquet: false,
        gzip: false,
        start: generate::SAMPLE_START,
    };
    generate::write(&options, folder.path()).unwrap();
    let mut texts = Vec::new();
    read_below(&folder.path().join("logs"), &mut texts);
    Logs { folder, texts }
}

fn read_below(path: &Path, texts: &mut Vec<Bytes>) {
    if path.is_file() {
        return texts.push(fs::read(path).unwrap().into());
    }
    for entry in fs::read_dir(path).unwrap() {
        read_below(&entry.unwrap().path(), texts);
    }
}

fn decode(texts: &[Bytes], columns: &[&str]) -> Vec<RecordBatch> {
    let all = Layout::Vpc.schema(&[]);
    let indices: Vec<usize> = columns.iter().map(|name| all.index_of(name).unwrap()).collect();
    let schema = Arc::new(all.project(&indices).unwrap());
    let plan = Arc::new(DecodeOptions::new(Layout::Vpc, schema));
    let mut batches = Vec::new();
    for text in texts {
        let mut decoder = Decoder::new(Arc::clone(&plan), "bench");
        decoder.push(text.clone(), &mut batches).unwrap();
        decoder.finish(&mut batches).unwrap();
    }
    batches
}

fn decoding(c: &mut Criterion) {
    let logs = logs();
    let every: Vec<String> =
        Layout::Vpc.fields().iter().take(29).map(|field| field.column()).collect();
    let every: Vec<&str> = every.iter().map(String::as_str).collect();
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(RECORDS));
    for (name, columns) in
        [("count", &[][..]), ("bytes by source", &["srcaddr", "bytes"]), ("29 columns", &every)]
    {
        group.bench_function(name, |b| b.iter(|| decode(&logs.texts, columns)));
    }
    group.finish();
}

/// The inventory with 50,000 more lifetimes of interfaces, 8,000 of them of one address, and 17,000 more
/// public ranges: what must not slow the scan down by more than a tenth.
fn crowded(inventory: &Inventory) -> Inventory {
    let mut crowded = inventory.clone();
    let vpc = inventory.vpcs[0].vpc_id.clone();
    for number in 0..50_000_i64 {
        // Around the time of the records, on either side.
        let from = generate::SAMPLE_START - 240_000 + number % 8_000 * 60;
        let address = match number < 8_000 {
            // The endpoint that every job of the traffic talks to.
            true => "10.20.16.5".to_owned(),
            false => format!("10.20.{}.{}", 100 + number % 100, number % 250),
        };
        crowded.enis.push(Eni {
            interface_id: format!("eni-{number:017x}"),
            valid_from: Some(from),
            valid_to: Some(from + 50),
            created_at: Some(from),
            vpc_id: Some(vpc.clone()),
            addresses: vec![address],
            job_name: Some(format!("job-{}", number % 5_000)),
            attribution: Some(Attribution::Exact),
            source: "cloudtrail".to_owned(),
            ..Eni::default()
        });
    }
    for number in 0..17_000_u32 {
        let (high, low) = (number / 256, number % 256);
        crowded.ip_ranges.push(IpRange {
            cidr: format!("100.{}.{low}.0/24", 128 + high % 64),
            region: "us-east-1".to_owned(),
            service: "AMAZON".to_owned(),
            ..IpRange::default()
        });
    }
    crowded
}

fn joining(c: &mut Criterion) {
    let logs = logs();
    let (inventory, _) = Inventory::read(&[logs.folder.path().join("inventory")]).unwrap();
    let wanted: Vec<Column> = ["job_name", "direction", "local_addr", "remote_addr"]
        .into_iter()
        .chain(["remote_interface_id", "remote_scope", "s3_path", "syn_by"])
        .map(|name| Column::by_name(name).unwrap())
        .collect();
    let needs: Vec<&str> = {
        let all = wanted.iter().flat_map(|column| column.info().needs.iter().copied());
        all.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    };
    let mut group = c.benchmark_group("decode and join");
    group.throughput(Throughput::Elements(RECORDS));
    for (name, inventory) in
        [("sample inventory", inventory.clone()), ("crowded", crowded(&inventory))]
    {
        let context = Enricher::new(Arc::new(inventory), Vec::new(), generate::SAMPLE_START);
        group.bench_function(name, |b| {
            b.iter(|| {
                for batch in decode(&logs.texts, &needs) {
                    context.annotate(&batch, &wanted).unwrap();
                }
            });
        });
    }
    group.finish();
}

fn detecting(c: &mut Criterion) {
    let logs = logs();
    let (inventory, _) = Inventory::read(&[logs.folder.path().join("inventory")]).unwrap();
    let context = Arc::new(Enricher::new(Arc::new(inventory), Vec::new(), generate::SAMPLE_START));
    let folder = logs.folder.path().join("logs").to_str().unwrap().to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut group = c.benchmark_group("detect");
    group.throughput(Throughput::Elements(RECORDS)).sample_size(10);
    group.bench_function("conversations", |b| {
        b.iter(|| {
            runtime.block_on(async {
                let source = source::open_sources(
                    std::slice::from_ref(&folder),
                    &source::SourceContext::default(),
                )
                .unwrap();
                let options = ScanOptions::new(Window::default());
                let resources = Resources { threads: 1, memory_bytes: 128 << 20 };
                let engine = Engine::new(source, Arc::clone(&context), options, &resources).await;
                engine.unwrap().materialize_conversations().await.unwrap();
            });
        });
    });
    group.finish();
}

/// Records of every column, cut by partition, sorted and encoded into the files of a lake.
fn writing(c: &mut Criterion) {
    let logs = logs();
    let schema = Layout::Vpc.schema(&[]);
    let every: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let batches = decode(&logs.texts, &every);
    let account = Arc::new(Account::new(Options::default()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut group = c.benchmark_group("write");
    group.throughput(Throughput::Elements(RECORDS)).sample_size(10);
    group.bench_function("lake", |b| {
        b.iter(|| {
            runtime.block_on(async {
                let folder = tempfile::tempdir().unwrap();
                let lake = Storage::create(folder.path().to_str().unwrap(), &account).unwrap();
                let origin: Arc<Origin> = Arc::new(|_: &str| (None, None));
                let options = WriterOptions::default();
                let mut writer = Writer::new(&lake, Layout::Vpc, "bench", origin, options);
                for batch in &batches {
                    writer.write(batch).await.unwrap();
                }
                writer.finish().await.unwrap().len()
            })
        });
    });
    group.finish();
}

criterion_group!(benches, decoding, joining, detecting, writing);
criterion_main!(benches);
