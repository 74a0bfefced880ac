//! The SQL columns of the fields of an object, whatever their names are.

use std::collections::{HashMap, HashSet};

use crate::flow::field::{LINE, Layout, OBJECT, column_name};

/// Columns that flowq adds: where a row came from, the partitions of the lake, and what the inventory
/// adds to a record. A field of a log with one of these names gets another one.
#[rustfmt::skip]
pub const RESERVED: &[&str] = &[
    OBJECT, LINE,
    "log_account", "log_region", "date", "hour",
    "job_name", "job_arn", "job_candidates", "attribution", "eni_role", "network_isolation", "eni_belongs_to",
    "local_account_id", "local_region", "local_vpc_id", "local_subnet_id", "direction", "local_addr", "local_port",
    "remote_addr", "remote_port", "syn_by", "remote_interface_id", "remote_job_name", "remote_scope", "s3_path",
    "s3_evidence",
];

/// Characters of a column's name, at most.
const NAME_MAX: usize = 100;

/// The same, with what is put behind it.
const COLUMN_MAX: usize = 120;

/// Returns the SQL column of each field of an object, in their order. The known fields have the names of
/// [`Field::column`](crate::flow::field::Field::column). Others are lower case, of letters, digits and `_`, as
/// Delta Lake and SQL take them; where flowq has a column of that name, `_` follows; where two fields of the
/// object come to the same, a number follows.
pub fn columns_of<'a>(layout: Layout, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut columns: Vec<Result<String, &str>> = names
        .map(|name| {
            let dashed = name.replace('_', "-");
            match layout.field(&dashed) {
                Some(known) => Ok(known.column()),
                None => Err(name),
            }
        })
        .collect();
    let mut used: HashSet<String> = columns.iter().flatten().cloned().collect();
    let mut next: HashMap<String, usize> = HashMap::new();
    for column in &mut columns {
        let Err(name) = column else { continue };
        let base = own_column(name);
        let mut unique = base.clone();
        while !used.insert(unique.clone()) {
            let number = next.entry(base.clone()).or_insert(1);
            *number += 1;
            unique = format!("{base}_{number}");
        }
        *column = Ok(unique);
    }
    columns.into_iter().flatten().collect()
}

/// Returns whether a column of an own field can be in a table as it is.
pub fn is_plain_column(name: &str) -> bool {
    !is_reserved(name) && clean(name) == name && name.chars().count() <= COLUMN_MAX
}

/// The column of a field that flowq does not know.
fn own_column(name: &str) -> String {
    let mut column = plain(name);
    // `object` becomes `object_`, and an own `object_` then `object__`.
    if is_reserved(column.trim_end_matches('_')) {
        column.push('_');
    }
    column
}

fn is_reserved(name: &str) -> bool {
    let layouts = [Layout::Vpc, Layout::TransitGateway];
    let is_known =
        || layouts.iter().any(|l| l.fields().iter().any(|f| column_name(f.name) == name));
    RESERVED.contains(&name) || is_known()
}

/// Lower case, letters, digits and `_`, a letter first.
fn clean(name: &str) -> String {
    let letter = |c: char| if c.is_alphanumeric() { c } else { '_' };
    let mut column: String = name.chars().flat_map(char::to_lowercase).map(letter).collect();
    if !column.starts_with(char::is_alphabetic) {
        column.insert(0, 'x');
    }
    column
}

/// As [`clean`], and not too long.
fn plain(name: &str) -> String {
    let column = clean(name);
    if column.chars().count() <= NAME_MAX {
        return column;
    }
    let start: String = column.chars().take(NAME_MAX - 17).collect();
    format!("{start}_{:016x}", hash(name))
}

/// FNV-1a: the same in every build, since columns of the lake have it in their names.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns(names: &[&str]) -> Vec<String> {
        columns_of(Layout::Vpc, names.iter().copied())
    }

    #[test]
    fn no_field_of_a_log_takes_the_name_of_a_column_of_flowq() {
        assert_eq!(columns(&["srcaddr", "new-in-twelve"]), ["srcaddr", "new_in_twelve"]);
        assert_eq!(columns(&["object", "line", "date"]), ["object_", "line_", "date_"]);
        assert_eq!(columns(&["log-account", "hour-"]), ["log_account_", "hour__"]);
        assert_eq!(columns(&["job-name", "SrcAddr"]), ["job_name_", "srcaddr_"]);
        assert_eq!(columns(&["Foo", "foo", "FOO", "foo_2"]), ["foo", "foo_2", "foo_3", "foo_2_2"]);
        assert_eq!(
            columns(&["a b", "a,b", "1st", "_metadata"]),
            ["a_b", "a_b_2", "x1st", "x_metadata"]
        );
        assert_eq!(columns(&[""]), ["x"]);
        let long = columns(&[&"a".repeat(400), &format!("{}b", "a".repeat(399))]);
        assert!(long.iter().all(|name| name.len() == NAME_MAX) && long[0] != long[1], "{long:?}");
    }

    proptest! {
        #[test]
        fn every_own_column_is_one_that_a_table_can_have(
            names in proptest::collection::vec("\\PC{0,20}|[A-Za-z_.,;{}()=\\t\\n -]{0,120}|object_*|date_*", 1..12)
        ) {
            let columns = columns_of(Layout::Vpc, names.iter().map(String::as_str));
            prop_assert_eq!(columns.len(), names.len());
            let mut seen = HashSet::new();
            for (column, name) in columns.iter().zip(&names) {
                let is_known = Layout::Vpc.field(&name.replace('_', "-")).is_some();
                prop_assert!(is_known || is_plain_column(column), "{:?} gives {:?}", name, column);
                prop_assert!(is_known || seen.insert(column.to_lowercase()), "{:?} is there twice", column);
            }
        }
    }
}
