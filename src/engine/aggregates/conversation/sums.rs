//! The numbers of one conversation, and how its records change them.

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

/// How one number of a conversation comes from those of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// The first time; NULL is [`NO_FIRST`].
    First,
    /// The last time; NULL is [`NOTHING`].
    Last,
    /// The greatest number; NULL is [`NOTHING`].
    Greatest,
    /// How many records.
    Count,
    /// The sum; SQL NULL, if no record has it, is [`NOTHING`].
    Sum,
}

const NO_FIRST: i64 = i64::MAX;
const NOTHING: i64 = i64::MIN;

macro_rules! columns {
    ($($name:ident $fold:ident,)*) => {
        /// The places of [`COLUMNS`].
        #[derive(Clone, Copy)]
        #[expect(non_camel_case_types, reason = "named as the columns are")]
        enum At { $($name,)* }

        /// Name of each number, and how it is made.
        pub(super) const COLUMNS: &[(&str, Fold)] = &[$((stringify!($name), Fold::$fold),)*];
    };
}

columns! {
    first_out First,
    first_in First,
    local_syn First,
    remote_syn First,
    first_seen First,
    last_seen Last,
    records Count,
    accepted_out Count,
    accepted_in Count,
    rejected_out Count,
    rejected_in Count,
    accepted_packets Sum,
    accepted_bytes_out Sum,
    accepted_bytes_in Sum,
    rejected_packets Sum,
    rejected_bytes_out Sum,
    rejected_bytes_in Sum,
    accepted_first First,
    accepted_last Last,
    rejected_first First,
    rejected_last Last,
    rejected_syn Count,
    rejected_flagless Count,
    closed_at First,
    longest_secs Greatest,
    flagged_records Count,
    accepted_out_first First,
    accepted_in_first First,
}

const COUNT: usize = COLUMNS.len();

/// Bytes of one conversation's numbers.
pub(super) const BYTES: usize = COUNT * size_of::<i64>();

/// FIN and RST.
const CLOSES: i64 = 1 + 4;

const TCP: i64 = 6;

impl Fold {
    pub(super) fn nothing(self) -> i64 {
        match self {
            Self::First => NO_FIRST,
            Self::Last | Self::Greatest | Self::Sum => NOTHING,
            Self::Count => 0,
        }
    }

    fn fold(self, current: i64, more: i64) -> i64 {
        match self {
            Self::First => current.min(more),
            Self::Last | Self::Greatest => current.max(more),
            Self::Count => current.saturating_add(more),
            Self::Sum if current == NOTHING => more,
            Self::Sum if more == NOTHING => current,
            Self::Sum => current.saturating_add(more).max(NOTHING + 1),
        }
    }

    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::First | Self::Last => DataType::Timestamp(TimeUnit::Second, Some("UTC".into())),
            Self::Greatest | Self::Count | Self::Sum => DataType::Int64,
        }
    }
}

pub(super) fn fields() -> Fields {
    COLUMNS.iter().map(|(name, fold)| Field::new(*name, fold.data_type(), true)).collect()
}

/// The numbers of one conversation, in the order of [`COLUMNS`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums(pub(super) [i64; COUNT]);

impl Default for Sums {
    fn default() -> Self {
        Self(std::array::from_fn(|at| COLUMNS[at].1.nothing()))
    }
}

impl Sums {
    fn fold(&mut self, at: At, more: i64) {
        let current = &mut self.0[at as usize];
        *current = COLUMNS[at as usize].1.fold(*current, more);
    }

    fn fold_known(&mut self, at: At, more: Option<i64>) {
        if let Some(more) = more {
            self.fold(at, more);
        }
    }

    fn count_if(&mut self, at: At, is: bool) {
        self.0[at as usize] += i64::from(is);
    }

    /// Adds a record of the window.
    pub(super) fn add(&mut self, record: &Record) {
        let Record { start, end, packets, bytes, .. } = *record;
        let (accepted, rejected) = (record.accepted, record.rejected);
        let (out, back) = (record.out, record.back);
        self.add_context(record);
        self.fold(At::records, 1);
        self.fold_known(At::first_seen, start);
        self.fold_known(At::last_seen, end);
        self.count_if(At::accepted_out, accepted && out);
        self.count_if(At::accepted_in, accepted && back);
        self.count_if(At::rejected_out, rejected && out);
        self.count_if(At::rejected_in, rejected && back);
        // What is not of the kind adds nothing, which is known.
        let of = |is: bool, number: Option<i64>| if is { number } else { Some(0) };
        self.fold_known(At::accepted_packets, of(accepted, packets));
        self.fold_known(At::accepted_bytes_out, of(accepted && out, bytes));
        self.fold_known(At::accepted_bytes_in, of(accepted && back, bytes));
        self.fold_known(At::rejected_packets, of(rejected, packets));
        self.fold_known(At::rejected_bytes_out, of(rejected && out, bytes));
        self.fold_known(At::rejected_bytes_in, of(rejected && back, bytes));
        if accepted {
            self.fold_known(At::accepted_first, start);
            self.fold_known(At::accepted_last, end);
        }
        if rejected {
            self.fold_known(At::rejected_first, start);
            self.fold_known(At::rejected_last, end);
            let has_syn = record.syn_local || record.syn_remote;
            self.count_if(At::rejected_syn, has_syn);
            self.count_if(At::rejected_flagless, record.has_flags() && !has_syn);
        }
        let lasted = start.zip(end).map(|(start, end)| end.saturating_sub(start));
        self.fold_known(At::longest_secs, lasted);
    }

    /// Adds what a record shows of its conversation even if it lies before the window: how the conversation began,
    /// and whether it had worked.
    pub(super) fn add_context(&mut self, record: &Record) {
        let Record { start, end, out, back, accepted, .. } = *record;
        self.fold_known(At::first_out, start.filter(|_| out));
        self.fold_known(At::first_in, start.filter(|_| back));
        self.fold_known(At::local_syn, start.filter(|_| record.syn_local));
        self.fold_known(At::remote_syn, start.filter(|_| record.syn_remote));
        self.count_if(At::flagged_records, record.has_flags());
        if accepted {
            self.fold_known(At::accepted_out_first, start.filter(|_| out));
            self.fold_known(At::accepted_in_first, start.filter(|_| back));
            let closes = record.tcp_flags.is_some_and(|flags| flags & CLOSES != 0);
            self.fold_known(At::closed_at, end.filter(|_| closes));
        }
    }

    pub(super) fn merge(&mut self, part: &[u8]) {
        let numbers = part.chunks_exact(size_of::<i64>());
        for ((current, (_, fold)), more) in self.0.iter_mut().zip(COLUMNS).zip(numbers) {
            let more = more.try_into().map_or(fold.nothing(), i64::from_ne_bytes);
            *current = fold.fold(*current, more);
        }
    }
}

/// What counts of one record.
pub(super) struct Record {
    pub(super) accepted: bool,
    pub(super) rejected: bool,
    pub(super) out: bool,
    pub(super) back: bool,
    pub(super) syn_local: bool,
    pub(super) syn_remote: bool,
    pub(super) protocol: Option<i64>,
    pub(super) tcp_flags: Option<i64>,
    pub(super) start: Option<i64>,
    pub(super) end: Option<i64>,
    pub(super) packets: Option<i64>,
    pub(super) bytes: Option<i64>,
}

impl Record {
    /// Whether its TCP flags are known.
    fn has_flags(&self) -> bool {
        self.protocol == Some(TCP) && self.tcp_flags.is_some()
    }
}
