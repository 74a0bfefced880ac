//! The coverage as text: one line, or a block of lines.

use std::collections::{BTreeMap, BTreeSet};

use crate::detection::Unanswered;
use crate::detection::coverage::{Coverage, Gap, Kind, Minutes, QUERIES};
use crate::detection::finding::time_text;

/// Most lines of one kind that [`Coverage::lines`] writes.
const LINES_MAX: usize = 10;

impl Minutes {
    /// Returns the minutes in one line. `None` if there are none.
    pub fn line(&self) -> Option<String> {
        let Self { interfaces, minutes, covered: with_records, quiet, skipdata, gap, unknown } =
            *self;
        if minutes <= 0 {
            return None;
        }
        // Rounded down: 99.99 % is not all.
        let tenths = with_records.saturating_mul(1000) / minutes;
        let mut line = format!(
            "interfaces of jobs: {interfaces}, {minutes} minutes: {}.{} % with records or NODATA, {skipdata} \
             SKIPDATA, {gap} without a record that was due",
            tenths / 10,
            tenths % 10
        );
        for (count, what) in [(quiet, "quiet between records"), (unknown, "not known")] {
            if count > 0 {
                line.push_str(&format!(", {count} {what}"));
            }
        }
        Some(line)
    }
}

impl Coverage {
    /// Says in one line what a number of findings does not speak of; `None` if nothing is missing.
    pub fn summary(&self) -> Option<String> {
        let mut parts: Vec<String> = self.blindness().into_iter().collect();
        if !self.unanswered.is_empty() {
            let name = |question: &'_ String| question.trim_end_matches(" (in part)").to_owned();
            let all = self.unanswered.iter();
            let questions: BTreeSet<String> =
                all.clone().flat_map(|one| one.questions.iter().map(name)).collect();
            let interfaces: BTreeSet<&str> = all.clone().map(|one| &one.interface_id[..]).collect();
            let why: BTreeSet<String> =
                all.map(|one| format!("{}: {}", one.flow_log(), one.why)).collect();
            let reason = match why.len() {
                1 => why.into_iter().collect(),
                count => format!("{count} reasons below"),
            };
            let (questions, interfaces) = (questions.len(), interfaces.len());
            parts.push(format!(
                "{questions} questions not answered for {interfaces} interfaces ({reason})"
            ));
        }
        let not_run = self.not_run.iter().filter(|not_run| not_run.needs.is_none()).count();
        if not_run > 0 {
            parts.push(format!("{not_run} questions not answered because fields are missing"));
        }
        for (kind, what) in [
            (Kind::SilentInterface, "interfaces of jobs without any record"),
            (Kind::JobWithoutInterface, "jobs of which no interface is known"),
            (Kind::JobWithoutVpc, "jobs without VpcConfig"),
            (Kind::RefusedJob, "interfaces of jobs with nothing but refused records"),
            (Kind::WithoutDirection, "interfaces of jobs with records that were not judged"),
            (Kind::FailedDelivery, "flow logs that AWS cannot deliver"),
        ] {
            let count = self.gaps.iter().filter(|gap| gap.kind == kind).count();
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Returns the lines that concern one job, the minutes apart: its holes, what did not run, what reading left out.
    pub fn of_job(&self, job: &str) -> Vec<String> {
        let is_of = |names: &str| names.split(',').any(|name| name == job);
        let named = |gap: &&Gap| gap.job.as_deref().is_some_and(is_of);
        let own = Self {
            totals: None,
            minutes: Minutes::default(),
            gaps: self.gaps.iter().filter(named).cloned().collect(),
            unanswered: self.unanswered.iter().filter(|one| is_of(&one.job)).cloned().collect(),
            ..self.clone()
        };
        if own.is_complete() { Vec::new() } else { own.lines() }
    }

    /// Returns the coverage as lines of text, without line ends.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.blindness().into_iter().collect();
        if let Some(line) = self.minutes.line() {
            lines.push(format!("{line}; flowq coverage shows which"));
        }
        self.add_unanswered(&mut lines);
        for not_run in &self.not_run {
            lines.push(format!("{} did not run: {}", not_run.id, not_run.why()));
        }
        for (id, reason) in &self.failed {
            lines.push(format!("{id} is not answered: {reason}"));
        }
        for (kind, title, _) in QUERIES {
            let gaps: Vec<&Gap> = self.gaps.iter().filter(|gap| gap.kind == *kind).collect();
            let count = gaps.len();
            list(&mut lines, count, title, gaps.into_iter().map(Gap::line));
        }
        if self.scan.malformed_lines > 0 {
            lines.push(format!("malformed lines: {}", self.scan.malformed_lines));
        }
        let cut = &self.scan.cut_objects;
        list(&mut lines, cut.len(), "objects cut or unreadable", cut.iter().cloned());
        for less_sure in &self.less_sure {
            let fields = if less_sure.missing.len() == 1 { "field" } else { "fields" };
            let missing = less_sure.missing.join(", ").replace('_', "-");
            lines.push(format!("{}: higher confidence with {fields} {missing}", less_sure.id));
        }
        if self.is_complete() {
            let line = "no holes: every interface of every job has records, and they can answer every question";
            lines.insert(0, line.to_owned());
        }
        lines
    }

    /// Adds what the flow logs cannot answer, interfaces with the same reason together.
    fn add_unanswered(&self, lines: &mut Vec<String>) {
        let mut alike: BTreeMap<(String, &str, &[String]), Vec<&Unanswered>> = BTreeMap::new();
        for one in &self.unanswered {
            alike.entry((one.flow_log(), &one.why, &one.questions)).or_default().push(one);
        }
        for ((flow_log, why, questions), interfaces) in alike {
            let title = format!(
                "{flow_log}: {why}: not answered: {}; interfaces of jobs",
                questions.join(", ")
            );
            let line = |one: &Unanswered| {
                let time =
                    |seconds: Option<i64>| seconds.and_then(time_text).unwrap_or("?".to_owned());
                let (from, to) = (time(one.first_seen), time(one.last_seen));
                format!("{} job {} from {from} to {to}", one.interface_id, one.job)
            };
            list(lines, interfaces.len(), &title, interfaces.into_iter().map(line));
        }
    }
}

/// Adds a title with a count and the first few items below it.
fn list(lines: &mut Vec<String>, count: usize, title: &str, items: impl Iterator<Item = String>) {
    if count == 0 {
        return;
    }
    lines.push(format!("{title}: {count}"));
    lines.extend(items.take(LINES_MAX).map(|item| format!("  {item}")));
    if count > LINES_MAX {
        lines.push(format!("  … and {} more", count - LINES_MAX));
    }
}

impl Gap {
    fn line(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.flow_log_id.clone());
        parts.extend(self.interface_id.clone());
        parts.extend(self.job.as_ref().map(|job| format!("job {job}")));
        parts.extend(self.records.map(|records| format!("{records} records")));
        parts.extend(self.first_seen.and_then(time_text).map(|time| format!("from {time}")));
        parts.extend(self.last_seen.and_then(time_text).map(|time| format!("to {time}")));
        match &self.why {
            Some(why) => format!("{}: {why}", parts.join(" ")),
            None => parts.join(" "),
        }
    }
}
