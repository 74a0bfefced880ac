//! Compares source, ledger and lake, object by object.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array as _, AsArray as _, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::flow::field::{LINE, OBJECT};
use crate::ingest::Error;
use crate::ingest::names::Names;
use crate::ingest::row_removal::bytes;
use crate::ingest::runner::LAYOUTS;
use crate::lake;
use crate::lake::{LakeTable, folder};
use crate::source::Split;
use crate::state::{Kind, LineCounts, ObjectRecord, ObjectState, Reader};
use crate::storage::Storage;

/// A line number beyond what its object has lines is not looked for among doubled ones.
const WORD_BITS: u64 = 64;

/// One thing that does not fit. `expected` and `found` are counts, as `what` says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Discrepancy {
    /// The object, or the log group.
    pub object: String,
    /// The table; empty where it is about none.
    pub table: String,
    /// What is wrong with it.
    pub what: &'static str,
    /// What should be.
    pub expected: u64,
    /// What is.
    pub found: u64,
}

/// What was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerificationResult {
    /// What does not fit, sorted.
    pub mismatches: Vec<Discrepancy>,
    /// Objects of the source; `None`: it was not compared.
    pub listed: Option<u64>,
    /// Objects in the ledger.
    pub objects: u64,
    /// What the ledger counts, each object once.
    pub counts: LineCounts,
    /// Rows in the lake.
    pub rows: u64,
    /// Passes read.
    pub passes: u64,
}

/// Compares a lake with its ledger, and with what its sources list if that is given.
///
/// # Errors
///
/// When something cannot be read; what does not fit is no error.
pub async fn verify(
    lake: &Storage,
    reader: &Reader,
    listed: Option<&[Split]>,
) -> Result<VerificationResult, Error> {
    let mut verdict = VerificationResult::default();
    let ledger = ledger(reader, &mut verdict).await?;
    let mut mismatches = Vec::new();
    for layout in LAYOUTS {
        let table = folder(layout);
        let found = rows(lake, layout, &ledger.groups).await?;
        verdict.rows += found.values().map(|rows| rows.count).sum::<u64>();
        compare(table, &ledger, &found, &mut mismatches);
    }
    if let Some(splits) = listed {
        verdict.listed = Some(splits.len() as u64);
        against_source(splits, &ledger, &mut mismatches);
    }
    mismatches.sort();
    verdict.mismatches = mismatches;
    verdict.objects = ledger.objects.len() as u64;
    ledger.objects.values().for_each(|object| verdict.counts.add(&object.counts));
    Ok(verdict)
}

/// What the passes say, the last reading of each object.
#[derive(Default)]
struct Ledger {
    objects: BTreeMap<String, ObjectRecord>,
    /// Log groups: their rows are counted together, since events are known by their own names.
    groups: BTreeSet<String>,
    /// Rows of log groups, by table.
    group_rows: BTreeMap<String, u64>,
}

async fn ledger(reader: &Reader, verdict: &mut VerificationResult) -> Result<Ledger, Error> {
    let mut ledger = Ledger::default();
    for number in reader.numbers().await? {
        let Some(pass) = reader.pass(number).await? else { continue };
        verdict.passes += 1;
        if pass.kind == Kind::Takeover {
            continue;
        }
        for (table, change) in &pass.tables {
            let named =
                pass.objects.iter().filter_map(|object| object.rows.get(table)).sum::<u64>();
            *ledger.group_rows.entry(table.clone()).or_default() +=
                change.rows.saturating_sub(named);
        }
        for object in pass.objects {
            if object.id.starts_with("cloudwatch://")
                && let Some((group, _)) = object.id.rsplit_once('#')
            {
                ledger.groups.insert(group.to_owned());
            }
            ledger.objects.insert(object.id.clone(), object);
        }
    }
    Ok(ledger)
}

/// Rows of one object in a table.
#[derive(Default)]
struct Rows {
    count: u64,
    doubled: u64,
    /// A bit for each line that was seen.
    seen: Vec<u64>,
    beyond: BTreeSet<u64>,
}

/// Lines of an object that have a bit of their own; the others are stored one by one.
const LINES_MAX: u64 = 1 << 32;

impl Rows {
    fn add(&mut self, line: u64) {
        self.count += 1;
        let new = if line < LINES_MAX {
            let (word, bit) = ((line / WORD_BITS) as usize, 1u64 << (line % WORD_BITS));
            if self.seen.len() <= word {
                self.seen.resize(word + 1, 0);
            }
            let new = self.seen[word] & bit == 0;
            self.seen[word] |= bit;
            new
        } else {
            self.beyond.insert(line)
        };
        self.doubled += u64::from(!new);
    }
}

/// Counts the rows of a table by object; those of a log group by the event.
async fn rows(
    lake: &Storage,
    layout: crate::flow::field::Layout,
    groups: &BTreeSet<String>,
) -> Result<BTreeMap<String, Rows>, Error> {
    let mut found: BTreeMap<String, Rows> = BTreeMap::new();
    let Some(table) = LakeTable::open(lake, layout).await? else { return Ok(found) };
    let mut events = BTreeSet::new();
    for file in table.files().await? {
        let bytes = bytes(table.place(), &file).await?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(lake::Error::from)?;
        let mask = ProjectionMask::columns(reader.parquet_schema(), [OBJECT, LINE]);
        for batch in reader.with_projection(mask).build().map_err(lake::Error::from)? {
            let batch = batch.map_err(lake::Error::from)?;
            let column = |name| batch.column_by_name(name);
            let (Some(objects), Some(lines)) = (column(OBJECT), column(LINE)) else { continue };
            let objects = cast(objects, &DataType::Utf8View).map_err(lake::Error::from)?;
            let objects = objects.as_string_view();
            let lines: &Int64Array = lines.as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                let object = if objects.is_valid(row) { objects.value(row) } else { "" };
                let line = if lines.is_valid(row) { lines.value(row) } else { 0 };
                let line = u64::try_from(line).unwrap_or(0);
                let group = groups.iter().find(|group| is_event(object, group));
                if let Some(group) = group {
                    let rows = found.entry(group.clone()).or_default();
                    rows.count += 1;
                    rows.doubled += u64::from(!events.insert((object.to_owned(), line)));
                } else {
                    match found.get_mut(object) {
                        Some(rows) => rows.add(line),
                        None => found.entry(object.to_owned()).or_default().add(line),
                    }
                }
            }
        }
    }
    Ok(found)
}

fn is_event(object: &str, group: &str) -> bool {
    object.strip_prefix(group).is_some_and(|rest| rest.starts_with('/'))
}

fn compare(
    table: &str,
    ledger: &Ledger,
    found: &BTreeMap<String, Rows>,
    mismatches: &mut Vec<Discrepancy>,
) {
    let mut report = |object: &str, what, expected, found| {
        let (object, table) = (object.to_owned(), table.to_owned());
        mismatches.push(Discrepancy { object, table, what, expected, found });
    };
    for (id, object) in &ledger.objects {
        let expected = object.rows.get(table).copied().unwrap_or(0);
        let rows = found.get(id).map_or(0, |rows| rows.count);
        if rows < expected {
            report(id, "rows are missing", expected, rows);
        } else if rows > expected {
            report(id, "rows are too many", expected, rows);
        }
        if !object.counts.adds_up() {
            let counts = &object.counts;
            let known = counts.records() + counts.other_layout + counts.blank + counts.malformed();
            report(id, "lines do not add up", counts.lines, known);
        }
    }
    let mut in_groups = 0;
    for (id, rows) in found {
        if rows.doubled > 0 {
            report(id, "rows are doubled", 0, rows.doubled);
        }
        if ledger.groups.contains(id) {
            in_groups += rows.count;
        } else if !ledger.objects.contains_key(id) {
            report(id, "rows of an object that no pass read", 0, rows.count);
        }
    }
    let expected = ledger.group_rows.get(table).copied().unwrap_or(0);
    if expected != in_groups {
        report("log groups", "rows are not as many as were written", expected, in_groups);
    }
}

fn against_source(splits: &[Split], ledger: &Ledger, mismatches: &mut Vec<Discrepancy>) {
    let mut report = |split: &Split, what, expected, found| {
        let (object, table) = (split.id.clone(), String::new());
        mismatches.push(Discrepancy { object, table, what, expected, found });
    };
    let known = ledger.objects.iter().map(|(id, object)| (id, ObjectState::of_object(object)));
    let known: Vec<(&String, ObjectState)> = known.collect();
    let names = Names::new(known.iter().map(|(id, known)| (*id, known)));
    for split in splits.iter().filter(|split| split.log_group.is_none()) {
        let size = split.size_bytes.unwrap_or(0);
        let object = ledger.objects.get(&split.id);
        match object.or_else(|| ledger.objects.get(names.other(split)?)) {
            None => report(split, "object was not taken in", size, 0),
            Some(object) if object.etag != split.etag => {
                report(
                    split,
                    "object changed since it was taken in",
                    size,
                    object.size_bytes.unwrap_or(0),
                );
            }
            Some(object) if object.failure.is_some() => {
                report(split, "object was not read to its end", size, size);
            }
            Some(_) => {}
        }
    }
}
