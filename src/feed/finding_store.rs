//! Stores the findings of a service between passes.

use std::collections::BTreeSet;

use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use serde::{Deserialize, Serialize};

use crate::detection::finding::sort;
use crate::detection::{DetectionRun, Finding};
use crate::feed::{Range, ReevaluationScope};
use crate::storage::Storage;

/// The name of the findings in the state.
const NAME: &str = "findings.json";

/// All findings, up to a pass.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// The last pass whose records they take account of.
    pub through: u64,
    /// Of what they were made beside the records: inventory, rules, detections. Another one means that all
    /// have to be made anew.
    pub fingerprint: String,
    /// Every column that any record had: detections that need one run as soon as it is there.
    pub columns: BTreeSet<String>,
    /// The findings, in their order, without the suppressed ones.
    pub findings: Vec<Finding>,
    /// Times for which some detection ended for want of memory: its findings there are those of before.
    #[serde(default)]
    pub unanswered: Vec<Range>,
}

impl Findings {
    /// Reads the findings of a state; none are there at first. They are derived: what is broken counts as none,
    /// and they are made again from the lake.
    pub async fn load(state: &Storage) -> Result<Self, object_store::Error> {
        let bytes = match state.objects().get(&Path::from(NAME)).await {
            Ok(found) => found.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// Writes the findings; what was there is replaced at once.
    pub async fn save(&self, state: &Storage) -> Result<(), object_store::Error> {
        let bytes = serde_json::to_vec(self).map_err(|source| object_store::Error::Generic {
            store: "findings",
            source: Box::new(source),
        })?;
        state.objects().put(&Path::from(NAME), PutPayload::from(bytes)).await.map(drop)
    }

    /// Puts what was found again in the place of what was found before, apart from detections that failed.
    pub(super) fn replace(&mut self, scope: &ReevaluationScope, found: DetectionRun) {
        let failed =
            |finding: &Finding| found.failed.iter().any(|(id, _)| *id == finding.detection);
        self.findings.retain(|finding| !scope.holds(finding) || failed(finding));
        self.findings.extend(found.findings.into_iter().filter(|finding| scope.holds(finding)));
        sort(&mut self.findings);
    }

    /// Lets go of findings that were last seen before a time, Unix seconds.
    pub fn forget(&mut self, before: i64) {
        self.findings.retain(|finding| finding.last_seen.is_none_or(|seen| seen >= before));
    }
}
