//! Any bytes, cut anywhere: the decoder does not panic, gives the same for every cut, and its columns are sound.

#![no_main]

// The decoder is compiled into the fuzzer: what only the rest of flowq uses is dead here.
#[allow(dead_code, unused_imports)]
#[path = "../../src/flow/mod.rs"]
mod flow;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

use flow::field::Layout;
use flow::{Decoder, Plan};

fn decode(plan: &Arc<Plan>, bytes: &[u8], chunk: usize) -> Option<RecordBatch> {
    let mut decoder = Decoder::new(Arc::clone(plan), "fuzz");
    let mut batches = Vec::new();
    for part in bytes.chunks(chunk) {
        decoder.push(Bytes::copy_from_slice(part), &mut batches).ok()?;
    }
    let tally = decoder.finish(&mut batches).ok()?;
    assert!(tally.adds_up(), "{tally:?}");
    for column in batches.iter().flat_map(RecordBatch::columns) {
        column.to_data().validate_full().unwrap();
    }
    Some(concat_batches(&plan.schema, &batches).unwrap())
}

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (chunk, kind, bytes) = input;
    let mut plan = Plan::new(Layout::Vpc, Layout::Vpc.schema(&[]));
    plan.limits.line_bytes_max = 200;
    plan.validate_all = kind & 1 == 1;
    if kind & 2 == 2 {
        plan.filter.interface = Some(Arc::new(|id: &str| id.ends_with(['0', '1', 'a'])));
    }
    if kind & 4 == 4 {
        plan.stated = "interface-id srcaddr dstaddr bytes start log-status".parse().ok();
    }
    let plan = Arc::new(plan);
    let cut = decode(&plan, bytes, usize::from(chunk) + 1);
    assert_eq!(cut, decode(&plan, bytes, usize::MAX));
});
