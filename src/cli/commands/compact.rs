//! `flowq compact`: merges a lake's small files, and deletes expired partitions.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use crate::aws::Account;
use crate::cli::args::Compact;
use crate::cli::commands::ingest;
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::{Messages, number};
use crate::flow::field::Layout;
use crate::lake;
use crate::lake::{CompactOptions, Compacted, LakeTable};
use crate::storage::Storage;
use crate::time::{Clock, parse_time};

/// Runs the command.
pub(crate) async fn run(args: Compact, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.quiet);
    let defaults = CompactOptions::default();
    let options = CompactOptions {
        keep_secs: args.keep.as_deref().map(|text| seconds("--keep", text)).transpose()?,
        grace_secs: seconds("--grace", &args.grace)?,
        ..defaults
    };
    let account = Arc::new(Account::new(args.aws.writing(args.single_runner)));
    let place = Storage::open(&args.lake, &account).or_exit(Exit::Input)?;
    let mut tables = 0;
    for layout in [Layout::Vpc, Layout::TransitGateway] {
        tables +=
            usize::from(LakeTable::open(&place, layout).await.or_exit(Exit::Input)?.is_some());
    }
    if tables == 0 {
        let error = Failure::new(Exit::Input, anyhow!("{} is not a lake", args.lake));
        return Err(error.with_hint("name the folder or prefix that has flow_logs/_delta_log/"));
    }
    // A pass that is published may still have to be applied to the files as they were: no other process may write.
    let clock = Clock::new(started.now);
    let state = ingest::state(&place, args.state.as_deref(), &account, clock).await?;
    if let Some(warning) = state.warning() {
        say.warn(warning);
    }
    // What is too old for a clock that is ahead may be new.
    let now = state.clock().now();
    let done = lake::compact(&place, &options, now).await;
    let done = done.with_context(|| format!("compacting {}", args.lake)).or_exit(Exit::Output);
    let forgotten = match (&done, options.keep_secs) {
        (Ok(_), Some(keep)) => state.forget(now.saturating_sub(keep)).await.map(drop),
        _ => Ok(()),
    };
    state.close().await.and(forgotten).map_err(|error| ingest::failure(error.into()))?;
    say.note(&summary(&done?));
    Ok(Exit::Fine)
}

fn summary(done: &Compacted) -> String {
    let mut parts = vec![format!("{} files became {}", number(done.merged), number(done.made))];
    if done.expired > 0 {
        parts.push(format!(
            "{} files with {} rows were too old",
            number(done.expired),
            number(done.expired_rows)
        ));
    }
    if done.left > 0 {
        parts.push(format!(
            "{} files skipped, because another writer changed them",
            number(done.left)
        ));
    }
    parts.push(format!("{} replaced files deleted", number(done.deleted)));
    parts.join(", ")
}

/// A span of time, as `90d` or `1h`, in seconds.
fn seconds(option: &str, text: &str) -> Result<i64, Failure> {
    // So long before 1970.
    let ago = parse_time(text, 0).ok().filter(|time| *time <= 0).map(|time| -time);
    ago.ok_or_else(|| {
        let error = anyhow!("{option}: {text:?} is not a span of time");
        Failure::new(Exit::Usage, error).with_hint("write 90d, 12h or 30m")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        for (text, want) in [("90d", 90 * 86_400), ("1h 30m", 5400), ("0s", 0)] {
            assert_eq!(seconds("--keep", text).ok(), Some(want), "{text}");
        }
        for text in ["", "90", "2026-03-10", "-1h", "soon"] {
            assert!(seconds("--keep", text).is_err(), "{text}");
        }
    }
}
