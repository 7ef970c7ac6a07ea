//! Durations as Flink's `TimeUtils` reads them.

use std::time::Duration;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// The text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Neither `<number> <unit>` nor ISO 8601.
    #[error("\"{text}\" is no duration; write a whole number and a unit, such as \"10 s\", \"5 min\" or \"1 d\"")]
    Form {
        /// What was written.
        text: String,
    },
    /// The unit is unknown.
    #[error("\"{unit}\" is no unit of time; use ms, s, min, h or d")]
    Unit {
        /// What was written.
        unit: String,
    },
    /// More than can be counted.
    #[error("\"{text}\" is too long a duration")]
    Overflow {
        /// What was written.
        text: String,
    },
}

/// Reads `"10 min"`, `"1d"`, `"500"` (milliseconds) or ISO 8601 `"PT1H30M"`.
///
/// # Errors
/// When the text has another form, names an unknown unit, or is negative or too long.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let trimmed = text.trim();
    if let Some(nanos) = iso_nanos(trimmed) {
        let (seconds, rest) = (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND);
        return match (u64::try_from(seconds), u32::try_from(rest)) {
            (Ok(seconds), Ok(rest)) => Ok(Duration::new(seconds, rest)),
            _ => Err(DurationError::Form { text: text.to_owned() }),
        };
    }
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = trimmed.split_at(digits);
    if number.is_empty() {
        return Err(DurationError::Form { text: text.to_owned() });
    }
    let overflow = || DurationError::Overflow { text: text.to_owned() };
    // Flink counts in a Java long.
    let number: u64 = number.parse::<i64>().map_err(|_| overflow())?.unsigned_abs();
    let unit = unit.trim().to_lowercase();
    let seconds = |per_unit: u64| {
        number
            .checked_mul(per_unit)
            .map(Duration::from_secs)
            .ok_or_else(overflow)
    };
    match unit.as_str() {
        "d" | "day" | "days" => seconds(86_400),
        "h" | "hour" | "hours" => seconds(3_600),
        "m" | "min" | "minute" | "minutes" => seconds(60),
        "s" | "sec" | "secs" | "second" | "seconds" => seconds(1),
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => Ok(Duration::from_millis(number)),
        "µs" | "micro" | "micros" | "microsecond" | "microseconds" => Ok(Duration::from_micros(number)),
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => Ok(Duration::from_nanos(number)),
        _ => Err(DurationError::Unit { unit }),
    }
}

/// Nanoseconds of ISO 8601 as `java.time.Duration.parse` reads it: `[-+]P[nD][T[nH][nM][n[.n]S]]`, every number with a
/// sign of its own where it has one.
pub(crate) fn iso_nanos(text: &str) -> Option<i128> {
    let upper = text.to_ascii_uppercase();
    let (sign, rest) = match upper.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, upper.strip_prefix('+').unwrap_or(&upper)),
    };
    let rest = rest.strip_prefix('P')?;
    let (days, time) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((days, time)) => (days, time),
        None => (rest, ""),
    };
    if days.is_empty() && time.is_empty() {
        return None;
    }
    // Java reads each number as a long.
    let whole = |number: &str| number.parse::<i64>().ok().map(i128::from);
    let mut total = 0;
    if !days.is_empty() {
        total += whole(days.strip_suffix('D')?)? * 86_400 * NANOS_PER_SECOND;
    }
    let mut rest = time;
    for (unit, seconds) in [('H', 3_600), ('M', 60)] {
        if let Some((number, after)) = rest.split_once(unit) {
            total += whole(number)? * seconds * NANOS_PER_SECOND;
            rest = after;
        }
    }
    if !rest.is_empty() {
        let number = rest.strip_suffix('S')?;
        let (number, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
        if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let nanos: i128 = format!("{fraction:0<9}").parse().ok()?;
        total += whole(number)? * NANOS_PER_SECOND + if number.starts_with('-') { -nanos } else { nanos };
    }
    // And counts the seconds of the whole in one.
    i64::try_from(total / NANOS_PER_SECOND).ok()?;
    Some(sign * total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("10 min", 600_000)]
    #[case("10m", 600_000)]
    #[case("1d", 86_400_000)]
    #[case(" 2 Hours ", 7_200_000)]
    #[case("15 s", 15_000)]
    #[case("3secs", 3_000)]
    #[case("500", 500)]
    #[case("7 ms", 7)]
    #[case("1000 µs", 1)]
    #[case("5000000ns", 5)]
    #[case("PT10M", 600_000)]
    #[case("P1DT1H1M1.5S", 90_061_500)]
    #[case("pt0s", 0)]
    #[case("P1DT-1H", 82_800_000)]
    #[case("-PT-1.5S", 1_500)]
    #[case("+PT1,5S", 1_500)]
    fn reads(#[case] text: &str, #[case] millis: u64) {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)));
    }

    #[rstest]
    #[case("")]
    #[case("min")]
    #[case("-1 min")]
    #[case("1.5 h")]
    #[case("10 parsecs")]
    #[case("99999999999999999999 s")]
    #[case("9223372036854775807 d")]
    #[case("PT")]
    #[case("P")]
    #[case("PT-1S")]
    #[case("P1H")]
    #[case("PT-0.5S")]
    #[case("PT1M1H")]
    #[case("P9223372036854775807D")]
    fn refuses(#[case] text: &str) {
        assert!(parse_duration(text).is_err());
    }

    #[test]
    fn an_unknown_unit_is_named() {
        assert_eq!(
            parse_duration("10 parsecs").unwrap_err().to_string(),
            "\"parsecs\" is no unit of time; use ms, s, min, h or d"
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,24}|[pP0-9DTHMS.]{0,16}|[0-9]{1,20} ?[a-zµ]{0,4}") {
            let _ = parse_duration(&text);
        }
    }
}
