//! Lists the objects to read, and acknowledges them to the sources afterwards.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::engine::Cause;
use crate::ingest::names::{Names, may_have_others};
use crate::ingest::runner::{PendingListing, Runner};
use crate::ingest::{Error, selection};
use crate::source;
use crate::source::{ReadOutcome, Split};
use crate::state::{Kind, ObjectState};
use crate::time::Window;

impl Runner {
    /// Lists chosen objects, to be read again by the next passes. Returns how many there are.
    pub async fn replay(
        &mut self,
        window: &Window,
        mut is_due: impl FnMut(&Split) -> bool,
    ) -> Result<usize, Error> {
        let at = self.clock.now();
        let source = (self.open)(at)?;
        let listing = source.splits(window).await?;
        let mut splits = self.renamed(listing.splits);
        splits.retain(&mut is_due);
        selection::order(&mut splits);
        let old = self.look_up(&splits).await?;
        let count = splits.len();
        self.listed = Some(PendingListing {
            source,
            splits: splits.into(),
            kind: Kind::Replay,
            at,
            window: *window,
            newest: None,
            ranges: BTreeSet::new(),
            failed: BTreeSet::new(),
            old,
            notes: listing.notes,
        });
        Ok(count)
    }

    /// Lists what no pass has read; `false` when there is nothing.
    pub(super) async fn list(&mut self) -> Result<bool, Error> {
        let at = self.clock.now();
        let source = (self.open)(at)?;
        let window =
            Window { since: self.options.window.since.or(self.floor()), ..self.options.window };
        let listing = match source.splits(&window).await {
            // What was there is read and deleted.
            Err(source::Error::Empty { .. }) if self.checkpoint.pass > 0 => {
                source::Listing::default()
            }
            listing => listing?,
        };
        if let Some(split) = listing.splits.iter().find(|split| split.one_shot) {
            return Err(Error::OneShot { id: split.id.clone() });
        }
        let newest = newest(&listing.splits);
        let mut splits = self.renamed(listing.splits);
        let ranges = splits.iter().filter(|split| split.log_group.is_some());
        let ranges = ranges.map(|split| split.id.clone()).collect();
        let old = self.look_up(&splits).await?;
        let lateness = self.options.lateness_secs;
        let mut failed = BTreeSet::new();
        splits.retain(|split| {
            let known = self.checkpoint.known.get(&split.id).or_else(|| old.get(&split.id));
            if !selection::is_new(split, known, at, lateness) {
                return false;
            }
            let later = self.tried.get(&split.id).is_some_and(|(_, next)| *next > at);
            // A queue must not let go of it meanwhile.
            if later {
                failed.insert(split.id.clone());
            }
            !later
        });
        selection::order(&mut splits);
        let is_empty = splits.is_empty();
        self.listed = Some(PendingListing {
            source,
            splits: splits.into(),
            kind: Kind::Ingest,
            at,
            window,
            newest,
            ranges,
            failed,
            old,
            notes: listing.notes,
        });
        if is_empty {
            let notes = self.settle().await?;
            self.notes.extend(notes);
        }
        Ok(!is_empty)
    }

    /// Gives files that are known by another name that name: they are not read twice.
    fn renamed(&self, splits: Vec<Split>) -> Vec<Split> {
        let known = &self.checkpoint.known;
        let is_unknown = |split: &Split| may_have_others(split) && !known.contains_key(&split.id);
        if !splits.iter().any(is_unknown) {
            return splits;
        }
        let names = Names::new(known.iter());
        let listed: HashSet<String> = splits.iter().map(|split| split.id.clone()).collect();
        let renamed = |split: Split| match names.other(&split).filter(|_| is_unknown(&split)) {
            // Where another file has that name now, what was read of this one gives way to it.
            Some(id) if !listed.contains(id) => Split { id: id.to_owned(), ..split },
            _ => split,
        };
        splits.into_iter().map(renamed).collect()
    }

    /// Since when sources have to be listed, in Unix seconds: what waits to be read again must be listed too. `None`:
    /// from their beginning.
    fn floor(&self) -> Option<i64> {
        let floor = self.checkpoint.low_watermark(&self.options.sources)?;
        let due = self.checkpoint.waiting().filter(|(_, known)| {
            known.failed.as_ref().is_some_and(|failure| failure.cause != Cause::Missing)
        });
        let due = due.filter_map(|(id, known)| selection::begins(id, known)).min();
        Some(due.map_or(floor, |due| due.min(floor)))
    }

    /// What the passes say of those splits that the checkpoint may have forgotten.
    async fn look_up(&self, splits: &[Split]) -> Result<BTreeMap<String, ObjectState>, Error> {
        let old = splits.iter().filter(|split| selection::is_old(split, &self.checkpoint));
        let old: HashSet<&str> = old.map(|split| split.id.as_str()).collect();
        let mut found = BTreeMap::new();
        if old.is_empty() {
            return Ok(found);
        }
        let reader = self.state.reader();
        for number in reader.numbers().await? {
            let Some(pass) = reader.pass(number).await? else { continue };
            for object in pass.objects.iter().filter(|object| old.contains(object.id.as_str())) {
                found.insert(object.id.clone(), ObjectState::of(object, pass.ended));
            }
        }
        Ok(found)
    }

    /// Tells the sources that all of a listing is published, and notes that it need not be listed again.
    pub(super) async fn settle(&mut self) -> Result<Vec<String>, Error> {
        let Some(listed) = self.listed.take() else { return Ok(Vec::new()) };
        if listed.kind == Kind::Ingest {
            self.end_ranges(&listed);
            if let Some(target) = self.target(&listed) {
                self.checkpoint.advance(&self.options.sources, target);
            }
        }
        self.save().await?;
        self.options.step("settle");
        let outcome = ReadOutcome { complete: true, failed: listed.failed };
        let mut notes = listed.notes;
        notes.extend(listed.source.acknowledge(&outcome).await?);
        Ok(notes)
    }

    /// Before when nothing has to be listed any more, in Unix seconds: so long before the newest object that was
    /// seen. The clock only bounds it, since it may be ahead. `None`: everything is listed again.
    fn target(&self, listed: &PendingListing) -> Option<i64> {
        let lateness = self.options.lateness_secs;
        let newest = match listed.ranges.is_empty() {
            true => listed.newest,
            false => listed.newest.into_iter().chain(self.checkpoint.newest).min(),
        };
        let target = newest?.min(listed.at).saturating_sub(lateness);
        let floor = self.checkpoint.low_watermark(&self.options.sources);
        let Window { since, until, .. } = self.options.window;
        let covers = since.zip(floor).is_none_or(|(since, floor)| since <= floor)
            && until.is_none_or(|until| until >= listed.at);
        let first = since.filter(|_| floor.is_none());
        covers.then(|| first.map_or(target, |since| since.min(target)))
    }

    /// Time ranges of log groups are cut anew by each listing: one that could not be read is no more due once a
    /// listing of its time was read, however it was cut.
    fn end_ranges(&mut self, listed: &PendingListing) {
        let failed = listed.failed.iter().filter(|id| listed.ranges.contains(*id));
        let failed: Vec<(i64, i64)> = failed.filter_map(|id| selection::range(id)).collect();
        let group = |id: &str| id.rsplit_once('#').map(|(group, _)| group.to_owned());
        let groups: BTreeSet<String> = listed.ranges.iter().filter_map(|id| group(id)).collect();
        let Window { since, until, .. } = listed.window;
        let is_read = |id: &String, known: &ObjectState| {
            let Some((from, to)) = selection::range(id).filter(|_| known.is_waiting()) else {
                return false;
            };
            group(id).is_some_and(|group| groups.contains(&group))
                && since.is_none_or(|since| since <= from)
                && until.is_none_or(|until| until >= to)
                && !listed.ranges.contains(id)
                && !failed.iter().any(|(first, last)| *first < to && *last > from)
        };
        self.checkpoint.known.retain(|id, known| !is_read(id, known));
    }

    /// Tells the sources that not all of a listing was read.
    pub(super) async fn give_back(&mut self) {
        let Some(listed) = self.listed.take() else { return };
        let outcome = ReadOutcome { complete: false, failed: listed.failed };
        // They return the same objects again without an acknowledgement.
        drop(listed.source.acknowledge(&outcome).await);
    }
}

/// When the newest object of a listing ended, by the source that lags most: what comes late to one must still be
/// listed. An object that claims to end after it was written ended when it was written.
fn newest(splits: &[Split]) -> Option<i64> {
    let mut newest: BTreeMap<usize, i64> = BTreeMap::new();
    for split in splits.iter().filter(|split| split.log_group.is_none()) {
        let Some((_, ends)) = selection::ends(split) else { continue };
        let ends = split.modified.map_or(ends, |modified| ends.min(modified));
        let of_source = newest.entry(split.source).or_insert(ends);
        *of_source = ends.max(*of_source);
    }
    newest.into_values().min()
}
