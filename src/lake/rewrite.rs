//! Files written anew: some together, or without some of their rows.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Schema, SchemaRef};

use crate::flow::field::OBJECT;
use crate::lake::sorting::stored_schema;
use crate::lake::writer::PendingFile;
use crate::lake::{DataFile, Error, LakeTable, TableCommit, WriterOptions, reader};

impl LakeTable {
    /// Returns what takes the rows of `objects` away: files that have some of them are written anew without
    /// them, as `<partition>/<name>-r<n>.parquet`. Nothing is committed. Files of the table are changed one at
    /// a time, each in memory.
    pub async fn replace(
        &self,
        objects: &[String],
        name: &str,
        options: &WriterOptions,
    ) -> Result<TableCommit, Error> {
        let unwanted: HashSet<&str> = objects.iter().map(String::as_str).collect();
        let schema = self.stored_schema()?;
        let mut change = TableCommit { data_change: true, ..TableCommit::default() };
        for file in self.files().await? {
            let may_hold = file.objects.as_ref().is_none_or(|(least, most)| {
                unwanted.iter().any(|object| (least.as_str()..=most.as_str()).contains(object))
            });
            if !may_hold || !self.has_some(&file, &schema, &unwanted).await? {
                continue;
            }
            let rows = reader::rows(self.place(), &file, &schema).await?;
            let remaining: Result<Vec<RecordBatch>, Error> =
                rows.batches.iter().map(|batch| without(batch, &unwanted)).collect();
            let remaining: Vec<RecordBatch> =
                remaining?.into_iter().filter(|batch| batch.num_rows() > 0).collect();
            if !remaining.is_empty() {
                let path =
                    format!("{}/{name}-r{}.parquet", file.partition.folder(), change.add.len());
                let new = PendingFile {
                    path,
                    partition: file.partition.clone(),
                    columns: rows.columns.join(","),
                    options: options.clone(),
                };
                let remaining = concat_batches(&schema, &remaining)?;
                change.add.push(new.write(self.place(), remaining).await?);
            }
            change.remove.push(file);
        }
        Ok(change)
    }

    /// Returns whether a file has rows of some objects, from that column alone.
    async fn has_some(
        &self,
        file: &DataFile,
        schema: &SchemaRef,
        objects: &HashSet<&str>,
    ) -> Result<bool, Error> {
        let object = schema.field_with_name(OBJECT)?.clone();
        let schema = Arc::new(Schema::new(vec![object]));
        for batch in reader::rows(self.place(), file, &schema).await?.batches {
            if without(&batch, objects)?.num_rows() < batch.num_rows() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The schema of a file with all columns of the table.
    pub(super) fn stored_schema(&self) -> Result<SchemaRef, Error> {
        let fields = self.fields()?;
        let not_ours = || Error::NotALake { table: self.place().to_string() };
        let (layout, unknown) = fields.ok_or_else(not_ours)?;
        Ok(stored_schema(&layout.schema(&unknown)))
    }

    /// Writes the rows of files of one partition as one file. They are in memory.
    pub(super) async fn merge(
        &self,
        files: &[DataFile],
        path: String,
        options: &WriterOptions,
    ) -> Result<Option<DataFile>, Error> {
        let Some(first) = files.first() else { return Ok(None) };
        let schema = self.stored_schema()?;
        let (mut batches, mut columns) = (Vec::new(), Vec::new());
        for file in files {
            let rows = reader::rows(self.place(), file, &schema).await?;
            batches.extend(rows.batches);
            columns.extend(rows.columns);
        }
        columns.sort();
        columns.dedup();
        let new = PendingFile {
            path,
            partition: first.partition.clone(),
            columns: columns.join(","),
            options: options.clone(),
        };
        Ok(Some(new.write(self.place(), concat_batches(&schema, &batches)?).await?))
    }
}

fn without(batch: &RecordBatch, objects: &HashSet<&str>) -> Result<RecordBatch, Error> {
    let Some(column) = batch.column_by_name(OBJECT) else { return Ok(batch.clone()) };
    let column = arrow::compute::cast(column, &DataType::Utf8)?;
    let column = column.as_string::<i32>();
    let remaining =
        (0..column.len()).map(|row| column.is_null(row) || !objects.contains(column.value(row)));
    Ok(filter_record_batch(batch, &remaining.map(Some).collect::<BooleanArray>())?)
}
