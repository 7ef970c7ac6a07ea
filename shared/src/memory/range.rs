//! A part that is a fraction of something, between a minimum and a maximum.

use super::MemoryError;
use crate::config::{ConfigOption, FlinkConfig, MemorySize};

/// The three options of such a part.
pub(super) struct RangeOptions {
    /// What the part is called.
    pub part: &'static str,
    /// The smallest size.
    pub min: ConfigOption<MemorySize>,
    /// The largest size.
    pub max: ConfigOption<MemorySize>,
    /// The fraction.
    pub fraction: ConfigOption<f64>,
}

/// The values of [`RangeOptions`].
pub(super) struct Range<'a> {
    options: &'a RangeOptions,
    min: u64,
    max: u64,
    fraction: f64,
}

impl RangeOptions {
    /// Reads and checks the three options.
    pub(super) fn read(&self, config: &FlinkConfig) -> Result<Range<'_>, MemoryError> {
        let min = size(config, &self.min)?;
        let max = size(config, &self.max)?;
        if min > max {
            return Err(MemoryError::Bounds {
                min_key: self.min.key,
                min: MemorySize::from_bytes(min),
                max_key: self.max.key,
                max: MemorySize::from_bytes(max),
            });
        }
        Ok(Range {
            options: self,
            min,
            max,
            fraction: fraction(config, &self.fraction)?,
        })
    }
}

impl Range<'_> {
    /// The part's share of `total`.
    pub(super) fn of(&self, total: u64) -> u64 {
        multiply(total, self.fraction).clamp(self.min, self.max)
    }

    /// The part's share of a total of which the rest is `rest`.
    pub(super) fn beside(&self, rest: u64) -> u64 {
        multiply(rest, self.fraction / (1.0 - self.fraction)).clamp(self.min, self.max)
    }

    /// Checks what is left for the part.
    pub(super) fn check(&self, left: u64) -> Result<(), MemoryError> {
        if (self.min..=self.max).contains(&left) {
            return Ok(());
        }
        Err(MemoryError::OutOfRange {
            part: self.options.part,
            left: MemorySize::from_bytes(left),
            min: MemorySize::from_bytes(self.min),
            min_key: self.options.min.key,
            max: MemorySize::from_bytes(self.max),
            max_key: self.options.max.key,
        })
    }
}

/// A size in bytes, or its default.
pub(super) fn size(config: &FlinkConfig, option: &ConfigOption<MemorySize>) -> Result<u64, MemoryError> {
    Ok(config.value_or_default(option)?.bytes())
}

/// A fraction. Flink keeps these options as 32-bit floats and widens them before it calculates: 0.1 of 2 GiB is
/// 214748368 bytes, not 214748364.
pub(super) fn fraction(config: &FlinkConfig, option: &ConfigOption<f64>) -> Result<f64, MemoryError> {
    let value = config.value_or_default(option)?;
    if !(0.0..1.0).contains(&value) {
        return Err(MemoryError::Fraction {
            key: option.key,
            value: value.to_string(),
        });
    }
    #[allow(clippy::cast_possible_truncation)] // That is the point, see above.
    Ok(f64::from(value as f32))
}

/// `bytes` times `factor`, rounded down, calculated in decimal digits as Flink's `MemorySize.multiply` does.
/// The largest size where the product is larger.
pub(super) fn multiply(bytes: u64, factor: f64) -> u64 {
    product(bytes, factor).unwrap_or(i64::MAX.unsigned_abs())
}

fn product(bytes: u64, factor: f64) -> Option<u64> {
    let text = factor.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let digits = format!("{whole}{decimals}");
    let digits: u128 = digits
        .trim_start_matches('0')
        .parse()
        .or_else(|e| {
            if digits.bytes().all(|b| b == b'0') {
                Ok(0)
            } else {
                Err(e)
            }
        })
        .ok()?;
    let product = u128::from(bytes).checked_mul(digits)?;
    let Some(scale) = u32::try_from(decimals.len()).ok().and_then(|n| 10_u128.checked_pow(n)) else {
        // More decimals than a u128 has digits: the product is less than one byte.
        return Some(0);
    };
    u64::try_from(product / scale).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, 0.5, 0)]
    #[case(10, 0.0, 0)]
    #[case(10, 1.0, 10)]
    #[case(11, 0.5, 5)]
    #[case(1 << 31, 0.1, 214_748_364)]
    #[case(1 << 31, f64::from(0.1_f32), 214_748_368)]
    #[case(1 << 62, 9.0, i64::MAX.unsigned_abs())]
    #[case(1 << 62, 1e-300, 0)]
    #[case(1 << 62, 1e300, i64::MAX.unsigned_abs())]
    fn multiplies(#[case] bytes: u64, #[case] factor: f64, #[case] expected: u64) {
        // 9 * 2^62 fits a u64 no more than a Java long.
        assert_eq!(multiply(bytes, factor).min(i64::MAX.unsigned_abs()), expected);
    }

    proptest! {
        #[test]
        fn is_near_the_floating_point_product(bytes in 0_u64..1 << 45, factor in 0.0_f64..1.0) {
            let exact = multiply(bytes, factor) as f64;
            prop_assert!((exact - bytes as f64 * factor).abs() <= 1.0);
        }
    }
}
