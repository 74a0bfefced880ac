//! Alerts that their sinks do not have: waiting and refused ones.

use crate::alert::spool::Spool;
use crate::alert::{Alert, Error};
use crate::storage::Storage;

/// The most alerts that are put back as one object.
const OBJECT_ALERTS_MAX: usize = 50;

/// An alert that its sink does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The sink's name.
    pub sink: String,
    /// Why the sink refused it. `None`: it waits.
    pub refused: Option<String>,
    /// The alert.
    pub alert: Alert,
}

/// Lists the alerts of an outbox that its sinks do not have, by sink, in the order in which they are sent; those
/// that were refused come last. `sinks`: only these; empty for all.
pub async fn pending(place: &Storage, sinks: &[String]) -> Result<Vec<Pending>, Error> {
    let spool = Spool::new(place.clone());
    let mut all = Vec::new();
    for sink in chosen(&spool, sinks).await? {
        for number in spool.waiting(&sink).await? {
            let alerts = spool.alerts(&sink, number).await?.into_iter();
            all.extend(alerts.map(|alert| Pending { sink: sink.clone(), refused: None, alert }));
        }
        let refused = spool.refused(&sink).await?.into_iter();
        all.extend(refused.map(|one| Pending {
            sink: sink.clone(),
            refused: Some(one.reason),
            alert: one.alert,
        }));
    }
    Ok(all)
}

/// Puts the alerts that sinks refused back among those that wait, behind them. Returns how many, by sink.
/// Whoever calls this must be the only one that uses the outbox.
pub async fn requeue(place: &Storage, sinks: &[String]) -> Result<Vec<(String, u64)>, Error> {
    let spool = Spool::new(place.clone());
    let mut counts = Vec::new();
    for sink in chosen(&spool, sinks).await? {
        let refused = spool.refused(&sink).await?;
        let alerts: Vec<Alert> = refused.into_iter().map(|one| one.alert).collect();
        let mut number = spool.waiting(&sink).await?.last().map_or(1, |last| last + 1);
        for part in alerts.chunks(OBJECT_ALERTS_MAX) {
            while !spool.put(&sink, number, part).await? {
                number += 1;
            }
            for alert in part {
                spool.unrefuse(&sink, alert).await?;
            }
        }
        if !alerts.is_empty() {
            counts.push((sink, alerts.len() as u64));
        }
    }
    Ok(counts)
}

/// The sinks of an outbox, or those of them that `sinks` names.
async fn chosen(spool: &Spool, sinks: &[String]) -> Result<Vec<String>, Error> {
    let all = spool.sinks().await?.into_iter();
    Ok(all.filter(|sink| sinks.is_empty() || sinks.contains(sink)).collect())
}
