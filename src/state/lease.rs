//! One runner at a time: who it is, and what becomes of its lease when it dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use object_store::path::Path;
use object_store::{
    ObjectStoreExt as _, PutMode, PutOptions, PutPayload, PutResult, UpdateVersion,
};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::state::error::Error;
use crate::state::holder::Holder;
use crate::state::objects::failed;
use crate::storage;
use crate::storage::Storage;
use crate::time::Clock;

/// How many heartbeats a runner sends in that time.
const HEARTBEATS: u64 = 4;

/// Name of the lease in S3; the file that is locked in a folder.
const REMOTE: &str = "lease.json";
const LOCAL: &str = "lease";

/// The right to change a state. A runner that dies leaves it: in a folder at once, in S3 when it expires.
#[derive(Debug)]
pub struct Lease {
    holder: Holder,
    was_left: bool,
    lease_store: LeaseStore,
}

#[derive(Debug)]
enum LeaseStore {
    Folder(File),
    Remote(Remote),
}

#[derive(Debug)]
struct Remote {
    place: Storage,
    beat: JoinHandle<()>,
    version: Arc<Mutex<UpdateVersion>>,
    lost: Arc<AtomicBool>,
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.beat.abort();
    }
}

impl Lease {
    /// Takes the lease of a state; returns with it the time of the place, in Unix seconds, which is `store_time` in
    /// S3.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when somebody has it.
    pub async fn take(
        place: &Storage,
        runner: &str,
        clock: Clock,
        store_time: Option<i64>,
        lease_secs: i64,
    ) -> Result<(Self, Option<i64>), Error> {
        let token = format!("{:016x}", fastrand::u64(..));
        let (runner, since) = (runner.to_owned(), clock.now());
        let holder = Holder { runner, token, since, expires: None, lasts: None };
        match place.as_folder() {
            Some(folder) => Self::lock(place, &folder.join(LOCAL), holder),
            None => {
                let lease = Self::remote(place, holder, clock, store_time, lease_secs).await?;
                Ok((lease, store_time))
            }
        }
    }

    fn lock(
        place: &Storage,
        path: &std::path::Path,
        holder: Holder,
    ) -> Result<(Self, Option<i64>), Error> {
        let io = |source| {
            Error::Store(storage::Error::Folder { name: path.display().to_string(), source })
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let locked = file.try_lock();
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(io)?;
        let before: Option<Holder> = serde_json::from_str(&text).ok();
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let unnamed = Holder { runner: "another flowq".to_owned(), ..holder };
                let holder = before.unwrap_or(unnamed);
                return Err(Error::Busy { place: place.to_string(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        write(&mut file, &serde_json::to_vec(&holder).unwrap_or_default()).map_err(io)?;
        let written = file.metadata().and_then(|meta| meta.modified()).ok();
        let written = written.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let written = written.and_then(|at| i64::try_from(at.as_secs()).ok());
        Ok((
            Self { holder, was_left: !text.is_empty(), lease_store: LeaseStore::Folder(file) },
            written,
        ))
    }

    async fn remote(
        place: &Storage,
        mut holder: Holder,
        clock: Clock,
        store_time: Option<i64>,
        lease_secs: i64,
    ) -> Result<Self, Error> {
        let now = clock.now();
        holder.expires = Some(now.saturating_add(lease_secs));
        holder.lasts = Some(lease_secs);
        let (before, written, mode) = match read(place).await? {
            None => (None, None, PutMode::Create),
            Some((before, written, version)) => (before, written, PutMode::Update(version)),
        };
        if let Some(other) = &before
            && !other.is_over(now, store_time.zip(written))
        {
            return Err(Error::Busy { place: place.to_string(), holder: other.clone() });
        }
        let Some(put) = put(place, Some(&holder), mode).await? else {
            // Another was quicker.
            let other = read(place).await?.and_then(|(other, ..)| other);
            let holder = other.unwrap_or(holder);
            return Err(Error::Busy { place: place.to_string(), holder });
        };
        let version = Arc::new(Mutex::new(UpdateVersion::from(put)));
        let lost = Arc::new(AtomicBool::new(false));
        let beat = Heartbeat { place: place.clone(), holder: holder.clone(), clock, lease_secs };
        let beat = beat.start(Arc::clone(&version), &lost);
        let remote = Remote { place: place.clone(), beat, version, lost };
        Ok(Self { holder, was_left: before.is_some(), lease_store: LeaseStore::Remote(remote) })
    }

    /// How the holder is named.
    pub fn runner(&self) -> &str {
        &self.holder.runner
    }

    /// Distinguishes this holder from all others.
    pub fn token(&self) -> &str {
        &self.holder.token
    }

    /// Whether the holder before did not release it: its unfinished work may remain.
    pub fn was_abandoned(&self) -> bool {
        self.was_left
    }

    /// Whether somebody else took it, because no sign of life came through.
    pub fn is_lost(&self) -> bool {
        match &self.lease_store {
            LeaseStore::Folder(_) => false,
            LeaseStore::Remote(remote) => remote.lost.load(Ordering::Relaxed),
        }
    }

    /// Gives it back.
    pub async fn give_back(self) -> Result<(), Error> {
        match self.lease_store {
            LeaseStore::Folder(mut file) => write(&mut file, b"").map_err(|source| {
                Error::Store(storage::Error::Folder { name: LOCAL.to_owned(), source })
            }),
            LeaseStore::Remote(remote) => {
                let version = remote.version.lock().await.clone();
                put(&remote.place, None, PutMode::Update(version)).await.map(drop)
            }
        }
    }
}

fn write(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(bytes)?;
    file.sync_data()
}

/// Who has a lease, when that was written by the store's clock, and the version.
type Found = (Option<Holder>, Option<i64>, UpdateVersion);

/// Reads who has a lease in S3; `None` inside when it was given back, and outside when there never was one.
async fn read(place: &Storage) -> Result<Option<Found>, Error> {
    let found = match place.objects().get(&Path::from(REMOTE)).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        found => found.map_err(|source| failed(place, REMOTE, source))?,
    };
    let version =
        UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
    let written = Some(found.meta.last_modified.timestamp()).filter(|written| *written > 0);
    let bytes = found.bytes().await.map_err(|source| failed(place, REMOTE, source))?;
    Ok(Some((serde_json::from_slice(&bytes).ok().flatten(), written, version)))
}

/// Writes who has a lease in S3; `None` when another was quicker.
async fn put(
    place: &Storage,
    holder: Option<&Holder>,
    mode: PutMode,
) -> Result<Option<PutResult>, Error> {
    let bytes = serde_json::to_vec(&holder).unwrap_or_default();
    let (path, payload) = (Path::from(REMOTE), PutPayload::from(bytes));
    let put = place.objects().put_opts(&path, payload, PutOptions::from(mode));
    match put.await {
        Ok(put) => Ok(Some(put)),
        Err(
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. },
        ) => Ok(None),
        Err(source) => Err(failed(place, REMOTE, source)),
    }
}

/// Gives signs of life until the lease is given back or lost.
struct Heartbeat {
    place: Storage,
    holder: Holder,
    clock: Clock,
    lease_secs: i64,
}

impl Heartbeat {
    fn start(self, version: Arc<Mutex<UpdateVersion>>, lost: &Arc<AtomicBool>) -> JoinHandle<()> {
        let lost = Arc::clone(lost);
        let every = u64::try_from(self.lease_secs).unwrap_or(0) * 1000 / HEARTBEATS;
        tokio::spawn(async move {
            let mut expires = self.clock.now().saturating_add(self.lease_secs);
            loop {
                tokio::time::sleep(Duration::from_millis(every.max(1))).await;
                match self.once(&version).await {
                    Some(next) => expires = next,
                    None if self.clock.now() < expires && !self.is_other().await => {}
                    None => return lost.store(true, Ordering::Relaxed),
                }
            }
        })
    }

    /// Writes a heartbeat; returns until when it is valid, `None` when it did not arrive.
    async fn once(&self, version: &Mutex<UpdateVersion>) -> Option<i64> {
        let mut version = version.lock().await;
        let next = self.clock.now().saturating_add(self.lease_secs);
        let holder = Holder { expires: Some(next), ..self.holder.clone() };
        let put = put(&self.place, Some(&holder), PutMode::Update(version.clone())).await;
        match put {
            Ok(Some(put)) => *version = UpdateVersion::from(put),
            Ok(None) => {
                // An earlier sign may have arrived without its response.
                let (found, _, current) = read(&self.place).await.ok()??;
                let found = found.filter(|found| found.token == self.holder.token)?;
                *version = current;
                return found.expires;
            }
            Err(_) => return None,
        }
        Some(next)
    }

    /// Whether somebody else has the lease.
    async fn is_other(&self) -> bool {
        match read(&self.place).await {
            Ok(Some((Some(found), ..))) => found.token != self.holder.token,
            Ok(_) => true,
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_over_by_the_clock_of_the_store() {
        let now = 1_773_144_000;
        let holder = |ahead: i64| Holder {
            runner: "a test".to_owned(),
            token: "0".to_owned(),
            since: now + ahead,
            expires: Some(now + ahead + 60),
            lasts: Some(60),
        };
        let years = 2 * 365 * 86_400;
        // Its holder's clock was ahead, and it died.
        assert!(holder(years).is_over(now, Some((now, now - 61))));
        // Our clock is ahead, and it lives.
        assert!(!holder(0).is_over(now + years, Some((now, now - 5))));
        // A store that reports no time.
        assert!(!holder(0).is_over(now, None) && holder(-61).is_over(now, None));
    }
}
