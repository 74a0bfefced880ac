//! flowq finds unexpected, blocked and misrouted network traffic of SageMaker Processing jobs in VPC flow logs.
//!
//! `ARCHITECTURE.md` describes the life of a record, the life of a pass and the invariants.
//!
//! ```text
//!  files  S3  SQS  CloudWatch Logs        API responses in files   the account
//!    └─────┴───┴────┴─ source ── bytes ─▶ flow ── batches ─┐           └──┬──┘
//!                                                ┌─────────┘              │
//!                                                ▼                        ▼
//!                                     scan ── enrich ◀────── vpc ◀─── inventory
//!                                       │
//!             queries/views, reports ─▶ engine ── rows ─▶ detection ── findings ─▶ cli, alert
//!
//!  source ── bytes ─▶ ingest ── rows ─▶ lake ── as a source ─▶ feed ── findings ─▶ alert ─▶ sinks
//!                        └── pass record ─▶ state
//! ```
//!
//! A room (a folder of `src`) imports only rooms before it in this list; `tests/it/architecture.rs` checks it.

// Ground: event time, messages about user input, HTTP connections, typed rows and Arrow.
pub mod time;

pub mod diagnostics;

pub mod http_server;

pub mod batch;

// Charts as SVG.
pub mod chart;

// The format: bytes to batches. No I/O, no clock, no DataFusion.
pub mod flow;

// The AWS account; a folder or an S3 prefix; Delta tables.
pub mod aws;

pub mod storage;

pub mod lake;

// Who owned which interface and address, when; the configuration of their VPCs, indexed; would a packet pass.
pub mod inventory;

pub mod vpc;

pub mod reachability;

// Where bytes come from.
pub mod source;

// The traffic that the owner expects; what one record means.
pub mod allow;

pub mod enrich;

// Flow logs as tables; SQL files; the SQL session.
pub mod scan;

pub mod query;

pub mod engine;

// The four questions.
pub mod detection;

pub mod audit;

pub mod explain;

pub mod baseline;

// Where results go.
pub mod alert;

pub mod metrics;

// flowq.toml; the ledger; one pass; the findings of the service.
pub mod config;

pub mod state;

pub mod ingest;

pub mod feed;

// An invented VPC with its flow logs.
pub mod generate;

// The web console.
pub mod serve;

// Commands, options, output.
pub mod cli;
