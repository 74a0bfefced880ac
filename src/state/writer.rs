//! Changes a state, under its lease: publishes passes, writes the checkpoint.

use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutMode};

use crate::state::checkpoint::Checkpoint;
use crate::state::error::Error;
use crate::state::lease::Lease;
use crate::state::objects::{CHECKPOINT, failed, name_of, put};
use crate::state::pass_record::PassRecord;
use crate::state::reader::Reader;
use crate::storage::Storage;
use crate::time::Clock;

/// A state that this process alone changes.
#[derive(Debug)]
pub struct State {
    pub(super) reader: Reader,
    lease: Lease,
    clock: Clock,
    warning: Option<String>,
}

impl State {
    /// Takes the lease of a state, which is made if there is none. `runner` is how this process is named to
    /// others, `lease_secs` how long a lease in S3 lasts without a heartbeat, [`LEASE_SECS`] but in tests.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when somebody else has it.
    pub async fn open(
        place: Storage,
        runner: &str,
        clock: Clock,
        lease_secs: i64,
    ) -> Result<Self, Error> {
        let store_time = place.probe(&format!("probe-{:016x}", fastrand::u64(..))).await?;
        let (lease, store_time) =
            Lease::take(&place, runner, clock, store_time, lease_secs).await?;
        let (clock, ahead_secs) = clock.not_ahead_of(store_time);
        let reader = Reader::create(place, clock.now()).await?;
        let warning = (ahead_secs > 0).then(|| {
            format!(
                "the clock of this machine is {ahead_secs} s ahead of that of {}: the latter is used",
                reader.place
            )
        });
        Ok(Self { reader, lease, clock, warning })
    }

    /// The clock, which is not ahead of that of the place.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Warning about the place and the clock.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// What is in it.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Name of this process.
    pub fn runner(&self) -> &str {
        self.lease.runner()
    }

    /// Distinguishes this process from all others.
    pub fn token(&self) -> &str {
        self.lease.token()
    }

    /// Whether the last runner ended without giving its lease back.
    pub fn was_left(&self) -> bool {
        self.lease.was_abandoned()
    }

    /// Publishes a pass: from now on it counts.
    ///
    /// # Errors
    ///
    /// [`Error::Lost`] when its number is taken, or the lease is.
    pub async fn publish(&self, pass: &PassRecord) -> Result<(), Error> {
        let place = &self.reader.place;
        if self.lease.is_lost() {
            return Err(Error::Lost { place: place.to_string() });
        }
        let name = name_of(pass.number);
        if !put(place, &name, pass, PutMode::Create).await? {
            return Err(Error::Lost { place: place.to_string() });
        }
        Ok(())
    }

    /// Writes the checkpoint.
    pub async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        put(&self.reader.place, CHECKPOINT, checkpoint, PutMode::Overwrite).await.map(drop)
    }

    /// Deletes the records of passes that ended before a time in Unix seconds, the last one apart. Returns how
    /// many.
    pub async fn forget(&self, before: i64) -> Result<u64, Error> {
        let numbers = self.reader.numbers().await?;
        let mut deleted = 0;
        let removable = numbers.len().saturating_sub(1);
        for number in numbers.into_iter().take(removable) {
            let pass = self.reader.pass(number).await?;
            if pass.is_some_and(|pass| pass.ended >= before) {
                break;
            }
            let name = name_of(number);
            let gone = self.reader.place.objects().delete(&Path::from(name.as_str())).await;
            gone.map_err(|source| failed(&self.reader.place, &name, source))?;
            deleted += 1;
        }
        Ok(deleted)
    }

    /// Releases the lease.
    pub async fn close(self) -> Result<(), Error> {
        self.lease.give_back().await
    }
}
