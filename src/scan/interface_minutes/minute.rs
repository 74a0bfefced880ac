//! One minute of an interface of a job, and the key of an interface.

/// The columns that make an interface of a job one.
pub(super) const KEY: [&str; 5] =
    ["interface_id", "job_name", "job_arn", "job_candidates", "attribution"];

/// An interface and its job: the values of [`KEY`].
pub(super) type Key = [Option<String>; 5];

/// What one minute of an interface has. Records are counted where they start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Minute {
    pub(super) records: u32,
    pub(super) nodata: u32,
    pub(super) skipdata: u32,
    pub(super) longest_secs: u16,
    /// Which kinds of records it has, as bits of [`Status`].
    pub(super) statuses: u8,
}

/// The bit of each status in [`Minute::statuses`]; the greatest is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Nodata = 1,
    Records = 2,
    Skipdata = 4,
}

impl Status {
    /// Its place among the numbers of `interface_logs`.
    pub(super) fn place(self) -> usize {
        match self {
            Self::Records => 0,
            Self::Nodata => 1,
            Self::Skipdata => 2,
        }
    }
}

impl Minute {
    pub(super) fn count(&mut self, status: Status, longest_secs: u16) {
        let count = match status {
            Status::Nodata => &mut self.nodata,
            Status::Records => &mut self.records,
            Status::Skipdata => &mut self.skipdata,
        };
        *count = count.saturating_add(1);
        self.add_status(status, longest_secs);
    }

    /// Adds what another part of the log has of the same minute.
    pub(super) fn merge(&mut self, other: Self) {
        self.records = self.records.saturating_add(other.records);
        self.nodata = self.nodata.saturating_add(other.nodata);
        self.skipdata = self.skipdata.saturating_add(other.skipdata);
        self.longest_secs = self.longest_secs.max(other.longest_secs);
        self.statuses |= other.statuses;
    }

    pub(super) fn add_status(&mut self, status: Status, longest_secs: u16) {
        self.statuses |= status as u8;
        self.longest_secs = self.longest_secs.max(longest_secs);
    }

    pub(super) fn state(self) -> &'static str {
        match self.statuses {
            told if told & Status::Skipdata as u8 != 0 => "skipdata",
            told if told & Status::Records as u8 != 0 => "records",
            _ => "nodata",
        }
    }
}
