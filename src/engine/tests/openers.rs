//! Who opened a connection, where its beginning lies inside the log, at its edge, or before the window.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;

use super::*;
use crate::inventory::model::{Attribution, Eni};

const FIELDS: &str = "version interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end \
                      action log-status tcp-flags flow-direction";

/// 2026-03-10T08:00:00Z.
const T0: i64 = 1_773_129_600;

/// Local and remote port, protocol: a connection.
type Key = (i64, i64, i64);

/// One record: its connection, whether the job sent it, when it starts and ends after [`T0`], its flags.
type Record = (Key, bool, i64, i64, Option<i64>);

fn log<'a>(records: impl IntoIterator<Item = &'a Record>) -> String {
    let line = |((local, remote, protocol), out, start, end, flags): &Record| {
        let (start, end) = (T0 + start, T0 + end);
        let flags = flags.map_or("-".to_owned(), |flags| flags.to_string());
        let (ends, ports, direction) = match out {
            true => ("10.0.0.1 203.0.113.9", format!("{local} {remote}"), "egress"),
            false => ("203.0.113.9 10.0.0.1", format!("{remote} {local}"), "ingress"),
        };
        format!(
            "5 eni-1 {ends} {ports} {protocol} 1 100 {start} {end} ACCEPT OK {flags} {direction}\n"
        )
    };
    format!("{FIELDS}\n{}", records.into_iter().map(line).collect::<String>())
}

/// An engine over a log of the interface of a job that was created this many seconds after [`T0`].
async fn engine(text: &str, made: Option<i64>, since: Option<i64>) -> Engine {
    let eni = Eni {
        interface_id: "eni-1".to_owned(),
        addresses: vec!["10.0.0.1".to_owned()],
        vpc_id: Some("vpc-1".to_owned()),
        job_name: Some("nightly".to_owned()),
        attribution: Some(Attribution::Exact),
        valid_from: made.map(|made| T0 + made),
        ..Eni::default()
    };
    let inventory = Inventory { enis: vec![eni], ..Inventory::default() };
    let context = Arc::new(Enricher::new(Arc::new(inventory), Vec::new(), T0 + 86_400));
    let resources = Resources { threads: 2, memory_bytes: 256 << 20 };
    let options = ScanOptions::new(Window::new(since.map(|since| T0 + since), None));
    Engine::new(memory(&[("log", text)]), context, options, &resources).await.unwrap()
}

const OPENERS: &str = "SELECT local_port || ' ' || remote_port || ' ' || protocol, coalesce(opened_by, '-'), records, \
                       accepted_bytes_out, first_seen FROM conversations ORDER BY 1";

async fn openers(records: &[Record], made: Option<i64>, since: Option<i64>) -> Vec<String> {
    let engine = engine(&log(records), made, since).await;
    let rows = ask(&engine, OPENERS).await;
    rows.iter().map(|row| row.split(' ').skip(3).collect::<Vec<_>>().join(" ")).collect()
}

/// A long upload to port 443 from port 45001: the far side's packet is the first of each later interval.
fn upload(flags: Option<i64>) -> Vec<Record> {
    let key = (45_001, 443, 6);
    let mut records =
        vec![(key, true, 0, 50, flags.map(|_| 2)), (key, false, 1, 50, flags.map(|_| 18))];
    for minute in 1..20 {
        records.push((key, false, minute * 60, minute * 60 + 50, flags));
        records.push((key, true, minute * 60 + 2, minute * 60 + 50, flags));
    }
    records
}

#[tokio::test]
async fn a_beginning_before_the_window_is_read_in_the_margin() {
    for flags in [Some(0), None] {
        let found = openers(&upload(flags), None, Some(600)).await;
        assert_eq!(found, ["local 20 1000 2026-03-10T08:10:00Z"], "{flags:?}");
    }
}

#[tokio::test]
async fn where_the_beginning_is_not_there_ports_and_first_start_must_agree() {
    let middle = |flags| upload(flags).into_iter().filter(|record| record.2 >= 600);
    for flags in [Some(0), None] {
        // The far side started first, and the ports say that the job opened.
        let records: Vec<Record> = middle(flags).collect();
        assert_eq!(openers(&records, None, None).await, ["- 20 1000 2026-03-10T08:10:00Z"]);
        // A served client, whose server sent first: no egress.
        let mirror = |((local, remote, protocol), out, start, end, flags): Record| {
            ((remote, local, protocol), !out, start, end, flags)
        };
        let records: Vec<Record> = middle(flags).map(mirror).collect();
        assert_eq!(openers(&records, None, None).await, ["- 20 1000 2026-03-10T08:10:00Z"]);
        // They agree.
        let records: Vec<Record> = middle(flags)
            .map(|(key, out, ..)| (key, out, 600 + i64::from(!out), 650, flags))
            .collect();
        assert!(openers(&records, None, None).await[0].starts_with("local "));
    }
}

#[tokio::test]
async fn a_beginning_well_inside_the_log_is_told_by_the_first_start() {
    let late: Vec<Record> = [
        ((22, 30_000, 17), true, 0, 50, None),
        ((45_001, 443, 6), false, 600, 650, None),
        ((45_001, 443, 6), true, 601, 650, None),
    ]
    .into();
    // The log of the interface began ten minutes before, or with the interface.
    assert!(openers(&late, None, None).await[1].starts_with("remote "));
    assert!(openers(&late[1..], None, None).await[0].starts_with("- "));
    assert!(openers(&late[1..], Some(590), None).await[0].starts_with("remote "));
    assert!(openers(&late[1..], Some(500), None).await[0].starts_with("- "));
    // Flags that hold no SYN say that it began earlier.
    let flagged: Vec<Record> =
        late.iter().map(|(k, o, s, e, _)| (*k, *o, *s, *e, Some(16))).collect();
    assert!(openers(&flagged, None, None).await[1].starts_with("- "));
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let key = (
        select(vec![22, 443, 30_000, 40_000, 50_001]),
        select(vec![443, 8080, 45_001]),
        select(vec![6, 17]),
    );
    let times = (0i64..40, 0i64..6);
    let flags = select(vec![None, None, Some(0), Some(2), Some(18)]);
    let record =
        (key, any::<bool>(), times, flags).prop_map(|(key, out, (minute, second), flags)| {
            let start = minute * 60 + second;
            let flags = flags.filter(|_| key.2 == 6);
            (key, out, start, start + 50, flags)
        });
    vec(record, 1..25)
}

/// What each connection with records was found to be.
async fn by_key(engine: &Engine) -> BTreeMap<Key, (Option<String>, i64)> {
    let sql = "SELECT local_port, remote_port, protocol, coalesce(opened_by, '-'), records FROM conversations";
    let key = |row: &String| {
        let cells: Vec<&str> = row.split(' ').collect();
        let number = |at: usize| cells[at].parse::<i64>().unwrap();
        let opened_by = Some(cells[3]).filter(|text| *text != "-").map(str::to_owned);
        ((number(0), number(1), number(2)), (opened_by, number(4)))
    };
    ask(engine, sql).await.iter().map(key).collect()
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(24))]

    /// What lies wholly in a part of the log is found there as in the whole, or as not known: at worst weaker. With
    /// the whole log before it, a window finds all of its connections as the whole log does.
    #[test]
    fn a_part_of_the_log_says_the_same_or_less(
        records in records(),
        from in 0i64..40,
        minutes in 1i64..40,
        made in select(vec![None, Some(0), Some(700)]),
    ) {
        let (from, to) = (from * 60, (from + minutes) * 60);
        let inside = |record: &&Record| from <= record.2 && record.2 < to;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (whole, part, window) = runtime.block_on(async {
            let whole = engine(&log(&records), made, None).await;
            let part = engine(&log(records.iter().filter(inside)), made, None).await;
            let window = engine(&log(&records), made, Some(from)).await;
            (by_key(&whole).await, by_key(&part).await, by_key(&window).await)
        });
        for (key, (opened_by, count)) in &part {
            let (in_whole, all) = &whole[key];
            if count == all {
                prop_assert!(opened_by.is_none() || opened_by == in_whole, "{key:?}: {opened_by:?} {in_whole:?}");
            }
        }
        for (key, (opened_by, count)) in &window {
            prop_assert_eq!(opened_by, &whole[key].0, "{:?}", key);
            let own = records.iter().filter(|record| record.0 == *key && record.3 >= from);
            prop_assert_eq!(*count, own.count() as i64);
        }
        let expected = records.iter().filter(|record| record.3 >= from).map(|record| record.0);
        let expected: std::collections::BTreeSet<Key> = expected.collect();
        prop_assert_eq!(window.keys().copied().collect::<std::collections::BTreeSet<Key>>(), expected);
    }
}

#[tokio::test]
async fn flows_say_what_conversations_do() {
    for (records, since) in [(upload(Some(0)), Some(600)), (upload(None), None)] {
        let engine = engine(&log(&records), None, since).await;
        let sql = "SELECT coalesce(opened_by, '-'), count(*), min(start) FROM flows GROUP BY 1";
        let want = match since {
            Some(_) => "local 20 2026-03-10T08:10:00Z",
            None => "local 40 2026-03-10T08:00:00Z",
        };
        assert_eq!(ask(&engine, sql).await, [want]);
        assert_eq!(
            ask(&engine, "SELECT count(*) FROM flow_logs").await,
            [want.split(' ').nth(1).unwrap()]
        );
    }
    let middle: Vec<Record> =
        upload(Some(0)).into_iter().filter(|record| record.2 >= 600).collect();
    let engine = engine(&log(&middle), None, None).await;
    assert_eq!(ask(&engine, "SELECT DISTINCT coalesce(opened_by, '-') FROM flows").await, ["-"]);
}
