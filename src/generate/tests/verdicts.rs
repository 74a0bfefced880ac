//! The stories judged in every format: the same findings, as sure as the format allows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::detection::runner::run;
use crate::detection::{Finding, built_in};
use crate::engine::{Engine, Resources, ScanOptions};
use crate::enrich::Enricher;
use crate::generate::tests::options;
use crate::generate::{Format, Options, write};
use crate::inventory::Inventory;
use crate::source::{SourceContext, open_sources};
use crate::time::Window;

/// Conversations whose opener the two views tell differently.
const DISAGREEING: &str = "
    WITH verdicts AS (
        SELECT interface_id, local_addr, local_port, remote_addr, remote_port, protocol,
            min(opened_by) AS least, max(opened_by) AS most
        FROM flows
        WHERE attribution IS NOT NULL
        GROUP BY ALL
    )
    SELECT c.interface_id
    FROM conversations AS c
    JOIN verdicts AS t
        ON t.interface_id = c.interface_id
        AND t.local_addr = c.local_addr AND t.local_port = c.local_port
        AND t.remote_addr = c.remote_addr AND t.remote_port = c.remote_port
        AND t.protocol = c.protocol
    WHERE (c.opened_by IS DISTINCT FROM t.least) OR (c.opened_by IS DISTINCT FROM t.most)";

/// Writes, reads and judges; returns the findings by id.
async fn judged(format: Format) -> BTreeMap<String, Finding> {
    let dir = tempfile::tempdir().unwrap();
    write(&Options { format, ..options(2_000) }, dir.path()).unwrap();
    let (inventory, warnings) = Inventory::read(&[dir.path().join("inventory")]).unwrap();
    assert_eq!(warnings.len(), 0);
    let context = Enricher::new(Arc::new(inventory), Vec::new(), 1_773_200_000);
    let source =
        open_sources(&[dir.path().join("logs").display().to_string()], &SourceContext::default())
            .unwrap();
    let options = ScanOptions::new(Window::default());
    let resources = Resources { threads: 2, memory_bytes: 256 << 20 };
    let mut engine = Engine::new(source, Arc::new(context), options, &resources).await.unwrap();
    engine.materialize_conversations().await.unwrap();
    let columns = engine.summary().columns;
    let query = async |sql: &str, params: &[_]| engine.rows(sql, params.to_vec()).await;
    let differing = query(DISAGREEING, &[]).await.unwrap();
    assert_eq!(differing.iter().map(|batch| batch.num_rows()).sum::<usize>(), 0, "{differing:?}");
    let detections = built_in().unwrap();
    let outcome = run(&detections, &columns, &[], 0, query).await.unwrap();
    // Without a baseline nothing is new.
    assert_eq!(outcome.ran.len(), detections.len() - 1);
    outcome.findings.into_iter().map(|finding| (finding.finding_id.clone(), finding)).collect()
}

/// What every format must tell alike.
fn verdict(finding: &Finding) -> impl PartialEq + std::fmt::Debug {
    (
        (finding.detection.clone(), finding.severity, finding.job_name.clone()),
        (finding.first_seen, finding.last_seen, finding.path.clone(), finding.cause.clone()),
        (finding.flows, finding.packets, finding.bytes_out, finding.bytes_in),
    )
}

#[tokio::test]
async fn every_format_gives_the_same_findings() {
    let full = judged(Format::V11).await;
    assert!(full.len() >= 14, "{}", full.len());
    for format in [Format::V2, Format::V5] {
        let mut other = judged(format).await;
        // Without TCP flags, late packets cannot be distinguished from refused connections: the finding says so.
        let extra: Vec<Finding> =
            other.extract_if(.., |id, _| !full.contains_key(id)).map(|(_, found)| found).collect();
        let extra: Vec<_> = extra
            .iter()
            .map(|f| (f.job_name.as_deref(), f.confidence.as_str(), f.severity.as_str()))
            .collect();
        match format {
            Format::V2 => assert_eq!(extra, [(Some("late-packets"), "weak", "low")]),
            _ => assert_eq!(extra, []),
        }
        assert!(other.keys().eq(full.keys()), "{format:?}");
        for (id, finding) in &other {
            assert_eq!(verdict(finding), verdict(&full[id]), "{format:?}");
            assert!(finding.confidence <= full[id].confidence, "{format:?} {finding:?}");
        }
    }
}
