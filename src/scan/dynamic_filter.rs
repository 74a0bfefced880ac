//! Dynamic filters of joins over interfaces. They are complete once the join has read its build side, which it does
//! before it reads the first row of a scan.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array as _, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, DynamicFilterPhysicalExpr, Literal};
use datafusion::physical_expr::utils::reassign_expr_columns;
use foldhash::HashMap;

use crate::flow::{InterfacePredicate, RecordSelection};

const INTERFACE_ID: &str = "interface_id";

/// Returns whether a filter is the dynamic filter of a join over the interface alone.
pub(crate) fn is_interface_filter(filter: &Arc<dyn PhysicalExpr>) -> bool {
    let is_interface = |key: &&Arc<dyn PhysicalExpr>| {
        key.downcast_ref::<Column>().is_some_and(|column| column.name() == INTERFACE_ID)
    };
    let keys = filter.children();
    filter.is::<DynamicFilterPhysicalExpr>() && !keys.is_empty() && keys.iter().all(is_interface)
}

/// Returns the test that an interface has to pass, by what is known of a join now and by a test that there is
/// already. `None`: all pass.
pub(crate) fn interface_predicate(
    filter: &Arc<dyn PhysicalExpr>,
    other: Option<InterfacePredicate>,
) -> Result<Option<InterfacePredicate>> {
    let Some(filter) = filter.downcast_ref::<DynamicFilterPhysicalExpr>() else { return Ok(other) };
    let filter = filter.current()?;
    let value = filter.downcast_ref::<Literal>().map(Literal::value);
    if matches!(value, Some(ScalarValue::Boolean(Some(true)))) {
        return Ok(other);
    }
    let schema = Schema::new(vec![Field::new(INTERFACE_ID, DataType::Utf8View, true)]);
    let filter = reassign_expr_columns(filter, &schema)?;
    let schema = Arc::new(schema);
    // Of few interfaces there are many records.
    let known: Mutex<HashMap<String, bool>> = Mutex::default();
    let contains_id = move |id: &str| {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(passes) = known.get(id) {
            return *passes;
        }
        // What cannot be evaluated here is evaluated by the join.
        let passes = passes(&filter, &schema, id).unwrap_or(true);
        known.insert(id.to_owned(), passes);
        passes
    };
    Ok(Some(Arc::new(move |id: &str| match &other {
        _ if !contains_id(id) => RecordSelection::None,
        Some(other) => other(id),
        None => RecordSelection::All,
    })))
}

fn passes(filter: &Arc<dyn PhysicalExpr>, schema: &SchemaRef, id: &str) -> Result<bool> {
    let ids = StringViewArray::from(vec![id]);
    let row = RecordBatch::try_new(Arc::clone(schema), vec![Arc::new(ids)])?;
    let passes = filter.evaluate(&row)?.into_array(1)?;
    let passes = as_boolean_array(&passes)?;
    Ok(passes.is_valid(0) && passes.value(0))
}
