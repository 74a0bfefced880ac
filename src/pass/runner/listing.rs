//! What is there to be read, and what the sources are told of it afterwards.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use super::{Listed, Runner};
use crate::pass::{Error, choose};
use crate::source;
use crate::source::{Outcome, Split, Window};
use crate::state::{Kind, Known};

impl Runner {
    /// Lists chosen objects, to be read again by the next passes. Returns how many there are.
    ///
    /// # Errors
    ///
    /// When they cannot be listed.
    pub async fn replay(
        &mut self,
        window: &Window,
        wanted: impl FnMut(&Split) -> bool,
    ) -> Result<usize, Error> {
        let now = self.clock.now();
        let source = (self.open)(now)?;
        let listing = source.splits(window).await?;
        let mut splits: Vec<Split> = listing.splits.into_iter().filter(wanted).collect();
        choose::order(&mut splits);
        let old = self.look_up(&splits).await?;
        let (kind, count) = (Kind::Replay, splits.len());
        let (failed, notes) = (BTreeSet::new(), listing.notes);
        let splits = VecDeque::from(splits);
        self.listed = Some(Listed { source, splits, kind, at: now, failed, old, notes });
        Ok(count)
    }

    /// Lists what no pass has read; `false` when there is nothing.
    pub(super) async fn list(&mut self) -> Result<bool, Error> {
        let now = self.clock.now();
        let source = (self.open)(now)?;
        let floor = self.checkpoint.floor(&self.options.sources);
        let window = Window { since: self.options.window.since.or(floor), ..self.options.window };
        let listing = match source.splits(&window).await {
            // What was there is read and deleted.
            Err(source::Error::Empty { .. }) if self.checkpoint.pass > 0 => {
                source::Listing::default()
            }
            listing => listing?,
        };
        let mut splits = listing.splits;
        if let Some(split) = splits.iter().find(|split| split.one_shot) {
            return Err(Error::OneShot { id: split.id.clone() });
        }
        let old = self.look_up(&splits).await?;
        let lateness = self.options.lateness_secs;
        splits.retain(|split| {
            let known = self.checkpoint.known.get(&split.id).or_else(|| old.get(&split.id));
            let later = self.tried.get(&split.id).is_some_and(|(_, next)| *next > now);
            !later && choose::is_new(split, known, now, lateness)
        });
        choose::order(&mut splits);
        let is_empty = splits.is_empty();
        self.listed = Some(Listed {
            source,
            splits: splits.into(),
            kind: Kind::Ingest,
            at: now,
            failed: BTreeSet::new(),
            old,
            notes: listing.notes,
        });
        if is_empty {
            self.settle().await?;
        }
        Ok(!is_empty)
    }

    /// What the passes say of those splits that the checkpoint may have forgotten.
    async fn look_up(&self, splits: &[Split]) -> Result<BTreeMap<String, Known>, Error> {
        let old = splits.iter().filter(|split| choose::is_old(split, &self.checkpoint));
        let old: HashSet<&str> = old.map(|split| split.id.as_str()).collect();
        let mut found = BTreeMap::new();
        if old.is_empty() {
            return Ok(found);
        }
        let reader = self.state.reader();
        for number in reader.numbers().await? {
            let Some(pass) = reader.pass(number).await? else { continue };
            for object in pass.objects.iter().filter(|object| old.contains(object.id.as_str())) {
                found.insert(object.id.clone(), Known::of(object, &pass));
            }
        }
        Ok(found)
    }

    /// Tells the sources that all of a listing is published, and notes that it need not be listed again.
    pub(super) async fn settle(&mut self) -> Result<Vec<String>, Error> {
        let Some(listed) = self.listed.take() else { return Ok(Vec::new()) };
        if listed.kind == Kind::Ingest {
            let target = listed.at.saturating_sub(self.options.lateness_secs);
            let floor = self.checkpoint.floor(&self.options.sources);
            let Window { since, until, .. } = self.options.window;
            let covers = since.zip(floor).is_none_or(|(since, floor)| since <= floor)
                && until.is_none_or(|until| until >= listed.at);
            if covers {
                let target =
                    if floor.is_none() { since.unwrap_or(target).min(target) } else { target };
                self.checkpoint.raise(&self.options.sources, target);
            }
        }
        self.save().await?;
        self.options.step("settle");
        let outcome = Outcome { complete: true, failed: listed.failed };
        let mut notes = listed.notes;
        notes.extend(listed.source.settle(&outcome).await?);
        Ok(notes)
    }

    /// Tells the sources that not all of a listing was read.
    pub(super) async fn give_back(&mut self) {
        let Some(listed) = self.listed.take() else { return };
        let outcome = Outcome { complete: false, failed: listed.failed };
        // They give the same again if they are not told.
        drop(listed.source.settle(&outcome).await);
    }
}
