//! `flowq explain flow`: explains the flow that the command line describes.

use std::sync::Arc;

use crate::cli::args::ExplainFlow;
use crate::cli::commands::explain::logs::{
    failure, logged, needs_inventory, needs_sources, simulate_fixes,
};
use crate::cli::commands::explain::text::ExplainOutput;
use crate::cli::commands::sql::{MEMORY, finish};
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::messages::Messages;
use crate::cli::progress::ProgressLine;
use crate::cli::session::{OpenOptions, configure, open_with, times};
use crate::explain;
use crate::explain::FlowQuery;
use crate::reachability::{Analyzer, Verdict};

/// Runs the command.
pub(crate) async fn run(mut args: ExplainFlow, started: Invocation) -> Result<Exit, Failure> {
    let say = Messages::new(args.read.quiet);
    let config = configure(&mut args.read)?;
    needs_inventory(&args.read.inventory)?;
    needs_sources(&args.explaining.apply, &args.read.sources)?;
    let (at, _) = times(args.at.as_deref(), None, started.now)?;
    let at = at.unwrap_or(started.now);
    let opening = OpenOptions { as_of: Some(at), ..OpenOptions::default() };
    let session = open_with(&args.read, &config, started.now, MEMORY, opening, &say).await?;
    let line = ProgressLine::start(Arc::clone(&session.progress), say.quiet);
    let reach = Analyzer::new(Arc::clone(session.context.inventory()));
    let query = FlowQuery {
        from: &args.from,
        to: &args.to,
        port: Some(args.port.as_str()).filter(|port| !matches!(*port, "-" | "any")),
        protocol: &args.protocol,
        from_port: args.from_port,
        vpc: args.vpc.as_deref(),
        at: Some(at),
    };
    let (tuple, ..) = query.ends(&reach).map_err(failure)?;
    let logged = match args.read.sources.as_slice() {
        [] => Vec::new(),
        _ => logged(&session.engine, &tuple, (at, at)).await?,
    };
    let explained = explain::explain(&reach, &query, logged).map_err(failure)?;
    let named = (args.explaining.apply.as_slice(), say);
    let replay =
        simulate_fixes(&session.engine, &reach, &explained, (&tuple, Some(at)), named).await?;
    drop(line);
    if args.at.is_none() && explained.verdict == Verdict::NotKnown {
        say.note("note: evaluated for the current time; --at TIME selects another one");
    }
    let output = ExplainOutput { finding: None, explanation: Some(explained), replay };
    output.print(&args.explaining)?;
    finish(session, say, started).await
}
