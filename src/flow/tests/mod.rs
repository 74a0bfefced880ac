//! Tests of the decoder: text in, rows out.

mod corpus;
mod envelopes;
mod oddities;
mod plans;
mod properties;
mod several;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;

use crate::flow::field::Layout;
use crate::flow::{DecodeError, DecodeOptions, DecodeStats, Decoder};

pub(super) const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status";
pub(super) const RECORD: &str = "2 123456789012 eni-0123456789abcdef0 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";

/// Returns the columns of a layout with these names, in this order; unknown ones are text.
pub(super) fn schema(layout: Layout, columns: &[&str]) -> SchemaRef {
    let extra: Vec<String> = columns
        .iter()
        .filter(|c| layout.schema(&[]).field_with_name(c).is_err())
        .map(|c| (*c).to_owned())
        .collect();
    let all = layout.schema(&extra);
    let fields: Vec<_> = columns.iter().map(|c| all.field_with_name(c).unwrap().clone()).collect();
    Arc::new(Schema::new(fields))
}

pub(super) fn plan(columns: &[&str]) -> DecodeOptions {
    DecodeOptions::new(Layout::Vpc, schema(Layout::Vpc, columns))
}

/// Decodes bytes in chunks of `chunk` bytes.
pub(super) fn decode(
    plan: DecodeOptions,
    bytes: &[u8],
    chunk: usize,
) -> Result<(Vec<RecordBatch>, DecodeStats), DecodeError> {
    let mut out = Vec::new();
    let mut decoder = Decoder::new(Arc::new(plan), "logs/a.log");
    for part in bytes.chunks(chunk) {
        decoder.push(Bytes::copy_from_slice(part), &mut out)?;
    }
    let tally = decoder.finish(&mut out)?;
    assert!(tally.is_balanced(), "{tally:?}");
    // Views are made without a check: here all are checked, the texts that they point to as well.
    for column in out.iter().flat_map(RecordBatch::columns) {
        column.to_data().validate_full().unwrap();
    }
    Ok((out, tally))
}

/// Renders rows as text, values separated by blanks; NULL is `NULL`.
pub(super) fn render(schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<String> {
    let batch = concat_batches(schema, batches).unwrap();
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap())
        .collect();
    let row = |row| columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join(" ");
    (0..batch.num_rows()).map(row).collect()
}

/// Decodes a VPC log whole and in small pieces, which must give the same, and renders these columns.
pub(super) fn rows(columns: &[&str], text: &str) -> (Vec<String>, DecodeStats) {
    rows_of(plan(columns), text)
}

pub(super) fn rows_of(plan: DecodeOptions, text: &str) -> (Vec<String>, DecodeStats) {
    let (batches, tally) = decode(plan.clone(), text.as_bytes(), usize::MAX).unwrap();
    let whole = render(&plan.schema, &batches);
    for chunk in [1, 3, 7, 64] {
        let (batches, cut) = decode(plan.clone(), text.as_bytes(), chunk).unwrap();
        assert_eq!(
            (render(&plan.schema, &batches), &cut),
            (whole.clone(), &tally),
            "chunks of {chunk}"
        );
    }
    (whole, tally)
}
