//! What reading the logs costs at the least: every gzip object below the folders named, inflated to nowhere by
//! the inflater that flowq uses. `benches/peers.py` runs it beside flowq.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot read its data has failed")]

use std::fs::File;
use std::io::{BufReader, Read as _};

use flate2::read::MultiGzDecoder;
use walkdir::WalkDir;

fn main() {
    let mut bytes = 0u64;
    let mut buffer = vec![0; 64 << 10];
    // `cargo bench` adds a flag of its own.
    for folder in std::env::args().skip(1).filter(|argument| !argument.starts_with("--")) {
        for entry in WalkDir::new(folder).sort_by_file_name() {
            let entry = entry.unwrap();
            if entry.path().extension().is_none_or(|end| end != "gz") {
                continue;
            }
            let file = BufReader::with_capacity(64 << 10, File::open(entry.path()).unwrap());
            let mut decoder = MultiGzDecoder::new(file);
            loop {
                let read = decoder.read(&mut buffer).unwrap();
                if read == 0 {
                    break;
                }
                bytes += read as u64;
            }
        }
    }
    // Printed, so that the work cannot be left out.
    assert!(std::hint::black_box(bytes) < u64::MAX);
}
