//! The columns of a batch of flow records, by name; a missing one is all NULL.

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Int32Array, RecordBatch, StringViewArray,
    TimestampSecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, TimeUnit, TimestampSecondType};
use arrow::error::ArrowError;

use crate::enrich::columns::Column;

/// A text column.
#[derive(Debug)]
pub(super) struct Text(Option<StringViewArray>);

impl Text {
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        let array = self.0.as_ref()?;
        array.is_valid(row).then(|| array.value(row))
    }
}

/// A column of small numbers.
#[derive(Debug)]
pub(super) struct Code(Option<Int32Array>);

impl Code {
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<i32> {
        let array = self.0.as_ref()?;
        array.is_valid(row).then(|| array.value(row))
    }
}

/// A column of times, in Unix seconds.
#[derive(Debug)]
pub(super) struct Time(Option<TimestampSecondArray>);

impl Time {
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<i64> {
        let array = self.0.as_ref()?;
        array.is_valid(row).then(|| array.value(row))
    }
}

/// Every column of `flow_logs` that this room reads.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) account_id: Text,
    pub(super) interface_id: Text,
    pub(super) srcaddr: Text,
    pub(super) dstaddr: Text,
    pub(super) srcport: Code,
    pub(super) dstport: Code,
    pub(super) protocol: Code,
    pub(super) start: Time,
    pub(super) end: Time,
    pub(super) log_status: Text,
    pub(super) vpc_id: Text,
    pub(super) subnet_id: Text,
    pub(super) instance_id: Text,
    pub(super) tcp_flags: Code,
    pub(super) pkt_srcaddr: Text,
    pub(super) pkt_dstaddr: Text,
    pub(super) region: Text,
    pub(super) pkt_src_aws_service: Text,
    pub(super) pkt_dst_aws_service: Text,
    pub(super) flow_direction: Text,
    pub(super) traffic_path: Code,
    pub(super) resource_id: Text,
    pub(super) interface_type: Text,
    pub(super) next_hop_interface_id: Text,
    pub(super) next_hop_interface_type: Text,
}

impl Input {
    pub(super) fn new(batch: &RecordBatch, columns_to_add: &[Column]) -> Result<Self, ArrowError> {
        let read = Columns { batch, columns_to_add };
        Ok(Self {
            account_id: read.text("account_id")?,
            interface_id: read.text("interface_id")?,
            srcaddr: read.text("srcaddr")?,
            dstaddr: read.text("dstaddr")?,
            srcport: read.code("srcport")?,
            dstport: read.code("dstport")?,
            protocol: read.code("protocol")?,
            start: read.time("start")?,
            end: read.time("end")?,
            log_status: read.text("log_status")?,
            vpc_id: read.text("vpc_id")?,
            subnet_id: read.text("subnet_id")?,
            instance_id: read.text("instance_id")?,
            tcp_flags: read.code("tcp_flags")?,
            pkt_srcaddr: read.text("pkt_srcaddr")?,
            pkt_dstaddr: read.text("pkt_dstaddr")?,
            region: read.text("region")?,
            pkt_src_aws_service: read.text("pkt_src_aws_service")?,
            pkt_dst_aws_service: read.text("pkt_dst_aws_service")?,
            flow_direction: read.text("flow_direction")?,
            traffic_path: read.code("traffic_path")?,
            resource_id: read.text("resource_id")?,
            interface_type: read.text("interface_type")?,
            next_hop_interface_id: read.text("next_hop_interface_id")?,
            next_hop_interface_type: read.text("next_hop_interface_type")?,
        })
    }
}

struct Columns<'a> {
    batch: &'a RecordBatch,
    columns_to_add: &'a [Column],
}

impl Columns<'_> {
    /// Returns a column as this type. `None` if it is missing or if no requested column needs it, so that
    /// what is read is exactly what `COLUMNS` lists.
    fn array(&self, name: &str, data_type: &DataType) -> Result<Option<ArrayRef>, ArrowError> {
        if !self.columns_to_add.iter().any(|column| column.info().needs.contains(&name)) {
            return Ok(None);
        }
        self.batch.column_by_name(name).map(|array| cast(array, data_type)).transpose()
    }

    fn text(&self, name: &str) -> Result<Text, ArrowError> {
        let array = self.array(name, &DataType::Utf8View)?;
        Ok(Text(array.map(|array| array.as_string_view().clone())))
    }

    fn code(&self, name: &str) -> Result<Code, ArrowError> {
        let array = self.array(name, &DataType::Int32)?;
        Ok(Code(array.map(|array| array.as_primitive::<Int32Type>().clone())))
    }

    fn time(&self, name: &str) -> Result<Time, ArrowError> {
        let array = self.array(name, &DataType::Timestamp(TimeUnit::Second, None))?;
        Ok(Time(array.map(|array| array.as_primitive::<TimestampSecondType>().clone())))
    }
}
