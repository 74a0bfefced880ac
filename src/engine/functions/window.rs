//! When the log of each interface begins, and the functions `window_since` and `saw_beginning` that views ask.
//!
//! The first record of a conversation only tells who opened it where the log would have shown an earlier one.
//! [`Beginnings`] is filled while a scan reads; the views ask it of sums and sorted rows, which are there only once
//! the scan has ended.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arrow::array::{ArrayRef, AsArray as _, BooleanArray, RecordBatch, TimestampSecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampSecondType};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use foldhash::HashMap;

use crate::inventory::Inventory;
use crate::time::window::AGGREGATION_SECS;

/// How long after an interface was made the log may begin and still hold all of its life: times of AWS are up to a
/// minute off, and nothing is opened on an interface that is not attached yet.
const BIRTH_SECS: i64 = 60;

/// When the records of each interface begin.
pub(crate) struct Beginnings {
    inventory: Arc<Inventory>,
    /// When each interface was made, in Unix seconds; interfaces of which nobody knows are not in it.
    made: OnceLock<HashMap<String, i64>>,
    read: Mutex<Read>,
}

/// What was read so far.
#[derive(Debug, Default)]
struct Read {
    /// The first start of any record.
    first: Option<i64>,
    by_interface: HashMap<String, i64>,
}

impl Beginnings {
    pub(crate) fn new(inventory: &Arc<Inventory>) -> Self {
        let inventory = Arc::clone(inventory);
        Self { inventory, made: OnceLock::new(), read: Mutex::default() }
    }

    /// Takes in when the records of a batch start.
    pub(crate) fn add(&self, batch: &RecordBatch) {
        let text = |name: &str| batch.column_by_name(name)?.as_string_view_opt();
        let time =
            |name: &str| batch.column_by_name(name)?.as_primitive_opt::<TimestampSecondType>();
        let Some((ids, starts)) = text("interface_id").zip(time("start")) else { return };
        let mut first: Option<i64> = None;
        // Most records of a batch are of few interfaces.
        let mut firsts: HashMap<&str, i64> = HashMap::default();
        for (id, start) in ids.iter().zip(starts.iter()) {
            let Some(start) = start else { continue };
            first = Some(first.map_or(start, |first| first.min(start)));
            if let Some(id) = id {
                let known = firsts.entry(id).or_insert(start);
                *known = start.min(*known);
            }
        }
        let mut read = self.read();
        read.first = read.first.into_iter().chain(first).min();
        for (id, start) in firsts {
            match read.by_interface.get_mut(id) {
                Some(known) => *known = start.min(*known),
                None => drop(read.by_interface.insert(id.to_owned(), start)),
            }
        }
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether the log would have shown earlier records of a conversation that starts at `start`: it starts
    /// well after the log of its interface does, or the log holds the interface's whole life.
    fn saw(&self, interface_id: Option<&str>, start: i64) -> bool {
        let made = self.made.get_or_init(|| made(&self.inventory));
        let read = self.read();
        let Some(log) = read.first else { return false };
        let own = interface_id.and_then(|id| read.by_interface.get(id).copied());
        start >= own.unwrap_or(log).saturating_add(AGGREGATION_SECS)
            || interface_id
                .and_then(|id| made.get(id))
                .is_some_and(|made| log <= made.saturating_add(BIRTH_SECS))
    }
}

impl fmt::Debug for Beginnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beginnings").finish_non_exhaustive()
    }
}

/// When each interface was made: where nobody says, its first interval begins there, if that has a beginning.
fn made(inventory: &Inventory) -> HashMap<String, i64> {
    let mut made: HashMap<String, Option<i64>> = HashMap::default();
    for eni in &inventory.enis {
        let from = eni.created_at.or(eni.valid_from);
        let first = made.entry(eni.interface_id.clone()).or_insert(from);
        *first = first.zip(from).map(|(first, from)| first.min(from));
    }
    made.into_iter().filter_map(|(id, from)| Some((id, from?))).collect()
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Second, Some("UTC".into()))
}

/// Returns the functions. `since`: where the window begins, in Unix seconds.
pub(crate) fn functions(since: Option<i64>, beginnings: &Arc<Beginnings>) -> [ScalarUDF; 2] {
    let none = Signature::exact(Vec::new(), Volatility::Immutable);
    let asked = vec![DataType::Utf8View, time()];
    let beginnings = Arc::clone(beginnings);
    [
        ScalarUDF::from(WindowSince { since, signature: none }),
        ScalarUDF::from(SawBeginning {
            beginnings,
            signature: Signature::exact(asked, Volatility::Stable),
        }),
    ]
}

/// `window_since()`: where the window begins; NULL where it has no beginning. A constant of each statement.
#[derive(Debug, PartialEq, Eq, Hash)]
struct WindowSince {
    since: Option<i64>,
    signature: Signature,
}

impl ScalarUDFImpl for WindowSince {
    fn name(&self) -> &'static str {
        "window_since"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(time())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let since = ScalarValue::TimestampSecond(self.since, Some("UTC".into()));
        Ok(ColumnarValue::Scalar(since))
    }
}

/// `saw_beginning(interface_id, start)`: whether the log would have shown earlier records of a conversation.
#[derive(Debug)]
struct SawBeginning {
    beginnings: Arc<Beginnings>,
    signature: Signature,
}

impl PartialEq for SawBeginning {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.beginnings, &other.beginnings)
    }
}

impl Eq for SawBeginning {}

impl Hash for SawBeginning {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.beginnings).hash(state);
    }
}

impl ScalarUDFImpl for SawBeginning {
    fn name(&self) -> &'static str {
        "saw_beginning"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [ids, starts] = columns.as_slice() else {
            return datafusion::common::exec_err!("saw_beginning takes (interface_id, start)");
        };
        let ids = cast(ids, &DataType::Utf8View)?;
        let starts: ArrayRef = cast(starts, &time())?;
        let starts: &TimestampSecondArray = starts.as_primitive();
        let rows = ids.as_string_view().iter().zip(starts.iter());
        // NULL is no time at which anything was seen to begin.
        let saw = rows.map(|(id, start)| Some(start.is_some_and(|s| self.beginnings.saw(id, s))));
        Ok(ColumnarValue::Array(Arc::new(saw.collect::<BooleanArray>())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::model::Eni;

    fn batch(rows: &[(&str, i64)]) -> RecordBatch {
        let ids: arrow::array::StringViewArray = rows.iter().map(|(id, _)| Some(*id)).collect();
        let starts: Vec<i64> = rows.iter().map(|(_, start)| *start).collect();
        let starts = TimestampSecondArray::from(starts).with_timezone("UTC");
        let columns: [(&str, ArrayRef); 2] =
            [("interface_id", Arc::new(ids)), ("start", Arc::new(starts))];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn beginnings(enis: &[(&str, Option<i64>)]) -> Beginnings {
        let eni = |(id, from): &(&str, Option<i64>)| Eni {
            interface_id: (*id).to_owned(),
            valid_from: *from,
            ..Eni::default()
        };
        let inventory = Inventory { enis: enis.iter().map(eni).collect(), ..Inventory::default() };
        Beginnings::new(&Arc::new(inventory))
    }

    #[test]
    fn what_starts_well_inside_the_log_of_its_interface_was_seen_to_begin() {
        let log = beginnings(&[]);
        assert!(!log.saw(Some("eni-1"), 5000), "nothing was read");
        log.add(&batch(&[("eni-2", 1100), ("eni-1", 2000), ("eni-2", 1000)]));
        log.add(&batch(&[("eni-1", 1900), ("eni-1", 9000)]));
        assert!(log.saw(Some("eni-1"), 2500) && !log.saw(Some("eni-1"), 2499));
        assert!(log.saw(Some("eni-2"), 1600) && !log.saw(Some("eni-2"), 1599));
        assert!(log.saw(None, 1600) && !log.saw(None, 1599));
    }

    #[test]
    fn an_interface_made_after_the_log_began_was_seen_from_its_birth() {
        let log = beginnings(&[("eni-1", Some(3000)), ("eni-2", Some(900)), ("eni-3", None)]);
        log.add(&batch(&[("eni-1", 3010), ("eni-2", 1000), ("eni-3", 3000)]));
        assert!(log.saw(Some("eni-1"), 3010));
        assert!(!log.saw(Some("eni-2"), 1000), "it had lived for 100 s");
        assert!(!log.saw(Some("eni-3"), 3000), "nobody knows since when it lived");
    }
}
