//! Nanoseconds since the epoch as UTC, without a time zone library.

use super::number;
use longpole_model::signal::{SECOND, Timestamp, Window};

/// `2026-01-02 03:04:05Z`, with milliseconds where there are some.
pub fn utc(t: Timestamp) -> String {
    let (day, clock) = split(t);
    format!("{day} {clock}Z")
}

/// `2026-01-02T03:04:05Z` (RFC 3339), with milliseconds where there are some.
pub fn rfc3339(t: Timestamp) -> String {
    let (day, clock) = split(t);
    format!("{day}T{clock}Z")
}

/// `2026-01-02 03:04:05Z to 03:14:05Z (10 m 00 s)`; the second date only where it differs.
pub fn stretch(w: Window) -> String {
    if w.length() == 0 {
        return "no time".into();
    }
    let ((from_day, from), (to_day, to)) = (split(w.start), split(w.end));
    let long = number::duration(w.length() as f64);
    if from_day == to_day {
        format!("{from_day} {from}Z to {to}Z ({long})")
    } else {
        format!("{from_day} {from}Z to {to_day} {to}Z ({long})")
    }
}

fn split(t: Timestamp) -> (String, String) {
    let seconds = t.0 / SECOND;
    let millis = t.0 % SECOND / 1_000_000;
    let (year, month, day) = civil(seconds / 86_400);
    let s = seconds % 86_400;
    let mut clock = format!("{:02}:{:02}:{:02}", s / 3_600, s % 3_600 / 60, s % 60);
    if millis > 0 {
        clock.push_str(&format!(".{millis:03}"));
    }
    (format!("{year:04}-{month:02}-{day:02}"), clock)
}

/// Days since 1970-01-01 as a date of the Gregorian calendar (Hinnant, *chrono-compatible low-level
/// date algorithms*, `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(utc(Timestamp(0)), "1970-01-01 00:00:00Z");
        assert_eq!(utc(Timestamp(951_782_400 * SECOND)), "2000-02-29 00:00:00Z");
        assert_eq!(utc(Timestamp(1_767_323_045_120_000_000)), "2026-01-02 03:04:05.120Z");
        assert_eq!(rfc3339(Timestamp(1_767_323_045_120_000_000)), "2026-01-02T03:04:05.120Z");
        assert_eq!(utc(Timestamp(u64::MAX)), "2554-07-21 23:34:33.709Z");
        let w = |a, b| Window { start: Timestamp(a * SECOND), end: Timestamp(b * SECOND) };
        assert_eq!(stretch(w(86_390, 86_395)), "1970-01-01 23:59:50Z to 23:59:55Z (5.00 s)");
        let over = "1970-01-01 23:59:50Z to 1970-01-02 00:00:10Z (20.0 s)";
        assert_eq!(stretch(w(86_390, 86_410)), over);
        assert_eq!(stretch(w(5, 5)), "no time");
    }
}
