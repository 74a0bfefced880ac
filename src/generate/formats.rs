//! The same traffic in every format and envelope of flow logs.

use std::io;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::flow::field::TRANSIT_GATEWAY_FIELDS;
use crate::generate::documents::format;
use crate::generate::network::{ACCOUNT, REGION, VPC, id, mix};
use crate::generate::object_writer::{Storage, by_slot, hive_key, write_object};
use crate::generate::record_encoder::{Encoder, Record, Status};
use crate::generate::world::World;
use crate::generate::{Error, Format};

/// Records that an envelope shows.
const SHOWN: usize = 60;
/// Log group of the envelopes.
const LOG_GROUP: &str = "/aws/vpc/flow-logs";
const HOUR_SECS: i64 = 3600;

/// Writes `formats/`.
pub(super) fn write(world: &World, records: &[Record], dir: &Path) -> Result<(), Error> {
    let object = |name: &str, storage, format, records: &[Record]| {
        write_object(&dir.join(name), storage, &Encoder::new(format), &world.enis, records)
    };
    object("v2-default.log", Storage::Plain, Format::V2, records)?;
    object("v11-all.log.gz", Storage::Gzip, Format::V11, records)?;
    let part = &records[..records.len() / 4];
    object("custom-order.log", Storage::Plain, Format::Custom, part)?;
    hive(world, records, dir)?;

    let lines = lines(Format::V2, world, &records[..SHOWN.min(records.len())]);
    let put = |name: &str, bytes: io::Result<Vec<u8>>| {
        let path = dir.join(name);
        let written = bytes.and_then(|bytes| std::fs::write(&path, bytes));
        written.map_err(|err| Error::new(&path, err))
    };
    put("cloudwatch-export.gz", gzip(&[cloudwatch_export(&lines)]))?;
    put("firehose.json.gz", gzip(&subscription(&lines)))?;
    put("message-lines.json", Ok(message_lines(&lines).into_bytes()))?;
    let events = serde_json::to_vec_pretty(&filter_log_events(&lines));
    put("filter-log-events.json", events.map_err(io::Error::from))?;
    put("transit-gateway.log", Ok(transit_gateway(world).into_bytes()))?;

    let holes: Vec<Record> =
        records.iter().copied().filter(|record| record.status != Status::Ok).collect();
    object("nodata-skipdata.log", Storage::Plain, Format::V5, &holes)?;
    let v5 = Encoder::new(Format::V5).header() + "\n";
    let texts = self::lines(Format::V5, world, part);
    let text = |lines: &[Line]| {
        v5.clone() + &lines.iter().map(|line| format!("{}\n", line.text)).collect::<String>()
    };
    let (first, second) = texts.split_at(texts.len() / 2);
    put("multi-member.log.gz", gzip(&[text(first), text(second)]))?;
    let cut = gzip(&[text(&texts)]).map(|mut bytes| {
        bytes.truncate(bytes.len() * 6 / 10);
        bytes
    });
    put("truncated.log.gz", cut)?;
    put("oddities.log", Ok(oddities(&lines).into_bytes()))
}

/// One record as text, with what an envelope adds to it.
struct Line {
    eni: String,
    start: i64,
    text: String,
}

fn lines(format: Format, world: &World, records: &[Record]) -> Vec<Line> {
    let encoder = Encoder::new(format);
    let line = |record: &Record| {
        let mut text = Vec::new();
        encoder.line(record, &world.enis, &mut text);
        Line {
            eni: world.enis[record.eni].id.clone(),
            start: record.start,
            text: String::from_utf8_lossy(&text).into_owned(),
        }
    };
    records.iter().map(line).collect()
}

/// Writes Parquet in AWS's hourly Hive partitions.
fn hive(world: &World, records: &[Record], dir: &Path) -> Result<(), Error> {
    let encoder = Encoder::new(Format::V5);
    let slots = by_slot(records);
    let mut hours: Vec<(i64, Vec<Record>)> = Vec::new();
    for (slot, records) in slots {
        match hours.last_mut() {
            Some((first, hour)) if *first / HOUR_SECS == slot / HOUR_SECS => hour.extend(records),
            _ => hours.push((slot, records)),
        }
    }
    for (slot, records) in hours {
        let path = dir.join("hive").join(hive_key(slot, 0, Storage::Parquet));
        write_object(&path, Storage::Parquet, &encoder, &world.enis, &records)?;
    }
    Ok(())
}

/// Returns one gzip member for each text, one after the other.
fn gzip(members: &[String]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    for member in members {
        let mut encoder = GzEncoder::new(&mut out, Compression::default());
        encoder.write_all(member.as_bytes())?;
        encoder.finish()?;
    }
    Ok(out)
}

/// `CreateExportTask`: the time of the event, then the record; no header.
fn cloudwatch_export(lines: &[Line]) -> String {
    let line =
        |line: &Line| format!("{} {}\n", format(line.start, "%Y-%m-%dT%H:%M:%S.000Z"), line.text);
    lines.iter().map(line).collect()
}

/// A subscription by way of Firehose: one JSON document for each delivery, without newlines between.
fn subscription(lines: &[Line]) -> Vec<String> {
    let control = json!({
        "logEvents": [{
            "id": "",
            "message": "CWL CONTROL MESSAGE: Checking health of destination Firehose.",
            "timestamp": lines.first().map_or(0, |line| line.start) * 1000,
        }],
        "logGroup": "",
        "logStream": "",
        "messageType": "CONTROL_MESSAGE",
        "owner": "CloudwatchLogs",
        "subscriptionFilters": [],
    });
    let data = |(number, lines): (usize, &[Line])| {
        let event = |(i, line): (usize, &Line)| {
            let id = event_id(number * SHOWN + i);
            json!({"id": id, "message": line.text, "timestamp": line.start * 1000})
        };
        json!({
            "logEvents": lines.iter().enumerate().map(event).collect::<Vec<Value>>(),
            "logGroup": LOG_GROUP,
            "logStream": format!("{}-all", lines[0].eni),
            "messageType": "DATA_MESSAGE",
            "owner": ACCOUNT,
            "subscriptionFilters": ["flow-logs-to-firehose"],
        })
    };
    let streams: Vec<&[Line]> = lines.chunk_by(|a, b| a.eni == b.eni).collect();
    let messages = streams.into_iter().enumerate().map(data);
    let documents: Vec<String> =
        std::iter::once(control).chain(messages).map(|document| document.to_string()).collect();
    documents.chunks(4).map(|chunk| chunk.concat()).collect()
}

fn message_lines(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{}\n", json!({"message": line.text}))).collect()
}

/// What `aws logs filter-log-events` prints.
fn filter_log_events(lines: &[Line]) -> Value {
    let event = |(i, line): (usize, &Line)| {
        json!({
            "eventId": event_id(i),
            "ingestionTime": (line.start + 340) * 1000,
            "logStreamName": format!("{}-all", line.eni),
            "message": line.text,
            "timestamp": line.start * 1000,
        })
    };
    let events: Vec<Value> = lines.iter().enumerate().map(event).collect();
    json!({"events": events, "searchedLogStreams": []})
}

/// Returns 56 digits, as CloudWatch Logs has them.
fn event_id(number: usize) -> String {
    let number = number as u64;
    format!("3{:018}{:018}{number:019}", mix(1) % 1_000_000_000_000_000_000, mix(2) % 1_000_000_000)
}

/// A transit gateway's flow log: another layout, with fields of its own.
fn transit_gateway(world: &World) -> String {
    let names: Vec<&str> = TRANSIT_GATEWAY_FIELDS.iter().map(|field| field.name).collect();
    let (here, there) = (id("tgw-attach", 1), id("tgw-attach", 2));
    let mut out = names.join(" ") + "\n";
    for i in 0..12_i64 {
        let start = (world.start + i * 61).to_string();
        let end = (world.start + i * 61 + 55).to_string();
        let no_route = if i % 4 == 3 { "3" } else { "0" };
        let ingress = i % 2 == 0;
        let value = |name: &str| match name {
            "version" | "protocol" => "6".to_owned(),
            "resource-type" => "TransitGateway".to_owned(),
            "account-id" | "tgw-src-vpc-account-id" | "tgw-dst-vpc-account-id" => {
                ACCOUNT.to_owned()
            }
            "tgw-id" => id("tgw", 1),
            "tgw-attachment-id" => if ingress { &here } else { &there }.clone(),
            "tgw-pair-attachment-id" => if ingress { &there } else { &here }.clone(),
            "tgw-src-vpc-id" => VPC.to_owned(),
            "tgw-dst-vpc-id" => id("vpc", 2),
            "tgw-src-subnet-id" => id("subnet", 1),
            "tgw-dst-subnet-id" => id("subnet", 2),
            "tgw-src-eni" => id("eni", 900_001),
            "tgw-dst-eni" => id("eni", 900_002),
            "tgw-src-az-id" => "use1-az1".to_owned(),
            "tgw-dst-az-id" => "use1-az2".to_owned(),
            "srcaddr" => "10.20.16.20".to_owned(),
            "dstaddr" => "10.60.0.7".to_owned(),
            "srcport" => (41000 + i).to_string(),
            "dstport" => "5432".to_owned(),
            "packets" => (20 + i).to_string(),
            "bytes" => (4000 + 61 * i).to_string(),
            "start" => start.clone(),
            "end" => end.clone(),
            "log-status" => "OK".to_owned(),
            "type" => "IPv4".to_owned(),
            "packets-lost-no-route" => no_route.to_owned(),
            "tcp-flags" => "2".to_owned(),
            "region" => REGION.to_owned(),
            "flow-direction" => if ingress { "ingress" } else { "egress" }.to_owned(),
            lost if lost.starts_with("packets-lost") => "0".to_owned(),
            _ => "-".to_owned(),
        };
        let values: Vec<String> = names.iter().map(|name| value(name)).collect();
        out += &(values.join(" ") + "\n");
    }
    out
}

/// Everything that a reader trips over, and three lines that no reader can make sense of.
fn oddities(lines: &[Line]) -> String {
    let header = Encoder::new(Format::V2).header();
    let mut out = format!("{header}\r\n");
    for (i, Line { text, .. }) in lines.iter().take(20).enumerate() {
        match i {
            3 => out += &format!("{text}\r\n"),
            5 => out += &format!("{header}\n{text}\n"),
            7 => out += &format!("{}\n", text.replacen(' ', "   ", 4)),
            9 => out += &format!("{text}   \n\n"),
            11 => out += &format!("# a comment\n{text}\n"),
            12 => out += &format!("{}\n", &text[..text.len() / 2]),
            14 => out += &format!("{text} one too many\n"),
            16 => out += &format!("{}\n", text.replacen(" 2400 ", " 99999999999999999999 ", 1)),
            19 => out += text,
            _ => out += &format!("{text}\n"),
        }
    }
    out
}
