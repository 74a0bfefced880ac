//! Reads the heads of a few objects for fields that flowq does not know, so that SQL can name them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow::datatypes::Schema;
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};

use crate::flow::field::Layout;
use crate::flow::{DecodeOptions, Decoder, LogFormat, parquet};
use crate::scan::options::ScanOptions;
use crate::source::decompress::Decompressor;
use crate::source::{Source, Split};

/// Bytes of an object that are enough to see its first lines, compressed.
const HEAD_BYTES: usize = 16 * 1024;

/// Objects without a flow log's id in their names that are looked at. A flow log's format never changes,
/// so one object for each id is enough; of the others a few have to do.
const UNNAMED_MAX: usize = 16;

/// Returns the columns of fields of each layout that flowq does not know, sorted.
pub(crate) async fn unknown_fields(
    source: &dyn Source,
    options: &ScanOptions,
) -> Result<BTreeMap<Layout, Vec<String>>> {
    let listing = source.splits(&options.window.with_margin()).await;
    let listing = listing.map_err(|error| DataFusionError::External(Box::new(error)))?;
    let mut seen = HashSet::new();
    let mut unnamed = 0;
    let mut unknown: BTreeMap<Layout, BTreeSet<String>> = BTreeMap::new();
    for split in &listing.splits {
        for format in &split.formats {
            unknown.entry(format.layout()).or_default().extend(format.extra());
        }
        // The Delta log of a table lists all its columns.
        if let Some((layout, fields)) = &split.fields {
            unknown.entry(*layout).or_default().extend(fields.iter().cloned());
            continue;
        }
        // A log group has no header: only the flow logs that write to it have the format.
        if split.log_group.is_some() {
            continue;
        }
        let look = match &split.name.flow_log_id {
            Some(id) => seen.insert(id.clone()),
            None => {
                unnamed += 1;
                unnamed <= UNNAMED_MAX
            }
        };
        if !look {
            continue;
        }
        // An object that cannot be read is reported by the scan, with its name.
        for (layout, names) in fields_of(source, split, options).await.unwrap_or_default() {
            unknown.entry(layout).or_default().extend(names);
        }
    }
    if let Some(stated) = &options.stated {
        unknown.entry(stated.layout()).or_default().extend(stated.extra());
    }
    Ok(unknown.into_iter().map(|(layout, names)| (layout, names.into_iter().collect())).collect())
}

async fn fields_of(
    source: &dyn Source,
    split: &Split,
    options: &ScanOptions,
) -> Option<Vec<(Layout, Vec<String>)>> {
    let head = source.head(split, HEAD_BYTES).await.ok()?;
    if head.starts_with(b"PAR1") {
        let reader = source.open_random_access(split).await.ok()?;
        let format = parquet::format_of(reader, &split.id).await.ok()?;
        return Some(vec![(format.layout, format.extra)]);
    }
    Some(formats(head, split, options).iter().map(|f| (f.layout(), f.extra())).collect())
}

/// The formats in the head of an object of text, by the decoder itself: whatever it reads, this sees.
fn formats(head: Bytes, split: &Split, options: &ScanOptions) -> Vec<LogFormat> {
    let plan = DecodeOptions {
        log_format: options.stated.clone(),
        ..DecodeOptions::new(Layout::Vpc, Schema::empty().into())
    };
    let mut decompressor = Decompressor::new(&plan.limits);
    let mut decoder = Decoder::new(Arc::new(plan), split);
    decompressor.feed(head);
    // The head of a gzip stream is a cut stream, and its last line is cut: what comes before is enough.
    decompressor.finish();
    while let Ok(Some(block)) = decompressor.next_block() {
        if let Err(error) = decoder.push(block, &mut Vec::new()) {
            return error.tally.formats;
        }
    }
    decoder.tally().formats.clone()
}
