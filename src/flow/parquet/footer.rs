//! Whether the numbers of a footer can be true. The Parquet reader takes them at their word: a negative one ends the
//! process, a great one takes as much memory.

use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

/// Returns where the last column of a file ends.
pub(super) fn end_of_columns(metadata: &ParquetMetaData) -> Result<u64, ParquetError> {
    let mut end = 0;
    let mut rows: i64 = 0;
    for (at, group) in metadata.row_groups().iter().enumerate() {
        let wrong = |what: &str| {
            let text = format!("row group {at} has {what} that cannot be");
            Err(ParquetError::General(text))
        };
        let Some(sum) = rows.checked_add(group.num_rows()).filter(|_| group.num_rows() >= 0) else {
            return wrong("a number of rows");
        };
        rows = sum;
        for column in group.columns() {
            let Some(ends) = end_of(column) else {
                let name = column.column_path().string();
                return wrong(&format!("a column {name} with an offset or a length"));
            };
            end = end.max(ends);
        }
    }
    Ok(end)
}

/// Where a column and its index end. `None`: its numbers cannot be true.
fn end_of(column: &ColumnChunkMetaData) -> Option<u64> {
    let part = |offset: i64, length: i64| {
        u64::try_from(offset).ok()?.checked_add(u64::try_from(length).ok()?)
    };
    u64::try_from(column.num_values()).ok()?;
    u64::try_from(column.uncompressed_size()).ok()?;
    let mut end = part(column.data_page_offset(), 0)?;
    let begin = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    end = end.max(part(begin, column.compressed_size())?);
    for (offset, length) in [
        (column.offset_index_offset(), column.offset_index_length()),
        (column.column_index_offset(), column.column_index_length()),
        (column.bloom_filter_offset(), column.bloom_filter_length()),
    ] {
        end = end.max(part(offset.unwrap_or(0), length.map_or(0, i64::from))?);
    }
    Some(end)
}
