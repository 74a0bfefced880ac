//! One runner at a time: who it is, and what becomes of its lease when it dies.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use object_store::path::Path;
use object_store::{
    ObjectStoreExt as _, PutMode, PutOptions, PutPayload, PutResult, UpdateVersion,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::{Clock, Error, failed};
use crate::store;
use crate::store::Place;

/// How long a lease in S3 lasts without a sign of life, in seconds.
pub const LEASE_SECS: i64 = 60;

/// How many signs of life a runner gives in that time.
const BEATS: u64 = 4;

/// Name of the lease in S3; the file that is locked in a folder.
const REMOTE: &str = "lease.json";
const LOCAL: &str = "lease";

/// Who has the lease. All times are in Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// As it names itself.
    pub runner: String,
    /// Tells two of one name apart.
    token: String,
    /// Since when.
    pub since: i64,
    /// Until when without another sign of life. NULL: the operating system knows.
    pub expires: Option<i64>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |secs: i64| {
            let time = DateTime::from_timestamp(secs, 0).unwrap_or_default();
            time.to_rfc3339_opts(SecondsFormat::Secs, true)
        };
        write!(f, "{} since {}", self.runner, time(self.since))?;
        match self.expires {
            Some(expires) => {
                write!(f, "; its lease ends at {} if it is dead", time(expires))
            }
            None => Ok(()),
        }
    }
}

/// The right to change a state. A runner that dies leaves it: in a folder at once, in S3 when it expires.
#[derive(Debug)]
pub struct Lease {
    holder: Holder,
    was_left: bool,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Folder(File),
    Remote(Remote),
}

#[derive(Debug)]
struct Remote {
    place: Place,
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
    /// Takes the lease of a state.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when somebody has it.
    pub async fn take(
        place: &Place,
        runner: &str,
        clock: Clock,
        lease_secs: i64,
    ) -> Result<Self, Error> {
        let token = format!("{:016x}", fastrand::u64(..));
        let holder = Holder { runner: runner.to_owned(), token, since: clock.now(), expires: None };
        match place.as_folder() {
            Some(folder) => Self::lock(place, &folder.join(LOCAL), holder),
            None => Self::remote(place, holder, clock, lease_secs).await,
        }
    }

    fn lock(place: &Place, path: &std::path::Path, holder: Holder) -> Result<Self, Error> {
        let io = |source| {
            Error::Store(store::Error::Folder { name: path.display().to_string(), source })
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
        Ok(Self { holder, was_left: !text.is_empty(), held: Held::Folder(file) })
    }

    async fn remote(
        place: &Place,
        mut holder: Holder,
        clock: Clock,
        lease_secs: i64,
    ) -> Result<Self, Error> {
        let now = clock.now();
        holder.expires = Some(now.saturating_add(lease_secs));
        let (before, mode) = match read(place).await? {
            None => (None, PutMode::Create),
            Some((before, version)) => (before, PutMode::Update(version)),
        };
        if let Some(other) = &before
            && other.expires.is_some_and(|expires| expires > now)
        {
            return Err(Error::Busy { place: place.to_string(), holder: other.clone() });
        }
        let Some(put) = put(place, Some(&holder), mode).await? else {
            // Another was quicker.
            let other = read(place).await?.and_then(|(other, _)| other);
            let holder = other.unwrap_or(holder);
            return Err(Error::Busy { place: place.to_string(), holder });
        };
        let version = Arc::new(Mutex::new(UpdateVersion::from(put)));
        let lost = Arc::new(AtomicBool::new(false));
        let beat = Beat { place: place.clone(), holder: holder.clone(), clock, lease_secs };
        let beat = beat.start(Arc::clone(&version), &lost);
        let remote = Remote { place: place.clone(), beat, version, lost };
        Ok(Self { holder, was_left: before.is_some(), held: Held::Remote(remote) })
    }

    /// How the holder is named.
    pub fn runner(&self) -> &str {
        &self.holder.runner
    }

    /// What tells this holder from all others.
    pub fn token(&self) -> &str {
        &self.holder.token
    }

    /// Whether the holder before did not give it back: what it was at may lie about.
    pub fn was_left(&self) -> bool {
        self.was_left
    }

    /// Whether somebody else took it, because no sign of life came through.
    pub fn is_lost(&self) -> bool {
        match &self.held {
            Held::Folder(_) => false,
            Held::Remote(remote) => remote.lost.load(Ordering::Relaxed),
        }
    }

    /// Gives it back.
    ///
    /// # Errors
    ///
    /// When that cannot be written.
    pub async fn give_back(self) -> Result<(), Error> {
        match self.held {
            Held::Folder(mut file) => write(&mut file, b"").map_err(|source| {
                Error::Store(store::Error::Folder { name: LOCAL.to_owned(), source })
            }),
            Held::Remote(remote) => {
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

/// Reads who has a lease in S3; NULL inside when it was given back, and outside when there never was one.
async fn read(place: &Place) -> Result<Option<(Option<Holder>, UpdateVersion)>, Error> {
    let found = match place.objects().get(&Path::from(REMOTE)).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        found => found.map_err(|source| failed(place, REMOTE, source))?,
    };
    let version =
        UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
    let bytes = found.bytes().await.map_err(|source| failed(place, REMOTE, source))?;
    Ok(Some((serde_json::from_slice(&bytes).ok().flatten(), version)))
}

/// Writes who has a lease in S3; NULL when another was quicker.
async fn put(
    place: &Place,
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
struct Beat {
    place: Place,
    holder: Holder,
    clock: Clock,
    lease_secs: i64,
}

impl Beat {
    fn start(self, version: Arc<Mutex<UpdateVersion>>, lost: &Arc<AtomicBool>) -> JoinHandle<()> {
        let lost = Arc::clone(lost);
        let every = u64::try_from(self.lease_secs).unwrap_or(0) * 1000 / BEATS;
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

    /// Gives a sign of life; returns until when it is good, NULL when it did not arrive.
    async fn once(&self, version: &Mutex<UpdateVersion>) -> Option<i64> {
        let mut version = version.lock().await;
        let next = self.clock.now().saturating_add(self.lease_secs);
        let holder = Holder { expires: Some(next), ..self.holder.clone() };
        let put = put(&self.place, Some(&holder), PutMode::Update(version.clone())).await;
        match put {
            Ok(Some(put)) => *version = UpdateVersion::from(put),
            Ok(None) => {
                // An earlier sign may have arrived without its answer.
                let (found, current) = read(&self.place).await.ok()??;
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
            Ok(Some((Some(found), _))) => found.token != self.holder.token,
            Ok(_) => true,
            Err(_) => false,
        }
    }
}
