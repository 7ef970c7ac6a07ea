//! Sizes in bytes as Flink's `MemorySize` reads and writes them.

use std::fmt;
use std::str::FromStr;

use super::Amount;

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemorySize(u64);

/// The text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemorySizeError {
    /// It does not begin with a whole number, or the unit is unknown.
    #[error(
        "\"{text}\" is no size; write a whole number and a unit of k, m, g or t (powers of 1024), such as \"2048m\", or a Kubernetes quantity such as \"2Gi\""
    )]
    Form {
        /// What was written.
        text: String,
    },
    /// More than can be counted.
    #[error("\"{text}\" is more than can be counted")]
    Overflow {
        /// What was written.
        text: String,
    },
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

impl MemorySize {
    /// No bytes.
    pub const ZERO: Self = Self(0);

    /// A size of so many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A size of so many MiB; the largest size where that is too many.
    #[must_use]
    pub const fn from_mebibytes(mebibytes: u64) -> Self {
        Self(mebibytes.saturating_mul(MIB))
    }

    /// Bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Whole MiB, rounded down.
    #[must_use]
    pub const fn mebibytes(self) -> u64 {
        self.0 / MIB
    }
}

impl FromStr for MemorySize {
    type Err = MemorySizeError;

    /// Flink's grammar: a whole number and, in any case, `b`/`bytes`, `k`/`kb`/`kibibytes`, `m`/..., `g`/..., `t`/...;
    /// bytes where no unit stands.
    fn from_str(text: &str) -> Result<Self, MemorySizeError> {
        let trimmed = text.trim();
        let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = trimmed.split_at(digits);
        let form = || MemorySizeError::Form { text: text.to_owned() };
        if number.is_empty() {
            return Err(form());
        }
        let factor = match unit.trim().to_lowercase().as_str() {
            "" | "b" | "bytes" => 1,
            "k" | "kb" | "kibibytes" => KIB,
            "m" | "mb" | "mebibytes" => MIB,
            "g" | "gb" | "gibibytes" => GIB,
            "t" | "tb" | "tebibytes" => TIB,
            _ => return Err(form()),
        };
        // Flink counts in a Java long.
        number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(factor))
            .filter(|&bytes| i64::try_from(bytes).is_ok())
            .map(Self)
            .ok_or_else(|| MemorySizeError::Overflow { text: text.to_owned() })
    }
}

/// The text that Flink's `MemorySize.toString` writes: the largest unit that gives a whole number, up to gb.
impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Flink leaves multiples of its largest unit, and 0, in bytes.
        let (factor, unit) = if self.0.is_multiple_of(TIB) {
            (1, "bytes")
        } else if self.0.is_multiple_of(GIB) {
            (GIB, "gb")
        } else if self.0.is_multiple_of(MIB) {
            (MIB, "mb")
        } else if self.0.is_multiple_of(KIB) {
            (KIB, "kb")
        } else {
            (1, "bytes")
        };
        write!(f, "{} {unit}", self.0 / factor)
    }
}

/// Reads an amount of memory of a spec: Flink's grammar first (so "2048m" is 2048 MiB and "500M" is 500 MiB), and only
/// where that fails a Kubernetes quantity in any case, with a trailing `B` allowed ("2Gi", "2GiB", "1.5g").
///
/// # Errors
/// When neither grammar fits, or the amount is negative.
pub fn parse_memory_flink_then_kubernetes(text: &str) -> Result<MemorySize, MemorySizeError> {
    let error = match text.parse() {
        Ok(size) => return Ok(size),
        Err(error) => error,
    };
    let mut quantity: String = text.split_whitespace().collect::<String>().to_uppercase();
    if quantity.ends_with('B') {
        quantity.pop();
    }
    if quantity.ends_with('I') {
        quantity.pop();
        quantity.push('i');
    }
    // Upper-casing turned the only lower-case decimal suffix that means more than one into one that Kubernetes lacks.
    if quantity.ends_with('K') {
        quantity.pop();
        quantity.push('k');
    }
    let amount: Amount = quantity.parse().map_err(|_| error)?;
    // Amounts are capped at what Flink can count, as Kubernetes caps them.
    amount
        .ceil()
        .map(MemorySize)
        .ok_or_else(|| MemorySizeError::Form { text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2048m", 2048 * MIB)]
    #[case("2048 MB", 2048 * MIB)]
    #[case("1g", GIB)]
    #[case("1 tebibytes", TIB)]
    #[case("64kb", 64 * KIB)]
    #[case("123", 123)]
    #[case("5 b", 5)]
    #[case("0", 0)]
    fn reads_flink(#[case] text: &str, #[case] bytes: u64) {
        assert_eq!(text.parse(), Ok(MemorySize(bytes)));
    }

    #[rstest]
    #[case("")]
    #[case("m")]
    #[case("2Gi")]
    #[case("1.5g")]
    #[case("-1m")]
    #[case("99999999999999999999")]
    #[case("9999999999g")]
    fn refuses_flink(#[case] text: &str) {
        assert!(text.parse::<MemorySize>().is_err());
    }

    #[rstest]
    #[case(0, "0 bytes")]
    #[case(1, "1 bytes")]
    #[case(1536, "1536 bytes")]
    #[case(64 * KIB, "64 kb")]
    #[case(2048 * MIB, "2 gb")]
    #[case(577 * MIB, "577 mb")]
    #[case(TIB, "1099511627776 bytes")]
    #[case(1536 * GIB, "1536 gb")]
    fn writes(#[case] bytes: u64, #[case] text: &str) {
        assert_eq!(MemorySize(bytes).to_string(), text);
    }

    #[rstest]
    #[case("2048m", 2048 * MIB)]
    #[case("500M", 500 * MIB)]
    #[case("1G", GIB)]
    #[case("2Gi", 2 * GIB)]
    #[case("2gi", 2 * GIB)]
    #[case("2 GiB", 2 * GIB)]
    #[case("512Mi", 512 * MIB)]
    #[case("1.5Gi", 1536 * MIB)]
    #[case("1.5G", 1_500_000_000)]
    #[case("0.5k", 500)]
    #[case("2e9", 2_000_000_000)]
    fn reads_both(#[case] text: &str, #[case] bytes: u64) {
        assert_eq!(parse_memory_flink_then_kubernetes(text), Ok(MemorySize(bytes)));
    }

    #[rstest]
    #[case("2GG")]
    #[case("two")]
    #[case("-2Gi")]
    #[case("")]
    fn refuses_both(#[case] text: &str) {
        assert!(parse_memory_flink_then_kubernetes(text).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in 0..=i64::MAX.unsigned_abs()) {
            let size = MemorySize(bytes);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }

        #[test]
        fn never_panics(text in "\\PC{0,16}|[0-9.]{1,22} ?[a-zA-Z]{0,3}") {
            let _ = parse_memory_flink_then_kubernetes(&text);
        }
    }
}
