//! `flowq baseline diff`: destinations that are new, gone, or have another volume.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::anyhow;

use crate::baseline::{
    ChangeKind, DestinationChange, ObservedDestination, against, between, to_batch,
};
use crate::cli::args::Diff;
use crate::cli::commands::baseline::destinations::{family, no_job_matches, seen, sources_named};
use crate::cli::commands::sql::{MEMORY, incomplete};
use crate::cli::failure::{Exit, Failure, OrExit as _};
use crate::cli::invocation::Invocation;
use crate::cli::messages::{Messages, number};
use crate::cli::output::destination;
use crate::cli::progress::ProgressLine;
use crate::cli::session::{Session, baseline, config_alone, open, times};

/// Times, Unix seconds: from, and until, exclusive.
type Range = (Option<i64>, Option<i64>);

/// Runs the command.
pub(crate) async fn run(mut args: Diff, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.read.quiet);
    let mut config = config_alone(args.read.config.as_deref())?;
    config.complete(&mut args.read.sources, &mut args.read.inventory);
    sources_named(&args.read, "diff", say)?;
    let ranges = ranges(&mut args, started.now)?;
    check(&args)?;
    if let Some(path) = &args.baseline {
        config.learned = baseline(path)?;
        if config.learned.is_empty() {
            let error = anyhow!("baseline {} has no rule", path.display());
            return Err(Failure::new(Exit::Config, error));
        }
    }
    let mut session = open(&args.read, &config, started.now, MEMORY, &say).await?;
    let line = ProgressLine::start(Arc::clone(&session.progress), say.quiet);
    session.engine.materialize_conversations().await?;
    let all = Sides { args: &args, say, session: &session };
    let changes = match (ranges, &args.baseline) {
        (Some((before, after)), _) => all.of_times(before, after).await?,
        (None, Some(_)) => all.of_baseline(config.allow.len()).await?,
        (None, None) => all.of_runs().await?,
    };
    drop(line);
    let summary = session.engine.summary();
    let read = session.exit(incomplete(&summary)?);
    destination::batch(&to_batch(&changes).or_exit(Exit::Output)?, &args.write)?;
    let count = |kind| changes.iter().filter(|one| one.changed == kind).count() as u64;
    let (added, grown) = (count(ChangeKind::Added), count(ChangeKind::Grown));
    say.note(&format!(
        "{} added, {} grown, {} shrunk, {} gone",
        number(added),
        number(grown),
        number(count(ChangeKind::Shrunk)),
        number(count(ChangeKind::Gone))
    ));
    say.summary(&summary, started.at.elapsed());
    say.problems(&summary);
    session.close(say).await?;
    let is_new = added > 0 || (args.baseline.is_some() && grown > 0);
    Ok(if args.fail_on_new && is_new { Exit::Findings } else { read })
}

fn check(args: &Diff) -> Result<(), Failure> {
    let usage =
        |text: String, hint: &str| Err(Failure::new(Exit::Usage, anyhow!(text)).with_hint(hint));
    if !(args.factor.is_finite() && args.factor > 1.0) {
        let text = format!("--factor {} is not above 1", args.factor);
        return usage(text, "write --factor 2");
    }
    if args.run.len() > 2 {
        let hint = "one is compared with all before it, of two the first with the second";
        return usage(format!("--run is given {} times", args.run.len()), hint);
    }
    let is_open = args.before.is_none() && args.baseline.is_none() && args.run.len() < 2;
    if is_open && args.job.is_none() {
        let hint = "name a family with --job 'churn-*', two runs, two times, or a --baseline FILE";
        return usage("what is to be compared?".to_owned(), hint);
    }
    Ok(())
}

/// Reads `--before` and `--after`, and makes what is read span both.
fn ranges(args: &mut Diff, now: i64) -> Result<Option<(Range, Range)>, Failure> {
    let (Some(before), Some(after)) = (&args.before, &args.after) else { return Ok(None) };
    let range = |option: &str, text: &str| {
        let Some((from, to)) = text.split_once("..") else {
            let error = anyhow!("{option} {text:?} is no time from..to");
            let hint = "write 2026-03-01..2026-03-08; either side may be left empty";
            return Err(Failure::new(Exit::Usage, error).with_hint(hint));
        };
        let given = |text: &'_ str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        times(given(from).as_deref(), given(to).as_deref(), now)
    };
    let (before, after) = (range("--before", before)?, range("--after", after)?);
    let first = before.0.zip(after.0).map(|(a, b)| a.min(b));
    let last = before.1.zip(after.1).map(|(a, b)| a.max(b));
    args.read.since = first.map(|at| at.to_string());
    args.read.until = last.map(|at| at.to_string());
    Ok(Some((before, after)))
}

/// What is compared.
struct Sides<'a> {
    args: &'a Diff,
    say: Messages<'a>,
    session: &'a Session,
}

impl Sides<'_> {
    async fn of_times(
        &self,
        before: Range,
        after: Range,
    ) -> Result<Vec<DestinationChange>, Failure> {
        let (before, after) = (self.rows(before).await?, self.rows(after).await?);
        for (option, rows) in [("--before", &before), ("--after", &after)] {
            if rows.is_empty() {
                self.say.warn(&format!("no job opened anything in the time of {option}"));
            }
        }
        Ok(between(&before, &after, self.args.factor))
    }

    /// `own`: how many rules the config has itself, which come before those of the baseline.
    async fn of_baseline(&self, own: usize) -> Result<Vec<DestinationChange>, Failure> {
        let rows = self.rows((None, None)).await?;
        let mut rules = self.session.context.allow().known();
        rules.retain(|rule| usize::try_from(rule.number).is_ok_and(|number| number > own));
        let job =
            |row: &&ObservedDestination| row.job_name.clone().or_else(|| row.candidates.clone());
        let without: BTreeSet<String> =
            rows.iter().filter(|row| row.rule.is_none()).filter_map(|row| job(&row)).collect();
        if rows.iter().all(|row| row.rule.is_none()) {
            let globs: BTreeSet<&str> =
                rules.iter().map(|rule| rule.job.as_deref().unwrap_or("*")).collect();
            return Err(no_job_matches(&globs.into_iter().collect::<Vec<_>>().join(" or "), &rows));
        }
        if !without.is_empty() {
            let names: Vec<&str> = without.iter().map(String::as_str).collect();
            let (count, names) = (names.len(), names.join("; "));
            self.say
                .note(&format!("{count} jobs have no rule there and are not compared: {names}"));
        }
        Ok(against(&rows, &rules))
    }

    async fn of_runs(&self) -> Result<Vec<DestinationChange>, Failure> {
        let all = seen(self.session, None, None).await?;
        let mut rows = self.of_family(all.clone())?;
        if let [first, second] = self.args.run.as_slice() {
            let (before, after) = (of_run(&rows, first), of_run(&rows, second));
            for (run, rows) in [(first, &before), (second, &after)] {
                if rows.is_empty() {
                    return Err(no_job_matches(run, &all));
                }
            }
            self.say.note(&format!("{second} against {first}"));
            return Ok(between(&before, &after, self.args.factor));
        }
        let began = self.began(&rows);
        let last = match self.args.run.first() {
            Some(run) => began.iter().find(|(name, _)| name == run),
            None => began.last(),
        };
        let Some((run, at)) = last else {
            let requested = self.args.run.first().or(self.args.job.as_ref());
            return Err(no_job_matches(requested.map_or("*", String::as_str), &all));
        };
        let after = of_run(&rows, run);
        let earlier: Vec<&str> = began
            .iter()
            .filter(|(name, began)| began < at && name != run)
            .map(|(name, _)| name.as_str())
            .collect();
        if earlier.is_empty() {
            let error = anyhow!("there is no run before {run} to compare it with");
            let hint = "read more: earlier --since, more sources; or compare with --baseline FILE";
            return Err(Failure::new(Exit::Input, error).with_hint(hint));
        }
        self.say.note(&format!(
            "{run} against {} before it: {}",
            earlier.len(),
            earlier.join(", ")
        ));
        rows.retain(|row| row.job_name.as_deref().is_some_and(|name| earlier.contains(&name)));
        Ok(between(&rows, &after, self.args.factor))
    }

    async fn rows(&self, (since, until): Range) -> Result<Vec<ObservedDestination>, Failure> {
        self.of_family(seen(self.session, since, until).await?)
    }

    fn of_family(
        &self,
        mut rows: Vec<ObservedDestination>,
    ) -> Result<Vec<ObservedDestination>, Failure> {
        if let Some(job) = self.args.job.as_deref() {
            let job = family(job)?;
            rows.retain(|row| row.is_of(&job));
        }
        Ok(rows)
    }

    /// Returns the runs in the order in which they began: when the job was made, else its first connection.
    fn began(&self, rows: &[ObservedDestination]) -> Vec<(String, Option<i64>)> {
        let mut runs: BTreeMap<String, Option<i64>> = BTreeMap::new();
        for row in rows {
            let Some(name) = &row.job_name else { continue };
            let first = runs.entry(name.clone()).or_default();
            *first = first.iter().copied().chain(row.first_seen).min();
        }
        for job in &self.session.context.inventory().jobs {
            if let Some(began) = runs.get_mut(&job.job_name) {
                *began = job.created_at.or(*began);
            }
        }
        let mut runs: Vec<_> = runs.into_iter().collect();
        runs.sort_by(|(a, began_a), (b, began_b)| (began_a, a).cmp(&(began_b, b)));
        runs
    }
}

fn of_run(rows: &[ObservedDestination], run: &str) -> Vec<ObservedDestination> {
    rows.iter().filter(|row| row.job_name.as_deref() == Some(run)).cloned().collect()
}
