//! Quantities in Kubernetes' grammar (`resource.Quantity`), exact enough to compare.

use std::str::FromStr;

/// A quantity, counted in units of 10^-9 as Kubernetes does: smaller fractions are rounded away from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount {
    nanos: i128,
}

/// The text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{text}\" is no Kubernetes quantity; write a number with an optional suffix, such as \"500m\", \"2\" or \"1Gi\""
)]
pub struct AmountError {
    /// What was written.
    pub text: String,
}

const NANO: i128 = 1_000_000_000;
/// Kubernetes caps what does not fit into an i64 of the base unit.
const MAX: i128 = i64::MAX as i128 * NANO;

impl Amount {
    /// Whether it is less than zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// Whether it is more than zero.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.nanos > 0
    }

    /// The value rounded up to a whole number; `None` where it is negative.
    #[must_use]
    pub fn ceil(self) -> Option<u64> {
        u64::try_from(self.nanos)
            .ok()
            .map(|n| n.div_ceil(1_000_000_000))
            .or_else(|| {
                // More nanos than a u64 holds: whole units still fit, since MAX is bounded by i64.
                (self.nanos >= 0)
                    .then(|| (self.nanos + NANO - 1) / NANO)
                    .and_then(|units| u64::try_from(units).ok())
            })
    }

    /// The value as a floating-point number.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.nanos as f64 / NANO as f64
    }
}

/// What a suffix multiplies by: `mantissa * 2^binary * 10^decimal`.
struct Scale {
    binary: u32,
    decimal: i32,
}

fn scale(suffix: &str) -> Option<Scale> {
    let (binary, decimal) = match suffix {
        "" => (0, 0),
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let exponent: i32 = exponent.parse().ok()?;
            (0, exponent)
        }
    };
    Some(Scale { binary, decimal })
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        parse(text).ok_or_else(|| AmountError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Amount> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned
        .bytes()
        .take_while(|b| b.is_ascii_digit() || *b == b'.')
        .count();
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let nanos = nanos(whole.trim_start_matches('0'), fraction, &scale(suffix)?);
    Some(Amount {
        nanos: if negative { -nanos } else { nanos },
    })
}

/// Digits behind the point that are looked at; what lies behind them only rounds up.
const FRACTION_DIGITS: usize = 18;

/// `whole.fraction` times `scale` in nanos, rounded up, at most [`MAX`].
fn nanos(whole: &str, fraction: &str, scale: &Scale) -> i128 {
    if whole.len() > 19 {
        return MAX;
    }
    let (fraction, dropped) = fraction.split_at(fraction.len().min(FRACTION_DIGITS));
    let digits: i128 = format!("0{whole}{fraction:0<FRACTION_DIGITS$}").parse().unwrap_or(MAX);
    let dropped = dropped.bytes().any(|b| b != b'0');
    if digits == 0 && !dropped {
        return 0;
    }
    // `digits` counts 10^-18; nanos are 10^-9.
    let exponent = scale.decimal.saturating_sub(9);
    let value = if exponent >= 0 {
        (0..exponent.min(40)).fold(digits, |value, _| value.saturating_mul(10))
    } else {
        let divisor = 10_i128.checked_pow(exponent.unsigned_abs()).unwrap_or(i128::MAX);
        let (quotient, rest) = (digits / divisor, digits % divisor);
        // A binary suffix has no decimal part, so the divisor is 10^9 and `rest << 60` fits.
        let (rest, binary) = if scale.binary == 0 {
            (rest, 0)
        } else {
            (rest << scale.binary, scale.binary)
        };
        quotient
            .saturating_mul(1 << binary)
            .saturating_add(rest / divisor)
            .saturating_add(i128::from(rest % divisor != 0))
    };
    value.clamp(1, MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", 0)]
    #[case("1", NANO)]
    #[case("+1", NANO)]
    #[case("-1", -NANO)]
    #[case("500m", NANO / 2)]
    #[case("0.5", NANO / 2)]
    #[case(".5", NANO / 2)]
    #[case("5.", 5 * NANO)]
    #[case("1.5Gi", 1_610_612_736 * NANO)]
    #[case("1k", 1_000 * NANO)]
    #[case("1Ki", 1_024 * NANO)]
    #[case("1e3", 1_000 * NANO)]
    #[case("1E-3", NANO / 1_000)]
    #[case("2E", 2_000_000_000_000_000_000 * NANO)]
    #[case("7Ei", 7 * (1 << 60) * NANO)]
    #[case("9Ei", MAX)]
    #[case("1e99", MAX)]
    #[case("0.1n", 1)]
    #[case("1e-99", 1)]
    #[case("-0.1n", -1)]
    #[case("0.0000000000000000000000000000000000000000000001", 1)]
    fn reads(#[case] text: &str, #[case] nanos: i128) {
        assert_eq!(text.parse(), Ok(Amount { nanos }));
    }

    #[rstest]
    #[case("")]
    #[case("-")]
    #[case(".")]
    #[case("Gi")]
    #[case("1.2.3")]
    #[case("1 Gi")]
    #[case("2GB")]
    #[case("1gi")]
    #[case("0x10")]
    #[case("1e")]
    #[case("1e1.5")]
    fn refuses(#[case] text: &str) {
        assert!(text.parse::<Amount>().is_err());
    }

    #[rstest]
    #[case("1.1", Some(2))]
    #[case("2", Some(2))]
    #[case("1m", Some(1))]
    #[case("8E", Some(8_000_000_000_000_000_000))]
    #[case("-1", None)]
    fn rounds_up(#[case] text: &str, #[case] units: Option<u64>) {
        assert_eq!(text.parse::<Amount>().unwrap().ceil(), units);
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,20}|[-+]?[0-9.]{1,60}[eEmMGKTPnu]?i?[0-9-]{0,12}") {
            let _ = text.parse::<Amount>();
        }

        #[test]
        fn orders_as_numbers_do(a in 0u32.., b in 0u32.., suffix in "|m|k|M|Ki|Mi") {
            let (x, y): (Amount, Amount) = (format!("{a}{suffix}").parse().unwrap(), format!("{b}{suffix}").parse().unwrap());
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        }
    }
}
