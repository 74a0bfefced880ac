//! flowq ties VPC flow logs to SageMaker Processing jobs and says what the jobs did on the network.
//!
//! # Life of a record
//!
//! 1. [`source`] lists what is asked for (files, objects of S3 or those that a queue tells of, time ranges of
//!    a log group), leaves out by their names those that lie outside the time, and streams the bytes of
//!    each; `source::decompress` undoes gzip, told by content.
//! 2. [`flow`] turns the bytes into Arrow batches: it finds the layout in the header (or in what the user
//!    stated), takes the records out of their envelopes, decodes the columns asked for, and sets aside
//!    every line that does not fit.
//! 3. [`inventory`], read once at the start from files or collected from the account, knows every interface
//!    and every job with their times.
//!    [`vpc`] indexes the configuration: one route lookup and one matcher of rules for everything that follows.
//! 4. [`context`] adds to each record what it means: which job, which side, who the remote is, which way
//!    the traffic took to S3.
//! 5. [`engine`] runs SQL over all of it. The view `conversations` sums the records of each job's
//!    interface up by 5-tuple; it is made once for all detections.
//! 6. [`detection`] runs the SQL files of `queries/detections` over the conversations and turns their
//!    rows into findings; [`cli`] prints them, with what was read and what could not be.
//!    What refused a packet, [`reach`] says: it replays it through the configuration of the inventory.
//!    [`explain`] does so for whoever asks about one flow or finding, and tries fixes out.
//! 7. [`audit`] holds the configuration of the VPC against what AWS recommends for it; [`baseline`] turns what the
//!    jobs of a family opened into allow rules, and what these do not hold is new.
//! 8. [`alert`] tells sinks of findings: each once, and again only when it grew past what was told.
//!
//! # Life of a pass
//!
//! 1. [`pass`] asks a source what there is, drops what the checkpoint of the [`state`] knows, and reads a part.
//! 2. Rows go to files of the [`lake`], which count for nobody yet.
//! 3. One write publishes the pass: its record in the state, which is the ledger too. Whatever comes after it can
//!    be done again by the next runner: the commit of the lake's tables, the checkpoint, a queue's messages.
//! 4. [`feed`] makes the findings again that the new records may have changed, from the lake.
//! 5. [`alert`] writes down what each sink has to be told and then tells it; [`metrics`] counts.
//!
//! ```text
//!  files  S3  SQS  CloudWatch Logs      API answers in files   the account
//!    └─────┴───┴────┴─ source ── bytes ─▶ flow ── batches ─┐         └──┬──┘
//!                                                ┌─────────┘            │
//!                                                ▼                      ▼
//!                                             context ◀────────── inventory
//!                                                │
//!                      queries/views, reports ─▶ engine ── rows ─▶ detection ── findings ─▶ cli
//!
//!  source ── bytes ─▶ pass ── rows ─▶ lake ── as a source ─▶ feed ── findings ─▶ alert ─▶ sinks
//!                      └── record ─▶ state
//! ```
//!
//! # Invariants, many of them absences
//!
//! - A room imports only rooms above it in the list below. A test holds it to that.
//! - `flow` has no clock and no environment, opens nothing, and never panics on data. Its Parquet half reads
//!   through a reader that it is handed.
//! - A `source` moves bytes and remembers nothing but what can be read only once, and what one command must
//!   see alike at each look: the listing of a bucket, the messages of a queue.
//! - Only `engine` makes a DataFusion session. SQL lives in `queries/`.
//! - Only `aws` reads AWS's own configuration and makes clients. Everything it calls only reads, apart from
//!   what a queue's messages need, and from what the user sends somewhere: an inventory, alerts.
//! - Only `cli` reads the rest of the environment, prints, exits or asks the time: `now` is an argument.
//! - Every line is counted: lines = records + malformed + headers and blanks. An object that cannot be read
//!   to its end is named and its neighbours are read.
//! - Memory is bounded by the batches in flight, and groups that outgrow their share go to disk.

pub mod flow;

pub mod aws;

pub mod lake;

pub mod inventory;

pub mod vpc;

pub mod source;

pub mod engine;

pub mod detection;

pub mod audit;

pub mod explain;

pub mod baseline;

pub mod alert;

pub mod metrics;

pub mod config;

pub mod state;

pub mod feed;

pub mod allow;
pub mod batch;
pub mod cli;
pub mod enrich;
pub mod generate;
pub mod ingest;
pub mod query;
pub mod reachability;
pub mod scan;
pub mod storage;
pub mod time;
