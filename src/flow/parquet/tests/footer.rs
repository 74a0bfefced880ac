//! Footers whose numbers cannot be true.

use parquet::file::metadata::{
    ColumnChunkMetaDataBuilder, ParquetMetaDataReader, ParquetMetaDataWriter,
};

use super::*;

/// A file whose second column is other than it is in its first row group.
fn changed(
    change: impl FnOnce(ColumnChunkMetaDataBuilder) -> ColumnChunkMetaDataBuilder,
    rows: Option<i64>,
) -> Bytes {
    let bytes = write(aws(20));
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes).unwrap();
    let mut groups = metadata.row_groups().to_vec();
    let mut columns = groups[0].columns().to_vec();
    columns[1] = change(columns[1].clone().into_builder()).build().unwrap();
    let mut group = groups[0].clone().into_builder().set_column_metadata(columns);
    if let Some(rows) = rows {
        group = group.set_num_rows(rows);
    }
    groups[0] = group.build().unwrap();
    let metadata = metadata.into_builder().set_row_groups(groups).build();
    let mut changed = bytes.to_vec();
    ParquetMetaDataWriter::new(&mut changed, &metadata).finish().unwrap();
    changed.into()
}

#[tokio::test]
async fn a_footer_that_cannot_be_true_is_named_and_stops_nothing() {
    let whole = try_all(changed(|column| column, None), request(&[])).await.unwrap();
    assert_eq!(whole.1.rows, 20);
    let cases = [
        ("a column account_id", changed(|column| column.set_data_page_offset(-4), None)),
        ("a column account_id", changed(|c| c.set_dictionary_page_offset(Some(-1)), None)),
        ("a column account_id", changed(|c| c.set_total_compressed_size(-1), None)),
        ("a column account_id", changed(|c| c.set_total_uncompressed_size(-1), None)),
        ("a column account_id", changed(|c| c.set_num_values(i64::MIN), None)),
        ("a column account_id", changed(|c| c.set_offset_index_offset(Some(-9)), None)),
        ("a column account_id", changed(|c| c.set_offset_index_length(Some(-9)), None)),
        ("a number of rows", changed(|column| column, Some(-1))),
        ("", changed(|c| c.set_total_compressed_size(i64::MAX / 4), None)),
        ("", changed(|c| c.set_data_page_offset(i64::MAX / 2), None)),
    ];
    for (at, (expected, bytes)) in cases.into_iter().enumerate() {
        let error = try_all(bytes.clone(), request(&["account_id"])).await.unwrap_err();
        let Error::Broken { source, .. } = &error else { panic!("{at}: {error:?}") };
        assert!(source.to_string().contains(expected), "{at}: {source}");
        let error = format_of(Box::new(Cursor::new(bytes)), "a.parquet").await.unwrap_err();
        assert!(matches!(error, Error::Broken { .. }), "{at}: {error:?}");
    }
}
