//! Numbers, sizes and times as people read them.

/// `1234567` as `1,234,567`.
pub(super) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in units of 1,000, as AWS bills them: `1.2 MB`.
pub(super) fn bytes(number: i64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if number.unsigned_abs() < 1000 {
        return format!("{number} B");
    }
    let mut scaled = number as f64;
    let mut unit = "B";
    for next in UNITS {
        if scaled.abs() < 999.95 {
            break;
        }
        scaled /= 1000.0;
        unit = next;
    }
    match scaled.abs() {
        size if size < 10.0 => format!("{scaled:.2} {unit}"),
        size if size < 100.0 => format!("{scaled:.1} {unit}"),
        _ => format!("{scaled:.0} {unit}"),
    }
}

/// A Unix time as `2026-03-10 08:45:30`, UTC.
pub(super) fn time(secs: i64) -> String {
    let time = chrono::DateTime::from_timestamp(secs, 0);
    time.map_or_else(|| secs.to_string(), |time| time.format("%Y-%m-%d %H:%M:%S").to_string())
}

/// A Unix time as RFC 3339, UTC.
pub(super) fn rfc3339(secs: i64) -> String {
    crate::detection::finding::time_text(secs).unwrap_or_else(|| secs.to_string())
}

/// A length of time in its two greatest units: `2 h 5 min`.
pub(super) fn duration(secs: i64) -> String {
    let secs = secs.max(0);
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut parts = Vec::new();
    let mut rest = secs;
    for (size, unit) in units {
        if rest >= size && parts.len() < 2 {
            parts.push(format!("{} {unit}", rest / size));
        }
        rest %= size;
    }
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

/// A share of a whole in percent, rounded down to a tenth: 99.99 % is not all.
pub(super) fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return "–".to_owned();
    }
    let tenths = i128::from(part) * 1000 / i128::from(whole);
    format!("{}.{} %", tenths / 10, (tenths % 10).abs())
}

/// `1 job`, `2 jobs`.
pub(super) fn plural(number: usize, one: &str) -> String {
    let number_text = count(i64::try_from(number).unwrap_or(i64::MAX));
    if number == 1 { format!("1 {one}") } else { format!("{number_text} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(count(-1_234_567), "-1,234,567");
        assert_eq!(
            (bytes(999), bytes(1000), bytes(28_240_000)),
            ("999 B".into(), "1.00 kB".into(), "28.2 MB".into())
        );
        assert_eq!((bytes(999_999), bytes(i64::MAX)), ("1.00 MB".into(), "9.22 EB".into()));
        assert_eq!(time(1_773_133_200), "2026-03-10 09:00:00");
        assert_eq!(
            (duration(7505), duration(0), duration(90_000)),
            ("2 h 5 min".into(), "0 s".into(), "1 d 1 h".into())
        );
        assert_eq!((percent(9999, 10_000), percent(1, 0)), ("99.9 %".into(), "–".into()));
        assert_eq!((plural(1, "job"), plural(2, "job")), ("1 job".into(), "2 jobs".into()));
    }
}
