//! The pages, one file each.

mod coverage;
mod explanation;
mod finding;
mod findings;
mod flows;
mod guide;
mod job;
mod job_charts;
mod jobs;
mod overview;
mod pipeline;
mod series;
pub(super) mod sql;

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::serve::{App, Error, PageContent, PageFilter, QueryArgs, Snapshot};

/// A page of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PageName {
    Overview,
    Findings,
    Finding(String),
    Jobs,
    Job(String),
    Flows,
    Guide,
    Coverage,
    Pipeline,
}

impl PageName {
    /// Reads a path.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let mut parts = path.trim_matches('/').split('/');
        let (first, second) = (parts.next()?, parts.next());
        if parts.next().is_some() {
            return None;
        }
        let name = |text: &str| {
            percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
        };
        match (first, second) {
            ("" | "overview", None) => Some(Self::Overview),
            ("findings", None) => Some(Self::Findings),
            ("findings", Some(id)) => name(id).map(Self::Finding),
            ("jobs", None) => Some(Self::Jobs),
            ("jobs", Some(job)) => name(job).map(Self::Job),
            ("flows", None) => Some(Self::Flows),
            ("guide", None) => Some(Self::Guide),
            ("coverage", None) => Some(Self::Coverage),
            ("pipeline", None) => Some(Self::Pipeline),
            _ => None,
        }
    }
}

/// Returns the content of a page.
pub(super) async fn content(
    app: &App,
    snapshot: &Arc<Snapshot>,
    name: &PageName,
    args: &QueryArgs,
) -> Result<PageContent, Error> {
    let filter = PageFilter::new(args, app.clock.now())?;
    match name {
        PageName::Overview => Ok(overview::content(app, snapshot, args, &filter)),
        PageName::Findings => findings::content(snapshot, args, &filter),
        PageName::Finding(id) => finding::content(app, snapshot, id, args).await,
        PageName::Jobs => Ok(jobs::content(snapshot, args, &filter)),
        PageName::Job(job) => job::content(app, snapshot, job, (args, &filter)).await,
        PageName::Flows => flows::content(snapshot, args, &filter),
        PageName::Guide => guide::content(snapshot, args, &filter),
        PageName::Coverage => coverage::content(snapshot, args, &filter),
        PageName::Pipeline => Ok(pipeline::content(app, snapshot)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_pages() {
        assert_eq!(PageName::parse("/"), Some(PageName::Overview));
        assert_eq!(PageName::parse("/jobs/a%2Fb"), Some(PageName::Job("a/b".to_owned())));
        assert_eq!(PageName::parse("/findings/e438"), Some(PageName::Finding("e438".to_owned())));
        for path in ["/nothing", "/jobs/a/b", "/jobs/%ff"] {
            assert_eq!(PageName::parse(path), None, "{path}");
        }
    }
}
