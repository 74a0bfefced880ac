//! One flow log object: text, gzip or Parquet, named as AWS names it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, GzipLevel};
use parquet::file::properties::WriterProperties;

use crate::flow::field::{Kind, Layout, column_name};
use crate::generate::Error;
use crate::generate::documents::format;
use crate::generate::network::{ACCOUNT, Eni, FLOW_LOG, REGION, mix};
use crate::generate::record_encoder::{Encoder, Record};

/// Span of the end times in one object, in seconds: AWS publishes every five minutes.
pub(super) const SLOT_SECS: i64 = 300;

/// Text that is gathered before it is compressed.
const BUFFER_BYTES: usize = 64 << 10;
/// Rows of one Parquet batch.
const BATCH_ROWS: usize = 8192;
/// Rows of one Parquet row group: bounds the memory of the writer.
const ROW_GROUP_ROWS: usize = 128 << 10;

/// How an object is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    Plain,
    Gzip,
    Parquet,
}

/// Returns where AWS puts the object of a slot: `AWSLogs/<account>/vpcflowlogs/<region>/<date>/<name>`.
pub(super) fn key(flow_log: &str, slot: i64, number: u64, storage: Storage) -> PathBuf {
    let date = format(slot, "%Y/%m/%d");
    let name = name(flow_log, slot, number, storage);
    PathBuf::from(format!("AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/{date}/{name}"))
}

/// Returns where AWS puts the object of a slot with Hive-compatible hourly partitions.
pub(super) fn hive_key(slot: i64, number: u64, storage: Storage) -> PathBuf {
    let date = format(slot, "year=%Y/month=%m/day=%d/hour=%H");
    let name = name(FLOW_LOG, slot, number, storage);
    PathBuf::from(format!(
        "aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region={REGION}/{date}/{name}"
    ))
}

fn name(flow_log: &str, slot: i64, number: u64, storage: Storage) -> String {
    let time = format(slot, "%Y%m%dT%H%MZ");
    let hash = mix(slot.unsigned_abs() << 20 | number) >> 32;
    let extension = match storage {
        Storage::Plain => "log",
        Storage::Gzip => "log.gz",
        Storage::Parquet => "log.parquet",
    };
    format!("{ACCOUNT}_vpcflowlogs_{REGION}_{flow_log}_{time}_{hash:08x}.{extension}")
}

/// Writes one object, record by record, in constant memory.
pub(super) struct Object<'a> {
    encoder: &'a Encoder,
    enis: &'a [Eni],
    out: Out,
}

enum Out {
    Plain(BufWriter<File>, Vec<u8>),
    Gzip(Box<GzEncoder<BufWriter<File>>>, Vec<u8>),
    Parquet(Box<ArrowWriter<File>>, Vec<Record>),
}

impl<'a> Object<'a> {
    /// Creates the file and the folders above it.
    pub(super) fn create(
        path: &Path,
        storage: Storage,
        encoder: &'a Encoder,
        enis: &'a [Eni],
    ) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let file = File::create(path)?;
        let header = (encoder.header() + "\n").into_bytes();
        let out = match storage {
            Storage::Plain => Out::Plain(BufWriter::new(file), header),
            Storage::Gzip => {
                let level = Compression::default();
                Out::Gzip(Box::new(GzEncoder::new(BufWriter::new(file), level)), header)
            }
            Storage::Parquet => {
                let codec = Codec::GZIP(GzipLevel::default());
                let properties = WriterProperties::builder()
                    .set_compression(codec)
                    .set_created_by("flowq sample".to_owned())
                    .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                    .build();
                let writer = ArrowWriter::try_new(file, schema(encoder), Some(properties))?;
                Out::Parquet(Box::new(writer), Vec::with_capacity(BATCH_ROWS))
            }
        };
        Ok(Self { encoder, enis, out })
    }

    /// Writes one record.
    pub(super) fn push(&mut self, record: Record) -> io::Result<()> {
        match &mut self.out {
            Out::Plain(out, buffer) => {
                line(self.encoder, self.enis, &record, buffer);
                drain(out, buffer, BUFFER_BYTES)
            }
            Out::Gzip(out, buffer) => {
                line(self.encoder, self.enis, &record, buffer);
                drain(out, buffer, BUFFER_BYTES)
            }
            Out::Parquet(out, rows) => {
                rows.push(record);
                if rows.len() == BATCH_ROWS {
                    out.write(&batch(self.encoder, rows, self.enis)?)?;
                    rows.clear();
                }
                Ok(())
            }
        }
    }

    /// Writes what is left and closes the file.
    pub(super) fn finish(self) -> io::Result<()> {
        match self.out {
            Out::Plain(mut out, mut buffer) => {
                drain(&mut out, &mut buffer, 0)?;
                out.flush()
            }
            Out::Gzip(mut out, mut buffer) => {
                drain(&mut out, &mut buffer, 0)?;
                out.finish()?.flush()
            }
            Out::Parquet(mut out, rows) => {
                out.write(&batch(self.encoder, &rows, self.enis)?)?;
                out.close()?;
                Ok(())
            }
        }
    }
}

fn line(encoder: &Encoder, enis: &[Eni], record: &Record, out: &mut Vec<u8>) {
    encoder.line(record, enis, out);
    out.push(b'\n');
}

fn drain(out: &mut impl io::Write, buffer: &mut Vec<u8>, above: usize) -> io::Result<()> {
    if buffer.len() > above {
        out.write_all(buffer)?;
        buffer.clear();
    }
    Ok(())
}

/// Returns the columns as AWS's Parquet has them: underscores, text, INT32 and INT64.
fn schema(encoder: &Encoder) -> SchemaRef {
    let fields = encoder.names().map(|name| {
        let data_type = match kind(name) {
            Kind::Addr | Kind::Name => DataType::Utf8,
            Kind::Code => DataType::Int32,
            Kind::Count | Kind::Time => DataType::Int64,
        };
        Field::new(column_name(name), data_type, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn kind(name: &str) -> Kind {
    Layout::Vpc.field(name).map_or(Kind::Name, |field| field.kind)
}

/// Returns the rows with `-` in text columns and NULL in numbers.
fn batch(encoder: &Encoder, rows: &[Record], enis: &[Eni]) -> io::Result<RecordBatch> {
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (i, name) in encoder.names().enumerate() {
        let mut text = Vec::new();
        let values = rows.iter().map(|record| {
            text.clear();
            encoder.value(i, record, enis, &mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        columns.push(match kind(name) {
            Kind::Addr | Kind::Name => Arc::new(StringArray::from_iter_values(values)),
            Kind::Code => Arc::new(values.map(|v| v.parse().ok()).collect::<Int32Array>()),
            Kind::Count | Kind::Time => {
                Arc::new(values.map(|v| v.parse().ok()).collect::<Int64Array>())
            }
        });
    }
    RecordBatch::try_new(schema(encoder), columns).map_err(io::Error::other)
}

/// Returns the records by the slot that they end in.
pub(super) fn by_slot(records: &[Record]) -> BTreeMap<i64, Vec<Record>> {
    let mut slots: BTreeMap<i64, Vec<Record>> = BTreeMap::new();
    for record in records {
        slots.entry(slot_of(record.end)).or_default().push(*record);
    }
    slots
}

/// Returns the begin of the slot that a time lies in.
pub(super) fn slot_of(time: i64) -> i64 {
    time - time.rem_euclid(SLOT_SECS)
}

/// Writes one object of records at hand.
pub(super) fn write_object(
    path: &Path,
    storage: Storage,
    encoder: &Encoder,
    enis: &[Eni],
    records: &[Record],
) -> Result<(), Error> {
    let written = Object::create(path, storage, encoder, enis).and_then(|mut object| {
        records.iter().try_for_each(|record| object.push(*record))?;
        object.finish()
    });
    written.map_err(|err| Error::new(path, err))
}
