//! The functions `intern(text, …)` and `interned(id, n)`: several texts as one number, and back.
//!
//! Millions of conversations share a few thousand combinations of interface, job and remote. Grouping by
//! one number instead of all those texts is what keeps groups small. A number means something only in the
//! session that made it.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Int32Builder, StringViewArray, StringViewBuilder,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use foldhash::HashMap;

/// Every combination of texts seen so far.
#[derive(Debug, Default)]
struct Store {
    ids: HashMap<Box<[u8]>, i32>,
    texts: Vec<Box<[Option<String>]>>,
    /// The n-th texts of all combinations, where they were requested; shorter where more have come since.
    columns: HashMap<usize, StringViewArray>,
}

type Shared = Arc<Mutex<Store>>;

/// Returns both functions, over one store.
pub(crate) fn functions() -> [ScalarUDF; 2] {
    let store = Shared::default();
    let one = Signature::variadic(vec![DataType::Utf8View], Volatility::Stable);
    let other = Signature::exact(vec![DataType::Int32, DataType::Int64], Volatility::Stable);
    [
        ScalarUDF::from(Intern { store: Handle(Arc::clone(&store)), signature: one }),
        ScalarUDF::from(Interned { store: Handle(store), signature: other }),
    ]
}

/// A store, the same as another one only if it is that one.
#[derive(Debug, Clone)]
struct Handle(Shared);

impl PartialEq for Handle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Handle {}

impl std::hash::Hash for Handle {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Intern {
    store: Handle,
    signature: Signature,
}

impl ScalarUDFImpl for Intern {
    fn name(&self) -> &'static str {
        "intern"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let columns = columns.iter().map(|column| cast(column, &DataType::Utf8View));
        let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
        let texts: Vec<&StringViewArray> = columns.iter().map(|c| c.as_string_view()).collect();
        let mut ids = Int32Builder::with_capacity(args.number_rows);
        // Within a batch the same views are the same texts: most rows are identified by their views alone.
        let mut known: HashMap<Box<[u128]>, i32> = HashMap::default();
        let mut last: (Vec<u128>, Option<i32>) = (Vec::new(), None);
        let (mut views, mut bytes) = (Vec::new(), Vec::new());
        for row in 0..args.number_rows {
            views.clear();
            views.extend(texts.iter().map(|column| match column.is_null(row) {
                // No text is that long.
                true => u128::MAX,
                false => column.views()[row],
            }));
            // Records of one interface are adjacent.
            let id = match last.1 {
                Some(id) if last.0 == views => id,
                _ => match known.get(views.as_slice()) {
                    Some(id) => *id,
                    None => {
                        let store = self.store.0.lock();
                        let mut store = store.unwrap_or_else(PoisonError::into_inner);
                        let id = store.id(&texts, row, &mut bytes);
                        known.insert(views.as_slice().into(), id);
                        id
                    }
                },
            };
            ids.append_value(id);
            std::mem::swap(&mut last.0, &mut views);
            last.1 = Some(id);
        }
        Ok(ColumnarValue::Array(Arc::new(ids.finish())))
    }
}

impl Store {
    /// Returns the number of the texts of a row. `key` is room for them.
    fn id(&mut self, columns: &[&StringViewArray], row: usize, key: &mut Vec<u8>) -> i32 {
        let text =
            |column: &&StringViewArray| column.is_valid(row).then(|| column.value(row).to_owned());
        key.clear();
        for column in columns {
            match column.is_null(row) {
                true => key.extend_from_slice(&u32::MAX.to_le_bytes()),
                false => {
                    let text = column.value(row).as_bytes();
                    key.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    key.extend_from_slice(text);
                }
            }
        }
        if let Some(id) = self.ids.get(key.as_slice()) {
            return *id;
        }
        let id = self.texts.len() as i32;
        self.texts.push(columns.iter().map(text).collect());
        self.ids.insert(key.as_slice().into(), id);
        id
    }
}

impl Store {
    /// Returns the n-th texts of all combinations.
    fn column(&mut self, n: usize) -> &StringViewArray {
        let texts = &self.texts;
        let none = || StringViewBuilder::new().finish();
        let column = self.columns.entry(n).or_insert_with(none);
        if column.len() != texts.len() {
            let mut all = StringViewBuilder::with_capacity(texts.len()).with_deduplicate_strings();
            texts.iter().for_each(|list| all.append_option(list.get(n).and_then(Option::as_deref)));
            *column = all.finish();
        }
        column
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Interned {
    store: Handle,
    signature: Signature,
}

impl ScalarUDFImpl for Interned {
    fn name(&self) -> &'static str {
        "interned"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [ids, ColumnarValue::Scalar(ScalarValue::Int64(Some(n)))] = args.args.as_slice() else {
            return exec_err!("interned(id, n): n must be a number that is written there");
        };
        let n = usize::try_from(*n).unwrap_or(usize::MAX);
        let ids = ids.to_array(args.number_rows)?;
        let ids = ids.as_primitive::<Int32Type>();
        let mut store = self.store.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ColumnarValue::Array(take(store.column(n), ids, None)?))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    #[tokio::test]
    async fn texts_come_back_and_equal_texts_share_a_number() {
        let session = SessionContext::new();
        for function in functions() {
            session.register_udf(function);
        }
        let sql = "SELECT count(*) AS rows, count(DISTINCT id) AS ids,
                          bool_and(interned(id, 0) IS NOT DISTINCT FROM a) AS first,
                          bool_and(interned(id, 1) IS NOT DISTINCT FROM b) AS second
                   FROM (SELECT a, b, intern(a, b) AS id
                         FROM (VALUES ('x', 'y'), ('xy', ''), ('x', 'y'), (NULL, 'y'), ('x', NULL)) AS t (a, b))";
        let frame = session.sql(sql).await.unwrap();
        let text = frame.to_string().await.unwrap();
        assert!(text.contains("| 5    | 4   | true  | true   |"), "{text}");
    }
}
