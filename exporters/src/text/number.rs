//! Numbers as a person reads them: three digits, a unit, never a bare float.
//!
//! JSON keeps them raw.

/// What is shown where a number is missing or is none.
pub const NONE: &str = "-";

/// `value` with three significant digits and no needless zeros behind the point.
fn three(value: f64) -> String {
    let size = value.abs();
    if size >= 99.95 || size == 0.0 {
        return format!("{value:.0}");
    }
    if size < 0.001 {
        return format!("{value:.1e}");
    }
    // Rounding may carry into the next digit: 9.996 is 10.0, not 10.00.
    let decimals = match size {
        s if s >= 9.995 => 1,
        s if s >= 0.9995 => 2,
        s if s >= 0.09995 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// Nanoseconds: `850 ns`, `12.3 ms`, `1.23 s`, `2 m 05 s`, `3 h 20 m`.
pub fn duration(ns: f64) -> String {
    if !ns.is_finite() {
        return NONE.into();
    }
    let size = ns.abs();
    if size < 999.5 {
        return format!("{ns:.0} ns");
    }
    for (unit, nanos) in [("µs", 1e3), ("ms", 1e6), ("s", 1e9)] {
        let limit = if unit == "s" { 119.5 } else { 999.5 };
        if size < limit * nanos {
            return format!("{} {unit}", three(ns / nanos));
        }
    }
    let sign = if ns < 0.0 { "-" } else { "" };
    let seconds = (size / 1e9).round() as u64;
    match seconds {
        s if s < 7_200 => format!("{sign}{} m {:02} s", s / 60, s % 60),
        s if s < 172_800 => format!("{sign}{} h {:02} m", s / 3_600, s % 3_600 / 60),
        s => format!("{sign}{} d {:02} h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// A change of nanoseconds, with its sign.
pub fn change(ns: f64) -> String {
    let sign = if ns > 0.0 { "+" } else { "" };
    format!("{sign}{}", duration(ns))
}

/// A share of 1: `12.3 %`.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        p if !p.is_finite() => NONE.into(),
        p if p != 0.0 && p.abs() < 0.01 => format!("{}0.01 %", if p > 0.0 { "<" } else { ">-" }),
        p if p.abs() >= 10.0 => format!("{p:.1} %"),
        p => format!("{p:.2} %"),
    }
}

/// A number without a unit: `1,204`, `12.3`, `0.00120`.
pub fn plain(value: f64) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    if value.abs() >= 1e15 {
        return format!("{value:.2e}");
    }
    if value.abs() >= 999.5 || (value.fract() == 0.0 && value.abs() < 1e6) {
        let digits = count(value.abs().round() as u64);
        return if value < 0.0 { format!("-{digits}") } else { digits };
    }
    three(value)
}

/// A whole number with its thousands apart.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A whole number for a narrow column: exact below ten million, then `12.3 M`, `1.23 G`.
pub fn short(n: u64) -> String {
    match n {
        n if n < 10_000_000 => count(n),
        n if n < 999_500_000 => format!("{} M", three(n as f64 / 1e6)),
        n => format!("{} G", plain(n as f64 / 1e9)),
    }
}

/// A value in a unit as sent (UCUM): times and bytes become readable, ratios percent, the rest
/// keeps its (cleaned) unit.
pub fn quantity(value: f64, unit: &str) -> String {
    if !value.is_finite() {
        return NONE.into();
    }
    match unit {
        "ns" => duration(value),
        "us" | "µs" => duration(value * 1e3),
        "ms" => duration(value * 1e6),
        "s" => duration(value * 1e9),
        "1" | "ratio" if value.abs() <= 1.0 => percent(value),
        "%" => percent(value / 100.0),
        "By" | "bytes" => bytes(value),
        "" | "1" | "ratio" => plain(value),
        other => format!("{} {}", plain(value), super::clean_to(other, 16)),
    }
}

fn bytes(value: f64) -> String {
    let mut scaled = value;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if scaled.abs() < 1023.5 {
            let digits = if unit == "B" { format!("{scaled:.0}") } else { three(scaled) };
            return format!("{digits} {unit}");
        }
        scaled /= 1024.0;
    }
    format!("{} TiB", plain(scaled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let table = [
            (0.0, "0 ns"),
            (850.4, "850 ns"),
            (999.6, "1.00 µs"),
            (12_345_678.0, "12.3 ms"),
            (999_600_000.0, "1.00 s"),
            (9_996_000.0, "10.0 ms"),
            (99_960_000.0, "100 ms"),
            (119.4e9, "119 s"),
            (125e9, "2 m 05 s"),
            (12_000e9, "3 h 20 m"),
            (200_000e9, "2 d 07 h"),
            (-1.5e6, "-1.50 ms"),
            (f64::NAN, "-"),
            (f64::INFINITY, "-"),
        ];
        for (ns, shown) in table {
            assert_eq!(duration(ns), shown, "{ns}");
        }
        assert_eq!(change(1.5e6), "+1.50 ms");
    }

    #[test]
    fn ratios_counts_and_units() {
        assert_eq!(percent(0.1234), "12.3 %");
        assert_eq!(percent(0.00004), "<0.01 %");
        assert_eq!(percent(0.0), "0.00 %");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(123), "123");
        assert_eq!(short(9_999_999), "9,999,999");
        assert_eq!(short(12_345_678), "12.3 M");
        assert_eq!(short(1_234_567_890), "1.23 G");
        assert_eq!(plain(1204.4), "1,204");
        assert_eq!(plain(-0.0012), "-0.0012");
        assert_eq!(plain(7.0), "7");
        assert_eq!(plain(f64::NAN), "-");
        assert_eq!(quantity(0.5, "s"), "500 ms");
        assert_eq!(quantity(0.82, "1"), "82.0 %");
        assert_eq!(quantity(1.5 * 1024.0 * 1024.0, "By"), "1.50 MiB");
        assert_eq!(quantity(12.0, "{connection}\u{1b}"), "12 {connection}…");
        assert_eq!(quantity(1e300, "By"), "9.09e287 TiB");
    }
}
