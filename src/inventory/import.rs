//! The steps of `flowq inventory import`: one Parquet file per table, and one of the facts.

use std::fs;
use std::path::{Path, PathBuf};

use crate::inventory::error::{Error, Warning, write_error};
use crate::inventory::model::Inventory;
use crate::inventory::parquet::{FACTS, encode, write};
use crate::inventory::{files, merge};

/// Reads an inventory and writes it to a folder as Parquet, which [`Inventory::read`] takes again.
///
/// # Errors
///
/// [`Error`] when a path cannot be read or a file cannot be written.
pub fn import(paths: &[PathBuf], to: &Path) -> Result<(Inventory, Vec<Warning>), Error> {
    let (facts, warnings) = files::read_facts(paths)?;
    let inventory = merge::inventory(&facts);
    fs::create_dir_all(to).map_err(|err| write_error(to, err))?;
    for (table, batch) in inventory.tables()? {
        write(&to.join(format!("{table}.parquet")), table, &batch)?;
    }
    let path = to.join(format!("{FACTS}.parquet"));
    let bytes = encode(&facts, None).map_err(|err| write_error(&path, err))?;
    fs::write(&path, bytes).map_err(|err| write_error(&path, err))?;
    Ok((inventory, warnings))
}
