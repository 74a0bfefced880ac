//! Which files a generation consists of.

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::generate::bulk::Bulk;
use crate::generate::network::{FLOW_LOG, FlowLog, PRIVATE_B, SUBNET_FLOW_LOG, SUBNETS, VPC};
use crate::generate::object_writer::{
    Object, SLOT_SECS, Storage, by_slot, key, slot_of, write_object,
};
use crate::generate::record_encoder::{Encoder, Record};
use crate::generate::scenarios::{DURATION_SECS, Scenario};
use crate::generate::world::World;
use crate::generate::{Error, Format, Options, Summary, documents, formats};

/// Slots that the bulk is spread over at most: a day.
const SLOTS_MAX: u64 = 288;

/// When the scenarios of `sample-logs/` start: 2026-03-10 08:00 UTC.
pub const SAMPLE_START: i64 = 1_773_129_600;

/// Writes `dir/logs` and `dir/inventory`: the scenarios, and `options.records` records in bulk.
///
/// Memory is that of the inventory and of one object per thread, whatever the number of records.
///
/// # Errors
///
/// The first file that could not be written.
pub fn write(options: &Options, dir: &Path) -> Result<Summary, Error> {
    let Scenario { mut world, records: scenarios, .. } = Scenario::new(options.start);
    let files = u64::from(options.files.max(1));
    let slots = files.min(SLOTS_MAX).max(DURATION_SECS.unsigned_abs() / SLOT_SECS.unsigned_abs());
    let (seed, first_slot) = (options.seed, slot_of(options.start));
    let bulk = Bulk::new(&mut world, seed, options.records, first_slot, slots.cast_signed());
    let encoder = Encoder::new(options.format);
    let storage = match (options.parquet, options.gzip) {
        (true, _) => Storage::Parquet,
        (false, true) => Storage::Gzip,
        (false, false) => Storage::Plain,
    };
    let logs = dir.join("logs");
    let mut summary = summary(&world);
    let number = |i: u64| i + 1;
    for (slot, records) in by_slot(&scenarios) {
        let path = logs.join(key(FLOW_LOG, slot, 0, storage));
        write_object(&path, storage, &encoder, &world.enis, &records)?;
        summary.objects += 1;
        summary.records += records.len() as u64;
    }
    let object = |i: u64| {
        let slot = bulk.first_slot() + (i * slots / files).cast_signed() * SLOT_SECS;
        let share = options.records / files + u64::from(i < options.records % files);
        let path = logs.join(key(FLOW_LOG, slot, number(i), storage));
        write_bulk(&bulk, &world, &path, (storage, &encoder), (slot, number(i), share))
    };
    let records = in_parallel(files, &object)?;
    let flow_log = FlowLog { id: FLOW_LOG, resource: VPC, log_format: encoder.log_format() };
    documents::write(&world, &[flow_log], &dir.join("inventory"))?;
    Ok(Summary { objects: summary.objects + files, records: summary.records + records, ..summary })
}

/// Writes `sample-logs/`, except its README and flowq.toml.
///
/// # Errors
///
/// The first file that could not be written.
pub fn write_samples(dir: &Path) -> Result<Summary, Error> {
    let Scenario { world, mut records, .. } = Scenario::new(SAMPLE_START);
    records.sort_by_key(|record| record.end);
    let encoder = Encoder::new(Format::V5);
    let mut summary = summary(&world);
    let of_subnet = |record: &&Record| world.enis[record.eni].subnet == PRIVATE_B;
    let of_subnet: Vec<Record> = records.iter().filter(of_subnet).copied().collect();
    let subnet_encoder = Encoder::new(Format::V2);
    for (flow_log, encoder, records) in
        [(FLOW_LOG, &encoder, &records), (SUBNET_FLOW_LOG, &subnet_encoder, &of_subnet)]
    {
        for (slot, records) in by_slot(records) {
            let path = dir.join(key(flow_log, slot, 0, Storage::Gzip));
            write_object(&path, Storage::Gzip, encoder, &world.enis, &records)?;
            summary.objects += 1;
            summary.records += records.len() as u64;
        }
    }
    let flow_logs = [
        FlowLog { id: FLOW_LOG, resource: VPC, log_format: encoder.log_format() },
        FlowLog {
            id: SUBNET_FLOW_LOG,
            resource: SUBNETS[PRIVATE_B].id,
            log_format: subnet_encoder.log_format(),
        },
    ];
    documents::write(&world, &flow_logs, &dir.join("inventory"))?;
    formats::write(&world, &records, &dir.join("formats"))?;
    Ok(summary)
}

fn summary(world: &World) -> Summary {
    let (jobs, enis) = (world.jobs.len() as u64, world.enis.len() as u64);
    Summary { jobs, enis, ..Summary::default() }
}

fn write_bulk(
    bulk: &Bulk,
    world: &World,
    path: &Path,
    (storage, encoder): (Storage, &Encoder),
    (slot, number, records): (i64, u64, u64),
) -> Result<u64, Error> {
    let written = Object::create(path, storage, encoder, &world.enis).and_then(|mut object| {
        let (mut count, mut result) = (0, Ok(()));
        bulk.records(world, slot, number, records, &mut |record| {
            count += 1;
            if result.is_ok() {
                result = object.push(record);
            }
        });
        result?;
        object.finish()?;
        Ok(count)
    });
    written.map_err(|err| Error::new(path, err))
}

/// Runs `object` for 0..`files` on every core and returns the sum.
fn in_parallel(
    files: u64,
    object: &(impl Fn(u64) -> Result<u64, Error> + Sync),
) -> Result<u64, Error> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicU64::new(0);
    let work = || {
        let mut sum = 0;
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= files {
                return Ok(sum);
            }
            sum += object(i)?;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut sum: u64 = work()?;
        for worker in workers {
            sum += worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(sum)
    })
}
