//! One REPL session: its settings, and the execution of a line.

use std::fs;
use std::io::Write;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use clap::ValueEnum as _;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt as _;

use crate::cli::commands::functions;
use crate::cli::output::{Format, RowWriter, terminal_width};
use crate::cli::repl::complete::Names;
use crate::cli::repl::meta::META;
use crate::cli::repl::statement;
use crate::engine::functions::FUNCTIONS;

const TABLES: &str = "SELECT table_name, table_type FROM information_schema.tables \
    WHERE table_schema = 'public' ORDER BY table_name";
const COLUMNS: &str = "SELECT table_name, column_name FROM information_schema.columns \
    WHERE table_schema = 'public' ORDER BY table_name, ordinal_position";
const ROUTINES: &str = "SELECT DISTINCT routine_name FROM information_schema.routines";

type Sink = Box<dyn Write + Send>;

/// The engine of a REPL.
pub(crate) trait Sql {
    /// Starts one SQL statement. The names of tables and columns are read from `information_schema` through it.
    fn query(&self, sql: &str) -> impl Future<Output = Result<SendableRecordBatchStream>>;
}

/// The state of a REPL.
pub(crate) struct Session<'a, S> {
    sql: &'a S,
    format: Format,
    timing: bool,
    out: fn() -> Sink,
    notes: fn() -> Sink,
    width: fn() -> Option<u16>,
}

/// What the loop does after a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Reads the next line.
    Line,
    /// Loads the names for completion anew, then reads the next line.
    NewNames,
    /// Ends.
    Quit,
}

impl<'a, S: Sql> Session<'a, S> {
    pub(crate) fn on_terminal(sql: &'a S, format: Format) -> Self {
        let out: fn() -> Sink = || Box::new(std::io::stdout());
        let notes: fn() -> Sink = || Box::new(std::io::stderr());
        Self { sql, format, timing: true, out, notes, width: terminal_width }
    }

    /// Prints a line that is no result.
    pub(crate) fn note(&self, text: &str) -> Result<()> {
        Ok(writeln!((self.notes)(), "{text}")?)
    }

    /// Runs a line: one meta command, or statements.
    pub(crate) async fn handle(&mut self, line: &str) -> Result<Next> {
        match line.trim().strip_prefix('\\') {
            Some(command) => self.meta(command).await,
            None => self.statements(line).await,
        }
    }

    async fn meta(&mut self, command: &str) -> Result<Next> {
        let command = command.trim_end().trim_end_matches(';');
        let (name, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        match (name, argument.trim()) {
            ("q", "") => return Ok(Next::Quit),
            ("?", "") => {
                for (usage, help) in META {
                    writeln!((self.out)(), "{usage:<14} {help}")?;
                }
            }
            ("d", "") => drop(self.show(TABLES).await?),
            ("d", table) => {
                let table = table.replace('\'', "''");
                let sql = format!(
                    "SELECT column_name, data_type FROM information_schema.columns \
                     WHERE table_schema = 'public' AND table_name = '{table}' ORDER BY ordinal_position"
                );
                if self.show(&sql).await? == 0 {
                    bail!("no table {table:?}; \\d lists them");
                }
            }
            ("df", "") => functions::print(self.format, (self.out)(), (self.width)())?,
            ("timing", "") => {
                self.timing = !self.timing;
                self.note(if self.timing { "timing is on" } else { "timing is off" })?;
            }
            ("format", "") => self.note(&format!("format is {}", self.format.name()))?,
            ("format", name) => match Format::from_str(name, true) {
                Ok(format) if format.is_binary() => {
                    bail!("format {name} is not for terminals; use flowq sql --output FILE")
                }
                Ok(format) => self.format = format,
                Err(_) => {
                    bail!("no format {name:?}; there are table, json, ndjson, csv, tsv, markdown")
                }
            },
            ("i", "") => bail!("\\i needs the name of a file"),
            ("i", path) => {
                let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
                return self.statements(&text).await;
            }
            _ => bail!("no command \\{command}; \\? lists them"),
        }
        Ok(Next::Line)
    }

    async fn statements(&mut self, text: &str) -> Result<Next> {
        let (mut statements, rest) = statement::split(text);
        if !statement::is_blank(rest) {
            statements.push(rest);
        }
        let mut next = Next::Line;
        for sql in statements {
            if !self.interruptible(sql, interrupt()).await? {
                self.note("cancelled")?;
                break;
            }
            let first = sql.split_whitespace().next().unwrap_or_default();
            if ["create", "drop"].iter().any(|word| first.eq_ignore_ascii_case(word)) {
                next = Next::NewNames;
            }
        }
        Ok(next)
    }

    /// Runs a statement unless `stop` comes first. Returns whether it ran to its end.
    async fn interruptible(&self, sql: &str, stop: impl Future<Output = ()>) -> Result<bool> {
        let started = Instant::now();
        let rows = tokio::select! {
            biased;
            () = stop => return Ok(false),
            rows = self.show(sql) => rows?,
        };
        if self.timing {
            let plural = if rows == 1 { "" } else { "s" };
            self.note(&format!("{rows} row{plural}, {:.3} s", started.elapsed().as_secs_f64()))?;
        }
        Ok(true)
    }

    /// Prints the rows of a statement as they come. Returns their number.
    async fn show(&self, sql: &str) -> Result<u64> {
        let mut stream = self.sql.query(sql).await?;
        let schema = stream.schema();
        // DDL gives no columns: there is nothing to print.
        if schema.fields().is_empty() {
            while stream.try_next().await?.is_some() {}
            return Ok(0);
        }
        let mut writer = RowWriter::new(self.format, schema, (self.out)(), (self.width)())?;
        while let Some(batch) = stream.try_next().await? {
            writer.write(&batch)?;
        }
        writer.finish()
    }

    /// Returns the names for completion; what cannot be read is left out.
    pub(crate) async fn names(&self) -> Names {
        let mut names = Names::default();
        names.functions.extend(FUNCTIONS.iter().map(|function| function.name.to_owned()));
        names.functions.extend(self.texts(ROUTINES).await.into_iter().flatten());
        for row in self.texts(COLUMNS).await {
            if let [table, column] = &row[..] {
                names.tables.entry(table.clone()).or_default().push(column.clone());
            }
        }
        names
    }

    async fn texts(&self, sql: &str) -> Vec<Vec<String>> {
        let Ok(stream) = self.sql.query(sql).await else { return Vec::new() };
        let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap_or_default();
        batches.iter().flat_map(rows_of_text).collect()
    }
}

fn rows_of_text(batch: &RecordBatch) -> Vec<Vec<String>> {
    let columns: Vec<_> =
        batch.columns().iter().filter_map(|column| cast(column, &DataType::Utf8).ok()).collect();
    let row = |row| columns.iter().map(|c| c.as_string::<i32>().value(row).to_owned()).collect();
    (0..batch.num_rows()).map(row).collect()
}

/// Waits for Ctrl-C; for ever where the system gives no such signal.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::SendableRecordBatchStream;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    impl Sql for SessionContext {
        async fn query(&self, sql: &str) -> Result<SendableRecordBatchStream> {
            Ok(self.sql(sql).await?.execute_stream().await?)
        }
    }

    /// What the session under test printed; each test has its own thread.
    mod printed {
        use std::cell::RefCell;
        use std::io::Write;

        thread_local!(static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });

        struct Printer;

        impl Write for Printer {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                TEXT.with_borrow_mut(|text| text.write(bytes))
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        pub(crate) fn sink() -> super::Sink {
            Box::new(Printer)
        }

        pub(crate) fn take() -> String {
            String::from_utf8(TEXT.take()).unwrap()
        }
    }

    fn database() -> SessionContext {
        SessionContext::new_with_config(SessionConfig::new().with_information_schema(true))
    }

    fn session(sql: &SessionContext) -> Session<'_, SessionContext> {
        let (out, notes) = (printed::sink as fn() -> Sink, printed::sink as fn() -> Sink);
        Session { sql, format: Format::Csv, timing: false, out, notes, width: || None }
    }

    #[tokio::test]
    async fn statements_run_in_order_and_ddl_renews_the_names() {
        let db = database();
        let mut session = session(&db);
        let next = session.handle("CREATE VIEW v AS SELECT 1 AS one; SELECT one FROM v;").await;
        assert_eq!(next.unwrap(), Next::NewNames);
        assert_eq!(printed::take(), "one\n1\n");
        let names = session.names().await;
        assert_eq!(names.tables["v"], ["one"]);
        assert!(names.functions.contains("in_cidr") && names.functions.contains("date_bin"));
    }

    #[tokio::test]
    async fn meta_commands() {
        let db = database();
        let mut session = session(&db);
        session.handle("CREATE VIEW v AS SELECT 1 AS one, 'x' AS two;").await.unwrap();
        session.handle("\\d").await.unwrap();
        assert_eq!(printed::take(), "table_name,table_type\nv,VIEW\n");
        session.handle("\\d v").await.unwrap();
        assert_eq!(printed::take(), "column_name,data_type\none,Int64\ntwo,Utf8\n");
        session.handle("\\df").await.unwrap();
        assert!(printed::take().contains("\"in_cidr(ip, cidr)\",boolean"));
        session.handle("\\format ndjson").await.unwrap();
        session.handle("SELECT 1 AS a").await.unwrap();
        assert_eq!(printed::take(), "{\"a\":1}\n");
        session.handle("\\timing").await.unwrap();
        session.handle("SELECT 1 AS a;").await.unwrap();
        let text = printed::take();
        assert!(text.starts_with("timing is on\n{\"a\":1}\n1 row, 0."), "{text}");
        session.handle("\\?").await.unwrap();
        assert_eq!(printed::take().lines().count(), META.len());
        assert_eq!(session.handle("\\q").await.unwrap(), Next::Quit);
    }

    #[tokio::test]
    async fn a_file_is_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two words.sql");
        fs::write(&path, "-- first\nSELECT 1 AS a;\nSELECT 2 AS b").unwrap();
        let db = database();
        session(&db).handle(&format!("\\i {}", path.display())).await.unwrap();
        assert_eq!(printed::take(), "a\n1\nb\n2\n");
    }

    #[tokio::test]
    async fn mistakes_are_told() {
        let db = database();
        let mut session = session(&db);
        for (line, expected) in [
            ("\\x", "no command \\x; \\? lists them"),
            ("\\d none", "no table \"none\"; \\d lists them"),
            ("\\format xml", "no format \"xml\""),
            ("\\format parquet", "not for terminals"),
            ("\\i", "needs the name of a file"),
            ("\\i /none/at/all", "reading /none/at/all"),
            ("SELECT nothing;", "nothing"),
        ] {
            let err = session.handle(line).await.unwrap_err();
            assert!(format!("{err:#}").contains(expected), "{line}: {err:#}");
        }
    }

    #[tokio::test]
    async fn an_interrupt_stops_a_query() {
        let db = database();
        let session = session(&db);
        let endless = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.value + b.value < 0";
        let stop = tokio::time::sleep(std::time::Duration::from_millis(50));
        assert!(!session.interruptible(endless, stop).await.unwrap());
        assert!(session.interruptible("SELECT 1", std::future::pending()).await.unwrap());
    }
}
