//! A source of the objects that the messages of a queue report.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parquet::arrow::async_reader::AsyncFileReader;
use tokio::sync::OnceCell;

use crate::aws;
use crate::aws::Account;
use crate::aws::sqs::{Address, Message, Queue, VisibilityExtender};
use crate::source::s3::PrefetchingReader;
use crate::source::sqs::notification;
use crate::source::sqs::notification::Content;
use crate::source::sqs::splits::SplitMap;
use crate::source::{ByteStream, Error, Listing, ReadOutcome, Source, Split};
use crate::time::Window;

/// Messages of one run. SQS lets 120,000 of a queue be in work at once.
const MESSAGES_MAX: usize = 10_000;

/// Objects of one run.
const OBJECTS_MAX: usize = 100_000;

/// How long to wait for the first message, and for each next ten. Asking without any wait looks at some of
/// SQS's servers only, and finds a queue empty that is not.
const WAIT_SECS: [i32; 2] = [5, 1];

/// The objects that the messages of a queue report. The messages are received at the first listing; a
/// command has one window, and all that it reads are the same objects.
#[derive(Debug)]
pub(in crate::source) struct SqsSource {
    url: String,
    address: Address,
    account: Arc<Account>,
    objects: PrefetchingReader,
    taken: OnceCell<ReceivedMessages>,
}

/// What was received.
#[derive(Debug)]
pub(super) struct ReceivedMessages {
    pub(super) queue: Queue,
    pub(super) hold: VisibilityExtender,
    pub(super) sorted: SplitMap,
    /// Whether there may be more.
    pub(super) full: bool,
}

impl SqsSource {
    /// Creates the source of what a queue reports: `sqs://` and its URL, its ARN or its name.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] when it names no queue.
    pub(in crate::source) fn new(url: &str, account: &Arc<Account>) -> Result<Self, Error> {
        let address = Address::parse(url.strip_prefix("sqs://").unwrap_or(url))
            .map_err(|error| Error::Url { id: url.to_owned(), reason: error.message })?;
        Ok(Self {
            url: url.to_owned(),
            address,
            account: Arc::clone(account),
            objects: PrefetchingReader::new(account),
            taken: OnceCell::new(),
        })
    }

    fn failed(&self, error: aws::Error) -> Error {
        Error::aws(&self.url, error)
    }

    /// Returns why an event of a created object cannot be understood, if the split is one.
    fn unclear(&self, split: &Split) -> Option<Error> {
        let reason = self.taken.get()?.sorted.unclear.get(&split.id)?.clone();
        Some(Error::Event(split.id.clone(), reason))
    }

    fn understood(&self, split: &Split) -> Result<(), Error> {
        self.unclear(split).map_or(Ok(()), Err)
    }

    async fn take(&self, window: &Window) -> Result<ReceivedMessages, Error> {
        let queue = self.account.queue(&self.address).await.map_err(|error| self.failed(error))?;
        let hold = queue.hold();
        let mut received: BTreeMap<String, (Message, Content)> = BTreeMap::new();
        let (mut objects, mut wait) = (0, WAIT_SECS[0]);
        let full = loop {
            if received.len() >= MESSAGES_MAX || objects >= OBJECTS_MAX {
                break true;
            }
            let messages = queue.receive(wait).await.map_err(|error| self.failed(error))?;
            if messages.is_empty() {
                break false;
            }
            wait = WAIT_SECS[1];
            for mut message in messages {
                // A message that comes again is known by its last handle.
                hold.add(&message);
                let content = notification::read(&std::mem::take(&mut message.body));
                if let Content::Created(events) = &content {
                    objects += events.created.len();
                }
                received.insert(message.id.clone(), (message, content));
            }
        };
        let mut sorted = SplitMap::new(received, window);
        // What is not for us now is given back, so that somebody else can have it.
        let release = std::mem::take(&mut sorted.release);
        for message in &release {
            hold.remove(&message.id);
        }
        // Where that fails it comes back when its time is over.
        queue.release(release.into_iter().map(|message| message.handle).collect()).await;
        Ok(ReceivedMessages { queue, hold, sorted, full })
    }
}

#[async_trait]
impl Source for SqsSource {
    async fn splits(&self, window: &Window) -> Result<Listing, Error> {
        let taken = self.taken.get_or_try_init(|| self.take(window)).await?;
        Ok(taken.sorted.listing.clone())
    }

    async fn head(&self, split: &Split, bytes_max: usize) -> Result<Bytes, Error> {
        self.understood(split)?;
        self.objects.head(split, bytes_max).await
    }

    async fn open(&self, split: &Split) -> Result<ByteStream, Error> {
        self.understood(split)?;
        self.objects.open(split).await
    }

    async fn open_random_access(&self, split: &Split) -> Result<Box<dyn AsyncFileReader>, Error> {
        self.understood(split)?;
        self.objects.seek(split).await
    }

    fn prefetch(&self, splits: &[Split]) {
        self.objects.upcoming(splits.iter().filter(|split| self.unclear(split).is_none()));
    }

    async fn acknowledge(&self, outcome: &ReadOutcome) -> Result<Vec<String>, Error> {
        match self.taken.get() {
            Some(taken) => taken.settle(&self.url, outcome).await,
            None => Ok(Vec::new()),
        }
    }
}
