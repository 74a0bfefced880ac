//! `flowq inventory`: what was understood, and its import as Parquet.

use std::sync::Arc;

use anyhow::anyhow;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::error::ArrowError;

use crate::cli::args;
use crate::cli::exit::{Exit, Failure, OrExit as _};
use crate::cli::say::Say;
use crate::cli::{print, read};
use crate::detection::nearest;
use crate::inventory::{TABLES, import};

/// Runs the command.
pub(super) async fn run(args: args::Inventory) -> Result<Exit, Failure> {
    let say = Say { quiet: false };
    match args {
        args::Inventory::Show { table, inventory, write } => {
            let inventory = read::inventory(&inventory, &say)?;
            let all = inventory.tables().or_exit(Exit::Input)?;
            let Some(table) = table else {
                print::batch(&counts(&all).or_exit(Exit::Output)?, &write)?;
                return Ok(Exit::Fine);
            };
            let Some((_, batch)) = all.iter().find(|(name, _)| *name == table) else {
                let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
                let error = anyhow!("an inventory has no table {table}");
                let likely = nearest(&table, names.iter().copied());
                let likely = likely.map(|name| format!("did you mean {name}? "));
                let hint = format!("{}it has {}", likely.unwrap_or_default(), names.join(", "));
                return Err(Failure::new(Exit::Usage, error).with_hint(hint));
            };
            print::batch(batch, &write)?;
        }
        args::Inventory::Import { paths, to } => {
            read::inventory_exists(&paths)?;
            let (inventory, warnings) = import(&paths, &to).or_exit(Exit::Output)?;
            for warning in warnings {
                say.warn(&warning.to_string());
            }
            for (name, batch) in inventory.tables().or_exit(Exit::Input)? {
                if batch.num_rows() > 0 {
                    say.note(&format!("{name}: {} rows", batch.num_rows()));
                }
            }
        }
    }
    Ok(Exit::Fine)
}

/// How many rows each table has, and what they are.
fn counts(tables: &[(&str, RecordBatch)]) -> Result<RecordBatch, ArrowError> {
    let names = tables.iter().map(|(name, _)| *name);
    let rows = tables.iter().map(|(_, batch)| i64::try_from(batch.num_rows()).unwrap_or(i64::MAX));
    let meaning =
        |name: &str| TABLES.iter().find(|(table, _)| *table == name).map(|(_, text)| *text);
    let meanings: StringArray = tables.iter().map(|(name, _)| meaning(name)).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("table", Arc::new(StringArray::from_iter_values(names))),
        ("rows", Arc::new(Int64Array::from_iter_values(rows))),
        ("meaning", Arc::new(meanings)),
    ];
    RecordBatch::try_from_iter(columns)
}
