//! Which objects need not be read again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::Cause;
use crate::state::object_record::{ObjectFailure, ObjectState};
use crate::state::pass_record::{Kind, PassRecord, PassTotals};
use crate::time::clock::SKEW_SECS;

/// The sum of the passes up to one of them. Derived from them, and small: objects that cannot be listed any
/// more are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The state that it belongs to.
    pub state: String,
    /// The last pass that it knows.
    pub pass: u64,
    /// By source, as it was named: nothing that ended before this by its name is listed any more. Unix
    /// seconds; a source that is not here is listed whole.
    pub floors: BTreeMap<String, i64>,
    /// What ended before this may have been forgotten, and is looked up in the passes. Unix seconds; `None`:
    /// everything is in `known`.
    pub forgotten: Option<i64>,
    /// By table, the last pass that changed it.
    pub tables: BTreeMap<String, u64>,
    /// Objects that may be listed again, by name.
    pub known: BTreeMap<String, ObjectState>,
    /// The sum of all passes, an object that was read again counted once.
    pub totals: PassTotals,
    /// When the last pass ended, Unix seconds.
    pub ended: Option<i64>,
    /// The greatest `end` of a record, Unix seconds. `None`: no record has one.
    pub newest: Option<i64>,
}

impl Checkpoint {
    /// A checkpoint before the pass that follows `pass`.
    pub fn new(state: &str, pass: u64) -> Self {
        Self {
            state: state.to_owned(),
            pass,
            floors: BTreeMap::new(),
            forgotten: None,
            tables: BTreeMap::new(),
            known: BTreeMap::new(),
            totals: PassTotals::default(),
            ended: None,
            newest: None,
        }
    }

    /// Takes in the next pass.
    pub fn add(&mut self, pass: &PassRecord) {
        self.pass = pass.number;
        if pass.kind == Kind::Takeover {
            return;
        }
        self.ended = Some(pass.ended);
        let files = pass.tables.values().flat_map(|table| &table.added);
        self.newest = self.newest.max(files.filter_map(|file| file.end).max());
        for (table, change) in &pass.tables {
            if change.changes() {
                self.tables.insert(table.clone(), pass.number);
            }
        }
        self.totals.merge(&pass.totals);
        for object in &pass.objects {
            if let Some(earlier) = &object.earlier {
                self.totals.replace(earlier);
            }
            self.known.insert(object.id.clone(), ObjectState::of(object, pass.ended));
        }
    }

    /// Since when sources have to be listed, in Unix seconds. `None`: from their beginning.
    pub fn low_watermark(&self, sources: &[String]) -> Option<i64> {
        let floors: Option<Vec<i64>> =
            sources.iter().map(|source| self.floors.get(source).copied()).collect();
        floors?.into_iter().min()
    }

    /// Records that all objects of the sources from `floor` on are known: what ended before is removed, except what
    /// could not be read.
    pub fn advance(&mut self, sources: &[String], floor: i64) {
        for source in sources {
            let known = self.floors.entry(source.clone()).or_insert(floor);
            *known = floor.max(*known);
        }
        let floor = self.forgotten.map_or(floor, |known| known.max(floor));
        self.forgotten = Some(floor);
        self.known.retain(|_, known| {
            let is_there = |failure: &ObjectFailure| failure.cause != Cause::Missing;
            known.failed.as_ref().is_some_and(is_there)
                || known.ends.is_none_or(|ends| ends >= floor)
        });
    }

    /// Takes back what a clock that was ahead has noted. Returns whether objects may have been forgotten or left
    /// unlisted by it: then the passes have to be added again. `now` is in Unix seconds.
    pub fn take_back(&mut self, now: i64) -> bool {
        let latest = now.saturating_add(SKEW_SECS);
        let is_ahead = self.floors.values().chain(&self.forgotten).any(|floor| *floor > latest);
        if is_ahead {
            self.floors.clear();
            self.forgotten = None;
        }
        is_ahead
    }

    /// Adds the objects of a pass that are not in the checkpoint.
    pub fn remember(&mut self, pass: &PassRecord) {
        for object in &pass.objects {
            self.known
                .entry(object.id.clone())
                .or_insert_with(|| ObjectState::of(object, pass.ended));
        }
    }

    /// The objects that wait for another try.
    pub fn waiting(&self) -> impl Iterator<Item = (&String, &ObjectState)> {
        self.known.iter().filter(|(_, known)| known.is_waiting())
    }
}
