//! Storage of the outbox: objects in a folder or in S3.
//!
//! `sent/SINK.json` has the findings that a sink got, `waiting/SINK/N.json` are alerts on their way to it in the order
//! of the numbers, `refused/SINK/ALERT.json` are those that it will never take.

use std::collections::BTreeSet;

use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutMode, PutPayload};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::alert::sent_memory::SentMemory;
use crate::alert::{Alert, Error};
use crate::storage::Storage;

/// The storage of an outbox.
#[derive(Debug, Clone)]
pub(super) struct Spool {
    place: Storage,
}

/// An alert that a sink never takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refused {
    /// The response of the sink.
    pub(super) reason: String,
    pub(super) alert: Alert,
}

type Source = Box<dyn std::error::Error + Send + Sync>;

impl Spool {
    pub(super) fn new(place: Storage) -> Self {
        Self { place }
    }

    /// Returns the findings that a sink got; none if it never got any. A broken object is replaced by an empty one:
    /// the sink gets the findings again with the same alert ids, by which it can drop duplicates.
    pub(super) async fn sent(
        &self,
        sink: &str,
        notes: &mut Vec<String>,
    ) -> Result<SentMemory, Error> {
        let sent = self.read_or_aside(&format!("sent/{sink}.json"), notes).await?;
        Ok(sent.unwrap_or_default())
    }

    /// As [`Spool::alerts`]; what is broken is set aside. Such a file is from a loss of power while it was
    /// written: its alerts do not count as sent, and are added again.
    pub(super) async fn alerts_or_aside(
        &self,
        sink: &str,
        number: u64,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Alert>, Error> {
        Ok(self.read_or_aside(&waiting(sink, number), notes).await?.unwrap_or_default())
    }

    /// Reads an object; one whose content is broken is moved to a name of its own, and noted.
    async fn read_or_aside<T: DeserializeOwned>(
        &self,
        name: &str,
        notes: &mut Vec<String>,
    ) -> Result<Option<T>, Error> {
        match self.read(name).await {
            Err(Error::Content { name: full, source }) => {
                let (from, to) = (Path::from(name), Path::from(format!("{name}.broken")));
                let moved = self.place.objects().rename(&from, &to).await;
                moved.map_err(|err| self.failed("write", name, err.into()))?;
                notes.push(format!(
                    "{full} was broken ({source}): it was renamed to .broken, and its content is built again"
                ));
                Ok(None)
            }
            read => read,
        }
    }

    /// Writes the findings that a sink got, durably.
    pub(super) async fn write_sent(&self, sink: &str, sent: &SentMemory) -> Result<(), Error> {
        self.write(&format!("sent/{sink}.json"), sent, PutMode::Overwrite).await.map(drop)
    }

    /// Returns the numbers of what waits for a sink, in order.
    pub(super) async fn waiting(&self, sink: &str) -> Result<Vec<u64>, Error> {
        let folder = format!("waiting/{sink}");
        let prefix = Path::from(folder.as_str());
        let objects = self.place.objects().list(Some(&prefix)).try_collect::<Vec<_>>().await;
        let objects = objects.map_err(|err| self.failed("read", &folder, err.into()))?;
        let number = |path: &Path| path.filename()?.strip_suffix(".json")?.parse().ok();
        let mut numbers: Vec<u64> =
            objects.iter().filter_map(|object| number(&object.location)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Returns the alerts under a number; none when there is no such object.
    pub(super) async fn alerts(&self, sink: &str, number: u64) -> Result<Vec<Alert>, Error> {
        Ok(self.read(&waiting(sink, number)).await?.unwrap_or_default())
    }

    /// Puts alerts under a number, durably. Returns `false` when it is taken.
    pub(super) async fn put(
        &self,
        sink: &str,
        number: u64,
        alerts: &[Alert],
    ) -> Result<bool, Error> {
        self.write(&waiting(sink, number), &alerts, PutMode::Create).await
    }

    /// Puts those alerts under a number that still wait; without any, it is free.
    pub(super) async fn keep(
        &self,
        sink: &str,
        number: u64,
        alerts: &[&Alert],
    ) -> Result<(), Error> {
        let name = waiting(sink, number);
        if !alerts.is_empty() {
            return self.write(&name, &alerts, PutMode::Overwrite).await.map(drop);
        }
        match self.place.objects().delete(&Path::from(name.as_str())).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("write", &name, error.into())),
        }
    }

    /// Keeps an alert that its sink refuses, with the reason, durably.
    pub(super) async fn refuse(
        &self,
        sink: &str,
        alert: &Alert,
        reason: &str,
    ) -> Result<(), Error> {
        let name = format!("refused/{sink}/{}.json", alert.alert_id);
        let refused = Refused { reason: reason.to_owned(), alert: alert.clone() };
        self.write(&name, &refused, PutMode::Overwrite).await.map(drop)
    }

    async fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let bytes = match self.place.objects().get(&Path::from(name)).await {
            Ok(found) => found.bytes().await,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => Err(error),
        };
        let bytes = bytes.map_err(|err| self.failed("read", name, err.into()))?;
        let read = serde_json::from_slice(&bytes);
        let full = format!("{}/{name}", self.place);
        read.map(Some).map_err(|source| Error::Content { name: full, source })
    }

    /// Returns the names of the sinks that something waits for, or that refused something.
    pub(super) async fn sinks(&self) -> Result<BTreeSet<String>, Error> {
        let mut sinks = BTreeSet::new();
        for folder in ["waiting", "refused"] {
            let found = self.place.objects().list(Some(&Path::from(folder)));
            let found = found.try_collect::<Vec<_>>().await;
            let found = found.map_err(|err| self.failed("read", folder, err.into()))?;
            let sink = |path: &Path| Some(path.parts().nth(1)?.as_ref().to_owned());
            sinks.extend(found.iter().filter_map(|object| sink(&object.location)));
        }
        Ok(sinks)
    }

    /// Returns the alerts that a sink refused, in the order in which they were made.
    pub(super) async fn refused(&self, sink: &str) -> Result<Vec<Refused>, Error> {
        let folder = format!("refused/{sink}");
        let found = self.place.objects().list(Some(&Path::from(folder.as_str())));
        let found = found.try_collect::<Vec<_>>().await;
        let found = found.map_err(|err| self.failed("read", &folder, err.into()))?;
        let mut all: Vec<Refused> = Vec::new();
        for object in found.iter().filter(|object| object.location.as_ref().ends_with(".json")) {
            all.extend(self.read(object.location.as_ref()).await?);
        }
        all.sort_by(|a, b| {
            let order = |one: &Refused| (one.alert.posted_at, one.alert.alert_id.clone());
            order(a).cmp(&order(b))
        });
        Ok(all)
    }

    /// Takes an alert out of those that a sink refused.
    pub(super) async fn unrefuse(&self, sink: &str, alert: &Alert) -> Result<(), Error> {
        let name = format!("refused/{sink}/{}.json", alert.alert_id);
        match self.place.objects().delete(&Path::from(name.as_str())).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("write", &name, error.into())),
        }
    }

    async fn write<T: Serialize>(
        &self,
        name: &str,
        what: &T,
        mode: PutMode,
    ) -> Result<bool, Error> {
        let bytes =
            serde_json::to_vec(what).map_err(|err| self.failed("write", name, err.into()))?;
        let path = Path::from(name);
        let put = self.place.objects().put_opts(&path, PutPayload::from(bytes), mode.into());
        match put.await {
            Ok(_) => {}
            Err(object_store::Error::AlreadyExists { .. }) => return Ok(false),
            Err(error) => return Err(self.failed("write", name, error.into())),
        }
        self.place.sync([name]).map_err(|err| self.failed("write", name, err.into()))?;
        Ok(true)
    }

    fn failed(&self, what: &'static str, name: &str, source: Source) -> Error {
        Error::Place { what, name: format!("{}/{name}", self.place), source }
    }
}

/// The zeros keep the order of the numbers where somebody lists the names.
fn waiting(sink: &str, number: u64) -> String {
    format!("waiting/{sink}/{number:012}.json")
}
