//! Turns what records mean into Arrow columns.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BooleanBuilder;
use arrow::array::Int32Builder;
use arrow::array::RecordBatch;
use arrow::array::StringViewBuilder;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use crate::context::Context;
use crate::context::column::Column;
use crate::context::input::Input;
use crate::context::record::Direction;
use crate::context::record::Facts;
use crate::context::record::Reader;
use crate::inventory::model::Attribution;

/// Makes the wanted columns, one array each, in the order wanted.
pub(super) fn annotate(
    context: &Context,
    batch: &RecordBatch,
    wanted: &[Column],
) -> Result<Vec<ArrayRef>, ArrowError> {
    let input = Input::new(batch, wanted)?;
    let mut reader = Reader::new(context, &input, wanted);
    let rows = batch.num_rows();
    let mut outputs: Vec<Output> = wanted.iter().map(|column| Output::new(*column, rows)).collect();
    for row in 0..rows {
        let facts = reader.read(row);
        for output in &mut outputs {
            output.push(&facts);
        }
    }
    Ok(outputs.into_iter().map(Output::finish).collect())
}

struct Output {
    column: Column,
    values: Values,
}

enum Values {
    Text(StringViewBuilder),
    Code(Int32Builder),
    Flag(BooleanBuilder),
}

impl Output {
    fn new(column: Column, rows: usize) -> Self {
        let values = match column.info().data_type {
            DataType::Int32 => Values::Code(Int32Builder::with_capacity(rows)),
            DataType::Boolean => Values::Flag(BooleanBuilder::with_capacity(rows)),
            _ => Values::Text(StringViewBuilder::with_capacity(rows)),
        };
        Self { column, values }
    }

    fn push(&mut self, facts: &Facts<'_>) {
        match &mut self.values {
            Values::Text(values) => values.append_option(text(self.column, facts)),
            Values::Code(values) => values.append_option(match self.column {
                Column::LocalPort => facts.local_port,
                _ => facts.remote_port,
            }),
            Values::Flag(values) => {
                values.append_option(facts.who.as_ref().and_then(|who| who.network_isolation));
            }
        }
    }

    fn finish(self) -> ArrayRef {
        match self.values {
            Values::Text(mut values) => Arc::new(values.finish()),
            Values::Code(mut values) => Arc::new(values.finish()),
            Values::Flag(mut values) => Arc::new(values.finish()),
        }
    }
}

fn text<'f>(column: Column, facts: &'f Facts<'_>) -> Option<&'f str> {
    let who = facts.who.as_deref();
    match column {
        Column::JobName => who?.job_name.as_deref(),
        Column::JobArn => who?.job_arn.as_deref(),
        Column::JobCandidates => who?.candidates.as_deref(),
        Column::Attribution => who.map(|who| attribution_name(who.attribution)),
        Column::EniRole => who.and(facts.row)?.eni.eni_role.as_deref(),
        Column::EniBelongsTo => facts.belongs_to,
        Column::LocalAccountId => facts.account,
        Column::LocalRegion => facts.region(),
        Column::LocalVpcId => facts.vpc,
        Column::LocalSubnetId => facts.subnet,
        Column::Direction => facts.direction.map(|direction| match direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        }),
        Column::LocalAddr => facts.local_addr,
        Column::RemoteAddr => facts.remote_addr,
        Column::SynBy => facts.syn_by,
        Column::RemoteInterfaceId => facts.remote_row.map(|row| row.eni.interface_id.as_str()),
        Column::RemoteJobName => facts.remote_who.as_ref()?.job_name.as_deref(),
        Column::RemoteScope => facts.scope,
        Column::S3Path => facts.s3.map(|(path, _)| path),
        Column::S3Evidence => facts.s3.map(|(_, evidence)| evidence),
        Column::NetworkIsolation | Column::LocalPort | Column::RemotePort => None,
    }
}

fn attribution_name(attribution: Attribution) -> &'static str {
    match attribution {
        Attribution::Declared => "declared",
        Attribution::Exact => "exact",
        Attribution::Shared => "shared",
        Attribution::Inferred => "inferred",
    }
}
