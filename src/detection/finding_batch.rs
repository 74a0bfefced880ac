//! Findings as an Arrow table.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, Int64Builder, ListBuilder, StringArray, StringBuilder, StructBuilder,
    TimestampSecondArray, TimestampSecondBuilder,
};
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::detection::finding::FIELDS;
use crate::detection::{Evidence, Finding};

/// How [`Finding::to_batch`] writes the fields that hold lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// As Arrow lists, for Parquet and Arrow.
    Nested,
    /// As text, for CSV and tables: items joined by a comma, evidence as `object:line`.
    Text,
}

impl Finding {
    /// Returns findings as one table, one row each, in the order given, all columns nullable.
    pub fn to_batch(findings: &[Self], lists: Lists) -> Result<RecordBatch, ArrowError> {
        let arrays: Vec<ArrayRef> =
            FIELDS.iter().map(|name| column(findings, name, lists)).collect();
        let typed = FIELDS.iter().zip(&arrays);
        let fields: Fields =
            typed.map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
    }
}

fn column(findings: &[Finding], name: &str, lists: Lists) -> ArrayRef {
    let rows = findings.iter();
    let numbers = |get: fn(&Finding) -> Option<i64>| -> ArrayRef {
        Arc::new(findings.iter().map(get).collect::<Int64Array>())
    };
    let times = |get: fn(&Finding) -> Option<i64>| -> ArrayRef {
        let array: TimestampSecondArray = findings.iter().map(get).collect();
        Arc::new(array.with_timezone("UTC"))
    };
    match name {
        "first_seen" => times(|f| f.first_seen),
        "last_seen" => times(|f| f.last_seen),
        "remote_port" => numbers(|f| f.remote_port),
        "protocol" => numbers(|f| f.protocol),
        "flows" => numbers(|f| f.flows),
        "packets" => numbers(|f| f.packets),
        "bytes_out" => numbers(|f| f.bytes_out),
        "bytes_in" => numbers(|f| f.bytes_in),
        "job_candidates" if lists == Lists::Nested => candidates(findings),
        "evidence" if lists == Lists::Nested => evidence(findings),
        "evidence" => Arc::new(rows.map(|f| joined(&f.evidence)).collect::<StringArray>()),
        _ => Arc::new(rows.map(|f| text(f, name)).collect::<StringArray>()),
    }
}

fn text(f: &Finding, name: &str) -> Option<String> {
    match name {
        "finding_id" => Some(f.finding_id.clone()),
        "detection" => Some(f.detection.clone()),
        "title" => Some(f.title.clone()),
        "severity" => Some(f.severity.to_string()),
        "confidence" => Some(f.confidence.to_string()),
        "reason" => f.reason.clone(),
        "account_id" => f.account_id.clone(),
        "region" => f.region.clone(),
        "vpc_id" => f.vpc_id.clone(),
        "subnet_id" => f.subnet_id.clone(),
        "interface_id" => f.interface_id.clone(),
        "job_name" => f.job_name.clone(),
        "job_arn" => f.job_arn.clone(),
        "job_candidates" if f.job_candidates.is_empty() => None,
        "job_candidates" => Some(f.job_candidates.join(",")),
        "attribution" => f.attribution.clone(),
        "local_addr" => f.local_addr.clone(),
        "remote_addr" => f.remote_addr.clone(),
        "remote_interface_id" => f.remote_interface_id.clone(),
        "remote_scope" => f.remote_scope.clone(),
        "path" => f.path.clone(),
        "cause" => f.cause.clone(),
        "remediation" => f.remediation.clone(),
        _ => None,
    }
}

fn joined(evidence: &[Evidence]) -> Option<String> {
    let record = |record: &Evidence| match record.line {
        Some(line) => format!("{}:{line}", record.object),
        None => record.object.clone(),
    };
    (!evidence.is_empty()).then(|| evidence.iter().map(record).collect::<Vec<_>>().join(","))
}

fn candidates(findings: &[Finding]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for finding in findings {
        lists.append_value(finding.job_candidates.iter().map(Some));
    }
    Arc::new(lists.finish())
}

fn evidence(findings: &[Finding]) -> ArrayRef {
    let time = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
    let fields = Fields::from(vec![
        Field::new("start", time.clone(), true),
        Field::new("object", DataType::Utf8, true),
        Field::new("line", DataType::Int64, true),
    ]);
    let start = TimestampSecondBuilder::new().with_data_type(time);
    let object = StringBuilder::new();
    let line = Int64Builder::new();
    let columns: Vec<Box<dyn arrow::array::ArrayBuilder>> =
        vec![Box::new(start), Box::new(object), Box::new(line)];
    let mut lists = ListBuilder::new(StructBuilder::new(fields, columns));
    for finding in findings {
        let records = lists.values();
        for record in &finding.evidence {
            if let Some(start) = records.field_builder::<TimestampSecondBuilder>(0) {
                start.append_option(record.start);
            }
            if let Some(object) = records.field_builder::<StringBuilder>(1) {
                object.append_value(&record.object);
            }
            if let Some(line) = records.field_builder::<Int64Builder>(2) {
                line.append_option(record.line);
            }
            records.append(true);
        }
        lists.append(true);
    }
    Arc::new(lists.finish())
}
