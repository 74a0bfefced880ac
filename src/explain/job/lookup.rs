//! Finds the job that a name, a glob or an ARN means.

use std::collections::BTreeSet;

use crate::diagnostics::nearest;
use crate::inventory::Inventory;
use crate::inventory::model::Job;

/// The most names in a message where several fit.
const NAMES_MAX: usize = 10;

/// Why it is not one job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Choice {
    /// No job is called so.
    #[error("no job is called {name}")]
    Unknown {
        /// The name or pattern of the command line.
        name: String,
        /// The known name that is most like it.
        nearest: Option<String>,
    },
    /// A pattern fits several names, or one name is of several jobs: then these are their ARNs.
    #[error("{name} fits {count} jobs: {}{}", .first.join(", "), if .count > &.first.len() { " …" } else { "" })]
    Several {
        /// The name or pattern of the command line.
        name: String,
        /// How many fit.
        count: usize,
        /// The first of them.
        first: Vec<String>,
    },
    /// It is neither a name nor a pattern.
    #[error("{name} is no pattern: {problem}")]
    Pattern {
        /// The name or pattern of the command line.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Returns the job that a name, an ARN or a pattern means. A job that only interfaces name has nothing but its
/// name.
pub fn choose(inventory: &Inventory, name: &str) -> Result<Job, Choice> {
    let known: BTreeSet<&str> = inventory.jobs.iter().map(|job| job.job_name.as_str()).collect();
    let of_enis = inventory.enis.iter();
    let of_enis = of_enis.flat_map(|eni| eni.job_name.iter().chain(&eni.job_candidates));
    let names: BTreeSet<&str> = known.iter().copied().chain(of_enis.map(String::as_str)).collect();
    let by_arn = inventory.jobs.iter().find(|job| job.job_arn.as_deref() == Some(name));
    if let Some(job) = by_arn {
        return Ok(job.clone());
    }
    let fitting: Vec<&str> = match names.get(name) {
        Some(exact) => vec![exact],
        None => {
            let problem = |error: glob::PatternError| Choice::Pattern {
                name: name.to_owned(),
                problem: error.msg.to_owned(),
            };
            let pattern = glob::Pattern::new(name).map_err(problem)?;
            names.iter().copied().filter(|known| pattern.matches(known)).collect()
        }
    };
    let several = |of: Vec<String>| Choice::Several {
        name: name.to_owned(),
        count: of.len(),
        first: of.into_iter().take(NAMES_MAX).collect(),
    };
    match fitting.as_slice() {
        [] => Err(Choice::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, names.iter().copied()).map(str::to_owned),
        }),
        [one] => {
            let jobs: Vec<&Job> =
                inventory.jobs.iter().filter(|job| job.job_name == *one).collect();
            match jobs.as_slice() {
                [] => Ok(Job { job_name: (*one).to_owned(), ..Job::default() }),
                [job] => Ok((*job).clone()),
                jobs => Err(several(jobs.iter().filter_map(|job| job.job_arn.clone()).collect())),
            }
        }
        names => Err(several(names.iter().map(|name| (*name).to_owned()).collect())),
    }
}
