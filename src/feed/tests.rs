//! A feed ends with the findings of one batch, whatever comes in which order.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::{Int64Type, TimestampSecondType};

use crate::config::Config;
use crate::detection::Finding;
use crate::engine::{Engine, Resources, ScanOptions, no_params};
use crate::enrich::Enricher;
use crate::feed::{Evaluator, Findings, Range};
use crate::inventory::Inventory;
use crate::source::{MemorySource, Source};
use crate::time::Window;
use crate::{detection, generate};

const RESOURCES: Resources = Resources { threads: 2, memory_bytes: 64 << 20 };

/// 2026-03-10T00:00:00Z.
const START: i64 = 1_773_100_800;

/// Long after all that happens.
const NOW: i64 = START + 30 * 86_400;

struct World {
    objects: BTreeMap<String, Vec<u8>>,
    inventory: Arc<Inventory>,
}

/// Jobs with their stories, and ordinary traffic around them, in many objects.
fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let options = generate::Options {
        seed: 7,
        records: 1000,
        format: generate::Format::V5,
        files: 24,
        parquet: false,
        gzip: false,
        start: START,
    };
    generate::write(&options, folder.path()).unwrap();
    let mut objects = BTreeMap::new();
    read_below(&folder.path().join("logs"), &mut objects);
    let inventory = Inventory::read(&[folder.path().join("inventory")]).unwrap().0;
    World { objects, inventory: Arc::new(inventory) }
}

fn read_below(path: &Path, objects: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => read_below(&path, objects),
            false => drop(objects.insert(path.display().to_string(), fs::read(&path).unwrap())),
        }
    }
}

fn evaluator(inventory: &Arc<Inventory>) -> Evaluator {
    let detections = detection::built_in().unwrap();
    Evaluator::new(Config::default(), detections, RESOURCES, Arc::clone(inventory))
}

fn memory<'a>(objects: impl IntoIterator<Item = (&'a String, &'a Vec<u8>)>) -> Arc<dyn Source> {
    let objects = objects.into_iter().map(|(name, bytes)| (name.clone(), bytes.clone()));
    Arc::new(objects.collect::<MemorySource>())
}

/// The time of the records of some objects, as the files that a pass writes tell it.
async fn touched(source: Arc<dyn Source>) -> Vec<Range> {
    let context = Enricher::new(Arc::new(Inventory::default()), Vec::new(), NOW);
    let options = ScanOptions::new(Window::default());
    let engine = Engine::new(source, Arc::new(context), options, &RESOURCES).await.unwrap();
    let sql = "SELECT min(start), max(\"end\"), count(*) FROM flow_logs WHERE start IS NOT NULL";
    let rows = engine.rows(sql, no_params()).await.unwrap();
    let time = |at: usize| rows[0].column(at).as_primitive::<TimestampSecondType>().value(0);
    match rows[0].column(2).as_primitive::<Int64Type>().value(0) {
        0 => Vec::new(),
        _ => vec![Range { from: time(0), to: time(1) }],
    }
}

async fn batch(world: &World) -> Vec<Finding> {
    let mut findings = Findings::default();
    let source = memory(&world.objects);
    evaluator(&world.inventory).update(&mut findings, &source, Vec::new(), NOW).await.unwrap();
    findings.findings
}

#[tokio::test]
async fn shuffled_and_late_deliveries_end_with_the_findings_of_one_batch() {
    let world = world();
    let expected = batch(&world).await;
    assert!(expected.len() > 5, "{} findings", expected.len());
    let (mut narrow, mut changed) = (0, 0);
    for seed in 0..2 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut names: Vec<&String> = world.objects.keys().collect();
        random.shuffle(&mut names);
        let mut evaluator = evaluator(&world.inventory);
        let (mut findings, mut known) = (Findings::default(), 0);
        while known < names.len() {
            let next = (known + random.usize(4..20)).min(names.len());
            let object = |name: &&'_ String| world.objects.get_key_value(name.as_str()).unwrap();
            let new = memory(names[known..next].iter().map(object));
            let lake = memory(names[..next].iter().map(object));
            let before = findings.findings.clone();
            let range = touched(new).await;
            let evaluation = evaluator.update(&mut findings, &lake, range, NOW).await.unwrap();
            narrow += u32::from(!evaluation.all);
            changed += u32::from(!evaluation.all && findings.findings != before);
            // A restart knows only what was saved.
            if random.u8(0..4) == 0 {
                let saved = serde_json::to_vec(&findings).unwrap();
                findings = serde_json::from_slice(&saved).unwrap();
                evaluator = crate::feed::tests::evaluator(&world.inventory);
            }
            known = next;
        }
        assert_eq!(findings.findings, expected, "seed {seed}");
    }
    assert!(narrow > 3 && changed > 2, "{narrow} narrow looks, {changed} of them found something");
}

#[tokio::test]
async fn an_inventory_that_comes_late_is_taken_account_of() {
    let world = world();
    let expected = batch(&world).await;
    let lake = memory(&world.objects);
    let mut early = Inventory::clone(&world.inventory);
    early.jobs.truncate(early.jobs.len() / 2);
    let known: Vec<String> = early.jobs.iter().map(|job| job.job_name.clone()).collect();
    early.enis.retain(|eni| eni.job_name.as_ref().is_none_or(|job| known.contains(job)));
    let mut evaluator = evaluator(&Arc::new(early));
    let mut findings = Findings::default();
    evaluator.update(&mut findings, &lake, Vec::new(), NOW).await.unwrap();
    assert_ne!(findings.findings, expected);
    evaluator.set_inventory(Arc::clone(&world.inventory));
    let evaluation = evaluator.update(&mut findings, &lake, Vec::new(), NOW).await.unwrap();
    assert!(!evaluation.all);
    assert_eq!(findings.findings, expected);
    // Nothing came and nothing changed: nothing is read.
    let evaluation = evaluator.update(&mut findings, &lake, Vec::new(), NOW).await.unwrap();
    assert_eq!(evaluation.ranges, 0);
}

#[tokio::test]
async fn findings_survive_being_written_down() {
    let world = world();
    let mut findings = Findings::default();
    let lake = memory(&world.objects);
    evaluator(&world.inventory).update(&mut findings, &lake, Vec::new(), NOW).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let account = Arc::new(crate::aws::Account::new(crate::aws::Options::default()));
    let state = crate::storage::Storage::open(folder.path().to_str().unwrap(), &account).unwrap();
    assert_eq!(Findings::load(&state).await.unwrap(), Findings::default());
    findings.save(&state).await.unwrap();
    assert_eq!(Findings::load(&state).await.unwrap(), findings);
}

#[tokio::test]
async fn a_question_that_ends_for_want_of_memory_leaves_its_findings_and_stops_no_other() {
    const ID: &str = "unexpected-egress";
    let world = world();
    let lake = memory(&world.objects);
    let expected = batch(&world).await;
    let others: Vec<Finding> =
        expected.iter().filter(|finding| finding.detection != ID).cloned().collect();
    assert!(others.len() > 3 && others.len() < expected.len());
    let mut detections = detection::built_in().unwrap();
    let broken = detections.iter_mut().find(|known| known.id == ID).unwrap();
    broken.sql = "SELECT repeat('x', 2000000000) AS reason".to_owned();
    let inventory = Arc::clone(&world.inventory);
    let mut little = Evaluator::new(Config::default(), detections, RESOURCES, inventory);
    let mut findings = Findings::default();
    let evaluation = little.update(&mut findings, &lake, Vec::new(), NOW).await.unwrap();
    assert_eq!(evaluation.failed.keys().collect::<Vec<_>>(), [ID]);
    assert!(
        evaluation.failed[ID].starts_with("not enough memory: repeat() would make"),
        "{evaluation:?}"
    );
    assert_eq!(findings.findings, others);
    assert_eq!(findings.unanswered, [Range::ALL]);
    // Without new input it is not run again, and its earlier findings stay.
    let evaluation = little.update(&mut findings, &lake, Vec::new(), NOW).await.unwrap();
    assert_eq!(evaluation.ranges, 0);
    findings.findings.clone_from(&expected);
    let new = vec![Range { from: START, to: START + 60 }];
    let evaluation = little.update(&mut findings, &lake, new, NOW).await.unwrap();
    assert!(evaluation.all && evaluation.failed.contains_key(ID));
    assert_eq!(findings.findings, expected);
    findings.findings.clear();
    evaluator(&world.inventory).update(&mut findings, &lake, Vec::new(), NOW).await.unwrap();
    assert_eq!(findings.findings, expected);
    assert!(findings.unanswered.is_empty());
}
