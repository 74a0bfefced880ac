//! Whether a Parquet file is a flow log, and which.

use std::fmt;

use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, Schema};

use crate::flow::columns::columns_of;
use crate::flow::field::{Kind, LINE, Layout, OBJECT, column_name};

/// One of these is in every flow log worth reading.
const KEYS: &[&str] =
    &["srcaddr", "dstaddr", "interface_id", "start", "pkt_srcaddr", "pkt_dstaddr"];

/// Columns of OCSF, as Security Lake stores flow logs; it does not preserve the records.
const OCSF: &[&str] = &["class_uid", "category_uid", "type_uid", "src_endpoint", "dst_endpoint"];

/// Key of the metadata of a Parquet file of the lake: which columns its records really had, separated by
/// commas.
pub const COLUMNS_KEY: &str = "flowq.columns";

/// How many columns [`NotFlowLog`] names.
const COLUMNS_NAMED: usize = 5;

/// The virtual column with the row's number in the file, counted from 0.
pub(super) const ROW: &str = "flowq:row";

/// The column with the log status.
pub(super) const LOG_STATUS: &str = "log_status";

/// The column with the interface.
pub(super) const INTERFACE_ID: &str = "interface_id";

/// Returns the type that a column of the layout's table has. An unknown field is text.
pub(super) fn column_type(layout: Layout, column: &str) -> DataType {
    if column == LINE { DataType::Int64 } else { kind_of(layout, column).data_type() }
}

/// Returns the kind of a column of the layout's table. An unknown field is a name.
pub(super) fn kind_of(layout: Layout, column: &str) -> Kind {
    let known = layout.fields().iter().find(|field| field.column() == column);
    known.map_or(Kind::Name, |field| field.kind)
}

/// The columns of one Parquet flow log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParquetFormat {
    /// The table that its rows belong to.
    pub layout: Layout,
    /// SQL columns of unknown fields, in the order of the file. Read as text.
    pub extra: Vec<String>,
    /// SQL columns that the file contains, and their names in it. `object` and `line` are here where
    /// flowq wrote the file itself.
    pub columns: Vec<(String, String)>,
    /// Whether it is a file of the lake: its values were checked when they were written.
    pub checked: bool,
}

impl ParquetFormat {
    /// Returns the name in the file of a SQL column.
    pub fn physical_type(&self, column: &str) -> Option<&str> {
        self.columns.iter().find(|(name, _)| name == column).map(|(_, stored)| stored.as_str())
    }

    /// Leaves out the columns that none of the records in the file had: a file of the lake has them all,
    /// and states in [`COLUMNS_KEY`] which are more than padding.
    pub(super) fn logical_type(&mut self, had: &str) {
        let had: Vec<&str> = had.split(',').collect();
        let is_ours = |name: &str| name == OBJECT || name == LINE;
        self.columns.retain(|(name, _)| is_ours(name) || had.contains(&name.as_str()));
        self.extra.retain(|name| had.contains(&name.as_str()));
    }
}

/// What a Parquet file looks like that is no flow log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFlowLog {
    /// What its columns look like.
    pub looks_like: String,
    /// Its first columns.
    pub columns: Vec<String>,
}

impl std::error::Error for NotFlowLog {}

impl fmt::Display for NotFlowLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: its columns are ", self.looks_like)?;
        let named = &self.columns[..self.columns.len().min(COLUMNS_NAMED)];
        f.write_str(if named.is_empty() { "none" } else { "" })?;
        f.write_str(&named.join(", "))?;
        f.write_str(if self.columns.len() > COLUMNS_NAMED { ", …" } else { "" })
    }
}

/// Returns what a Parquet file is by its columns. Takes `-` for `_` in names. `lake`: the columns that flowq does
/// not know of the lake's table that names the file, where one does. Only then are `object` and `line` what
/// flowq wrote.
///
/// # Errors
///
/// [`NotFlowLog`] when fewer than three columns are flow log fields (unless all are), when none states
/// who talked or when, when two columns have one name or one cannot be cast, or when it is OCSF.
pub fn detect_schema(
    schema: &Schema,
    lake: Option<&[String]>,
) -> Result<ParquetFormat, NotFlowLog> {
    let names: Vec<String> =
        schema.fields().iter().map(|field| column_name(field.name())).collect();
    let refused = |looks_like: String| NotFlowLog {
        looks_like,
        columns: schema.fields().iter().map(|field| field.name().clone()).collect(),
    };
    if names.iter().any(|name| OCSF.contains(&name.as_str())) {
        return Err(refused("it looks like OCSF, which flowq does not read".to_owned()));
    }
    let has = |layout: Layout, name: &str| layout.fields().iter().any(|f| f.column() == name);
    let transit = names.iter().any(|name| {
        name.starts_with("tgw_") || (has(Layout::TransitGateway, name) && !has(Layout::Vpc, name))
    });
    let layout = if transit { Layout::TransitGateway } else { Layout::Vpc };
    let fields: Vec<String> = layout.fields().iter().map(|field| field.column()).collect();
    let known = names.iter().filter(|name| fields.contains(name)).count();
    let keyed = names.iter().any(|name| KEYS.contains(&name.as_str()));
    if !keyed || (known < 3 && known < names.len()) {
        return Err(refused(format!("{known} of its {} columns are flow log fields", names.len())));
    }

    let (mut columns, mut extra) = (Vec::<(String, String)>::new(), Vec::new());
    let own = match lake {
        Some(_) => names,
        None => columns_of(layout, schema.fields().iter().map(|field| field.name().as_str())),
    };
    for (name, field) in own.into_iter().zip(schema.fields()) {
        if columns.iter().any(|(other, _)| *other == name) {
            return Err(refused(format!("two of its columns are {name}")));
        }
        let ours = lake.is_some() && (name == OBJECT || name == LINE);
        let mut name = name;
        if let (Some(extra), false) = (lake, ours || fields.contains(&name)) {
            // A file may have a column that its table could not take, and a table ignores case.
            let same = |column: &&String| column.to_lowercase() == name.to_lowercase();
            let Some(column) = extra.iter().find(same) else { continue };
            name.clone_from(column);
        }
        if !ours && !fields.contains(&name) {
            // Structs and lists have no text form.
            if field.data_type().is_nested()
                || !can_cast_types(field.data_type(), &DataType::Utf8View)
            {
                continue;
            }
            extra.push(name.clone());
        }
        if !can_cast_types(field.data_type(), &column_type(layout, &name)) {
            return Err(refused(format!("its column {name} is {}", field.data_type())));
        }
        columns.push((name, field.name().clone()));
    }
    Ok(ParquetFormat { layout, extra, columns, checked: false })
}
