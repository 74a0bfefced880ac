//! Builds the columns of the enrichment.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBuilder, Int32Builder, RecordBatch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use crate::enrich::columns::Column;
use crate::enrich::enricher::Enricher;
use crate::enrich::input_columns::Input;
use crate::enrich::job_attribution::{AttributionRef, JobAttribution};
use crate::enrich::record_context::{Direction, Reader, RecordContext};
use crate::flow::string_column::DedupStringColumn;
use crate::inventory::model::Attribution;

impl Enricher {
    /// Computes the enrichment of flow records: one array for each requested column, in that order, one value a row.
    ///
    /// `batch` has columns of `flow_logs`; one that is missing is read as NULL.
    /// [`COLUMNS`](crate::enrich::COLUMNS) lists what each requested column needs.
    ///
    /// # Errors
    ///
    /// When a column of `batch` has a type that cannot be read as the one of `flow_logs`.
    pub fn annotate(
        &self,
        batch: &RecordBatch,
        columns_to_add: &[Column],
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let input = Input::new(batch, columns_to_add)?;
        let mut reader = Reader::new(self, &input, columns_to_add);
        let rows = batch.num_rows();
        let mut outputs: Vec<Output<'_>> =
            columns_to_add.iter().map(|column| Output::new(*column, rows)).collect();
        for row in 0..rows {
            let facts = reader.read(row);
            for output in &mut outputs {
                output.push(&facts);
            }
        }
        outputs.into_iter().map(Output::finish).collect()
    }
}

struct Output<'a> {
    column: Column,
    values: Values<'a>,
}

enum Values<'a> {
    Text(DedupStringColumn<'a>),
    Code(Int32Builder),
    Flag(BooleanBuilder),
}

/// A text that lives as long as the batch, or only as long as the facts of one record.
enum Text<'a, 'f> {
    Lasting(&'a str),
    Passing(&'f str),
}

impl<'a> Output<'a> {
    fn new(column: Column, rows: usize) -> Self {
        let values = match column.info().data_type {
            DataType::Int32 => Values::Code(Int32Builder::with_capacity(rows)),
            DataType::Boolean => Values::Flag(BooleanBuilder::with_capacity(rows)),
            _ => Values::Text(DedupStringColumn::with_capacity(rows)),
        };
        Self { column, values }
    }

    fn push(&mut self, facts: &RecordContext<'a>) {
        match &mut self.values {
            Values::Text(texts) => match text(self.column, facts) {
                Some(Text::Lasting(text)) => texts.push(text),
                Some(Text::Passing(text)) => texts.push_copy(text),
                None => texts.push_null(),
            },
            Values::Code(values) => values.append_option(match self.column {
                Column::LocalPort => facts.local_port,
                _ => facts.remote_port,
            }),
            Values::Flag(values) => {
                values.append_option(facts.who.as_ref().and_then(|who| who.network_isolation));
            }
        }
    }

    fn finish(self) -> Result<ArrayRef, ArrowError> {
        Ok(match self.values {
            Values::Text(texts) => Arc::new(texts.finish()?),
            Values::Code(mut values) => Arc::new(values.finish()),
            Values::Flag(mut values) => Arc::new(values.finish()),
        })
    }
}

fn text<'a, 'f>(column: Column, facts: &'f RecordContext<'a>) -> Option<Text<'a, 'f>> {
    let who = facts.who.as_ref();
    let text = match column {
        Column::JobName => return of_job(who?, |who| who.job_name.as_deref()),
        Column::JobArn => return of_job(who?, |who| who.job_arn.as_deref()),
        Column::JobCandidates => return of_job(who?, |who| who.candidates.as_deref()),
        Column::RemoteJobName => {
            return of_job(facts.remote_who.as_ref()?, |who| who.job_name.as_deref());
        }
        Column::LocalRegion => match facts.region {
            None => return of_job(who?, |who| who.region.as_deref()),
            region => region,
        },
        Column::Attribution => who.map(|who| attribution_name(who.attribution)),
        Column::EniRole => who.and(facts.row)?.eni.eni_role.as_deref(),
        Column::EniBelongsTo => facts.belongs_to,
        Column::LocalAccountId => facts.account,
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
        Column::RemoteScope => facts.scope,
        Column::S3Path => facts.s3.map(|(path, _)| path),
        Column::S3Evidence => facts.s3.map(|(_, evidence)| evidence),
        Column::NetworkIsolation | Column::LocalPort | Column::RemotePort => None,
    };
    text.map(Text::Lasting)
}

fn of_job<'a, 'f>(
    whose: &'f AttributionRef<'a>,
    text: impl Fn(&JobAttribution) -> Option<&str>,
) -> Option<Text<'a, 'f>> {
    match whose {
        AttributionRef::Known(who) => text(who).map(Text::Lasting),
        AttributionRef::Inferred(who) => text(who).map(Text::Passing),
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
