//! The detections that come with flowq, and those of a folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::detection::definition::Detection;
use crate::detection::error::{Error, unknown};

/// The detections that come with flowq: id, SQL file, cases file.
const BUILT_IN: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/detections.rs"));

/// Returns the detections that come with flowq, sorted by id.
pub fn built_in() -> Result<Vec<Detection>, Error> {
    BUILT_IN.iter().map(|(id, sql, _)| Detection::parse(id, sql)).collect()
}

/// Returns the text of the cases file of a built-in detection.
pub fn built_in_cases(id: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, ..)| *known == id).map(|(_, _, cases)| *cases)
}

/// Reads every `*.sql` file of a folder, sorted by id, and adds it to `detections`.
///
/// # Errors
///
/// [`Error::Duplicate`] when an id is taken, so that a user's file never replaces another silently: a
/// built-in one is switched off in `flowq.toml` instead. [`Error::Io`] and [`Error::Header`] as they come.
pub fn load(dir: &Path, detections: &mut Vec<Detection>) -> Result<(), Error> {
    let failed = |source| Error::Io { path: dir.to_owned(), source };
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            paths.insert(path);
        }
    }
    for path in paths {
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(Error::Io { path, source }),
        };
        if detections.iter().any(|known| known.id == id) {
            return Err(Error::Duplicate { id, path });
        }
        detections.push(Detection::parse(&id, &text)?);
    }
    detections.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(())
}

/// Returns the detection with this id.
///
/// # Errors
///
/// [`Error::Unknown`], with the nearest id.
pub fn find<'a>(detections: &'a mut [Detection], id: &str) -> Result<&'a mut Detection, Error> {
    let ids: Vec<String> = detections.iter().map(|known| known.id.clone()).collect();
    detections
        .iter_mut()
        .find(|known| known.id == id)
        .ok_or_else(|| unknown("detection", id, ids.iter().map(String::as_str)))
}
