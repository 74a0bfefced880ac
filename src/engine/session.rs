//! [`Engine`]: a SQL session over flow logs and an inventory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, ParamValues, Result};
use datafusion::config::Dialect;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{
    DataFrame, ParquetReadOptions, SQLOptions, SessionConfig, SessionContext,
};
use datafusion::sql::parser::Statement;
use futures::TryStreamExt as _;

use crate::engine::functions::allow_rules::{AllowFunction, AllowQuery};
use crate::engine::memory::Resources;
use crate::engine::{
    aggregates, files, functions, interruptible, limits, materialize, memory, restrict,
    single_stage, temp_folder, views,
};
use crate::enrich::Enricher;
use crate::flow::field::Layout;
use crate::inventory::Inventory;
use crate::scan::beginnings::Beginnings;
use crate::scan::interface_minutes::InterfaceMinutes;
use crate::scan::registry::ScanRegistry;
use crate::scan::{ScanOptions, ScanSummary};
use crate::source::Source;

/// Which part of the memory the minutes of interfaces may take, before they go to disk.
const MINUTES_SHARE: usize = 8;

/// No parameters, for [`Engine::query`].
pub fn no_params() -> ParamValues {
    ParamValues::Map(std::collections::HashMap::new())
}

/// A SQL session over flow logs and an inventory.
pub struct Engine {
    session: SessionContext,
    scans: Arc<ScanRegistry>,
    materialized: BTreeMap<String, materialize::MaterializedView>,
    pool: Arc<dyn MemoryPool>,
    memory_bytes: usize,
    /// The folder for everything that does not fit in memory.
    temp: Arc<temp_folder::TempFolder>,
    /// Where the window begins, in Unix seconds.
    since: Option<i64>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// Creates a session over `source` and `context`'s inventory. Reads the heads of a few objects, to learn
    /// of fields that flowq does not know.
    ///
    /// # Errors
    ///
    /// When the source cannot be listed.
    pub async fn new(
        source: Arc<dyn Source>,
        context: Arc<Enricher>,
        options: ScanOptions,
        resources: &Resources,
    ) -> Result<Self> {
        let reserved = memory::merge_bytes(resources);
        let config = SessionConfig::new()
            .with_sort_spill_reservation_bytes(reserved)
            .with_batch_size(memory::batch_rows(resources))
            .with_information_schema(true)
            .with_target_partitions(resources.threads)
            .set_str("datafusion.sql_parser.dialect", "postgresql")
            .set_bool("datafusion.execution.parquet.pushdown_filters", true);
        let memory_bytes = resources.memory_bytes;
        let pool: Arc<dyn MemoryPool> = Arc::new(memory::SharedPool::new(memory_bytes, reserved));
        let temp = Arc::new(temp_folder::TempFolder::create()?);
        let disk = DiskManagerMode::Directories(vec![temp.path().to_owned()]);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::clone(&pool))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(disk))
            .build_arc()?;
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_physical_optimizer_rule(Arc::new(single_stage::SingleStageAggregate))
            .build();
        let session = SessionContext::new_with_state(state);
        let beginnings = Arc::new(Beginnings::new(context.inventory()));
        let since = options.window.since;
        let (scans, materialized) = (Arc::new(ScanRegistry::default()), BTreeMap::new());
        let engine = Self { session, scans, materialized, pool, memory_bytes, temp, since };

        limits::register(&engine.session, memory_bytes);
        engine.register_functions(&context);
        for function in functions::window::functions(since, &beginnings) {
            engine.session.register_udf(function);
        }
        engine.register_inventory(context.inventory())?;
        let baseline = functions::allow_rules::baseline(&context.allow().known())?;
        engine.session.register_batch("baseline", baseline)?;
        engine.register_logs(source, context, options, beginnings).await?;
        Ok(engine)
    }

    fn register_functions(&self, context: &Arc<Enricher>) {
        let names = Arc::clone(context);
        let service = move |ip| names.aws_service(ip, None).map(str::to_owned);
        functions::register(&self.session, Arc::new(service));
        for question in [AllowQuery::AllowedBy, AllowQuery::BaselineRule, AllowQuery::DestinationOf]
        {
            let ask = AllowFunction::new(question, Arc::clone(context));
            self.session.register_udf(ScalarUDF::from(ask));
        }
        for function in functions::intern::functions()
            .into_iter()
            .chain(functions::reachability::functions(context.inventory()))
        {
            self.session.register_udf(function);
        }
        self.session.register_udaf(aggregates::conversation::conversation(self.since));
        self.session.register_udaf(aggregates::first_records::first_records());
        self.session.register_udaf(aggregates::first_starts::first_starts());
        self.session.register_udf(functions::most_within::most_within());
    }

    fn register_inventory(&self, inventory: &Inventory) -> Result<()> {
        let tables = inventory.tables();
        for (name, batch) in tables.map_err(|error| DataFusionError::External(Box::new(error)))? {
            self.session.register_batch(name, batch)?;
        }
        Ok(())
    }

    async fn register_logs(
        &self,
        source: Arc<dyn Source>,
        context: Arc<Enricher>,
        options: ScanOptions,
        beginnings: Arc<Beginnings>,
    ) -> Result<()> {
        let extra = crate::scan::schema_probe::unknown_fields(source.as_ref(), &options).await?;
        let options = Arc::new(options);
        let register = |name: &str, layout, context: Option<&Arc<Enricher>>, beginnings| {
            let unknown = extra.get(&layout).map_or(&[][..], Vec::as_slice);
            let table = crate::scan::table::FlowTable::new(
                layout,
                unknown,
                Arc::clone(&source),
                Arc::clone(&options),
                context.map(Arc::clone),
                Arc::clone(&self.scans),
            );
            let table = match beginnings {
                Some(beginnings) => table.with_margin(beginnings),
                None => table,
            };
            self.session.register_table(name, Arc::new(table)).map(drop)
        };
        register("flow_logs", Layout::Vpc, None, None)?;
        register("transit_gateway_flow_logs", Layout::TransitGateway, None, None)?;
        register("flow_context", Layout::Vpc, Some(&context), None)?;
        register("flow_context_margin", Layout::Vpc, Some(&context), Some(beginnings))
    }

    /// Runs one statement. `$name` in it is taken from `params`. Batches come as they are made; dropping
    /// the stream stops the work.
    ///
    /// # Errors
    ///
    /// When the statement does not parse or names what is not there.
    pub async fn query(
        &self,
        sql: &str,
        params: impl Into<ParamValues>,
    ) -> Result<SendableRecordBatchStream> {
        // COPY and INSERT would write files behind the back of `--output`.
        let options = SQLOptions::new().with_allow_dml(false);
        let frame = self.frame(sql, options).await?.with_param_values(params)?;
        frame.execute_stream().await
    }

    /// As [`Engine::query`] for sessions that several users share: a statement changes nothing, neither tables nor
    /// settings, and can be ended at any time by dropping the stream.
    ///
    /// # Errors
    ///
    /// As [`Engine::query`].
    pub async fn query_read_only(&self, sql: &str) -> Result<SendableRecordBatchStream> {
        let options = SQLOptions::new().with_allow_dml(false).with_allow_ddl(false);
        let frame = self.frame(sql, options.with_allow_statements(false)).await?;
        let tasks = Arc::new(frame.task_ctx());
        let plan = interruptible::interruptible(frame.create_physical_plan().await?)?;
        execute_stream(plan, tasks)
    }

    /// Plans a statement, within what it may do.
    async fn frame(&self, sql: &str, options: SQLOptions) -> Result<DataFrame> {
        let statement = self.parse(sql)?;
        views::make(&self.session, &statement).await?;
        let plan = self.session.state().statement_to_plan(statement).await?;
        options.verify_plan(&plan)?;
        restrict::check(&plan)?;
        self.session.execute_logical_plan(plan).await
    }

    /// From now on statements are not part of [`Engine::summary`], which so stays small.
    pub fn close_summary(&self) {
        self.scans.close();
    }

    /// The folder for what does not fit in memory: messages for others should not name it.
    pub fn temp_path(&self) -> &std::path::Path {
        self.temp.path()
    }

    /// Lets statements read files that they name: `read_csv`, `read_parquet`, `read_json`. Only for the SQL of
    /// the user.
    pub fn allow_files(&self) {
        files::register(&self.session);
    }

    /// All rows of the table of a layout, as many streams as there are threads. An object's rows are all in one
    /// of them where each object is reported ([`ScanOptions::objects`]).
    ///
    /// # Errors
    ///
    /// As [`Engine::query`].
    pub async fn records(&self, layout: Layout) -> Result<Vec<SendableRecordBatchStream>> {
        let name = match layout {
            Layout::Vpc => "flow_logs",
            Layout::TransitGateway => "transit_gateway_flow_logs",
        };
        self.session.table(name).await?.execute_stream_partitioned().await
    }

    /// Parses one statement. In the dialect of PostgreSQL AWS's column `end` needs no quotes; the generic
    /// dialect has `* EXCEPT (…)`, so what is wrong in the first is tried in the second.
    fn parse(&self, sql: &str) -> Result<Statement> {
        limits::check(sql)?;
        let state = self.session.state();
        let postgres = state.sql_to_statement(sql, &Dialect::PostgreSQL);
        postgres.or_else(|wrong| state.sql_to_statement(sql, &Dialect::Generic).map_err(|_| wrong))
    }

    /// Runs one statement whose result is small by its nature, such as findings.
    ///
    /// # Errors
    ///
    /// As [`Engine::query`], and when reading fails.
    pub async fn rows(
        &self,
        sql: &str,
        params: impl Into<ParamValues>,
    ) -> Result<Vec<RecordBatch>> {
        self.query(sql, params).await?.try_collect().await
    }

    /// Reads the flow logs once and keeps all conversations, and the minutes of the interfaces of jobs, on
    /// disk, for as many queries as there are.
    ///
    /// # Errors
    ///
    /// When the flow logs cannot be read, or the disk is full.
    pub async fn materialize_conversations(&mut self) -> Result<()> {
        let memory = MemoryConsumer::new("minutes of interfaces").register(&self.pool);
        let minutes = InterfaceMinutes::new(memory, self.memory_bytes / MINUTES_SHARE, self.since);
        let minutes = Arc::new(minutes);
        self.scans.count_minutes(Some(Arc::clone(&minutes)));
        let materialized = self.materialize("conversation_sums").await;
        self.scans.count_minutes(None);
        materialized?;
        let logs = minutes.interface_logs()?;
        let rows = RecordBatchStreamAdapter::new(logs.schema(), futures::stream::iter([Ok(logs)]));
        self.keep_rows("interface_logs", Box::pin(rows)).await?;
        let counted = minutes.finish().map_err(crate::scan::interface_minutes::failure)?;
        // A view refers to the tables that it was created over: these are created again, over the materialized rows.
        for name in [
            "interface_minutes",
            "minute_runs",
            "conversations",
            "peers",
            "refused_conversations",
            "interface_runs",
        ] {
            self.session.deregister_table(name)?;
        }
        self.session.register_table("interface_minutes", Arc::new(counted.minutes()?))?;
        self.session.register_table("minute_runs", Arc::new(counted.runs()?))?;
        // Their SQL puts the small side of a join first, where it is built in memory.
        self.session.sql("SET datafusion.optimizer.join_reordering = false").await?;
        for name in ["peers", "refused_conversations"] {
            self.materialize(name).await?;
        }
        // Few rows and many small sums: each of them reserves its memory in every partition.
        let threads = self.session.copied_config().target_partitions();
        self.set("datafusion.execution.target_partitions", 1).await?;
        self.materialize("interface_runs").await?;
        self.set("datafusion.execution.target_partitions", threads).await?;
        self.session.sql("SET datafusion.optimizer.join_reordering = true").await?;
        Ok(())
    }

    async fn set(&self, option: &str, value: impl fmt::Display) -> Result<()> {
        self.session.sql(&format!("SET {option} = {value}")).await.map(drop)
    }

    /// Runs a view once and keeps its rows on disk: from now on its name means those rows.
    async fn materialize(&mut self, view: &str) -> Result<()> {
        let rows = self.query(&format!("SELECT * FROM {view}"), no_params()).await?;
        self.keep_rows(view, rows).await
    }

    /// Keeps rows on disk: from now on a view's name means them.
    async fn keep_rows(&mut self, view: &str, rows: SendableRecordBatchStream) -> Result<()> {
        let materialized = materialize::MaterializedView::write(rows, &self.temp).await?;
        self.session.deregister_table(view)?;
        self.session
            .register_parquet(view, materialized.path(), ParquetReadOptions::default())
            .await?;
        self.materialized.insert(view.to_owned(), materialized);
        Ok(())
    }

    /// What was read so far.
    pub fn summary(&self) -> ScanSummary {
        ScanSummary::of(self.scans.summaries())
    }

    /// The session, for tests that look at tables.
    #[cfg(test)]
    pub(crate) fn session(&self) -> &SessionContext {
        &self.session
    }
}
