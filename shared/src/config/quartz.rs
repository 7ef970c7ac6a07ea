//! Schedules as the operator's options have them: Quartz's cron expressions and daily calendars.

/// What is wrong with `text` as a Quartz cron expression, or `None`: six or seven fields (seconds, minutes, hours, days
/// of the month, months, days of the week, years), of which exactly one of the days is `?`.
#[must_use]
pub fn cron_problem(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    if !(6..=7).contains(&fields.len()) {
        return Some(format!("has {} fields instead of 6 or 7", fields.len()));
    }
    for (field, text) in FIELDS.iter().zip(&fields) {
        if !text.split(',').all(|part| field.takes(part)) {
            return Some(format!("cannot have \"{text}\" for {}", field.name));
        }
    }
    if (fields[3] == "?") == (fields[5] == "?") {
        return Some("needs \"?\" for either the day of the month or the day of the week".to_owned());
    }
    None
}

/// Whether `text` is a time range within a day, such as `09:00-17:30` (Quartz's `DailyCalendar`): hours and minutes,
/// optionally seconds and milliseconds, the end not before the start.
#[must_use]
pub fn is_daily_range(text: &str) -> bool {
    let mut times = text.split('-').map(|time| time_of_day(time.trim()));
    matches!(
        (times.next().flatten(), times.next().flatten(), times.next()),
        (Some(start), Some(end), None) if start <= end
    )
}

/// Milliseconds since midnight.
fn time_of_day(text: &str) -> Option<u32> {
    let parts: Option<Vec<u32>> = text
        .split(':')
        .map(|part| {
            let is_short = !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
            is_short.then(|| part.parse().ok()).flatten()
        })
        .collect();
    let parts = parts.filter(|parts| (2..=4).contains(&parts.len()))?;
    let part = |index: usize| parts.get(index).copied().unwrap_or_default();
    let (hours, minutes, seconds, millis) = (part(0), part(1), part(2), part(3));
    (hours < 24 && minutes < 60 && seconds < 60 && millis < 1000)
        .then(|| ((hours * 60 + minutes) * 60 + seconds) * 1000 + millis)
}

/// One field of a cron expression.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names of the values from `least` on.
    names: &'static [&'static str],
    days: Days,
}

/// What a field of days takes beside numbers.
#[derive(PartialEq)]
enum Days {
    No,
    OfMonth,
    OfWeek,
}

const FIELDS: [Field; 7] = [
    Field {
        name: "seconds",
        least: 0,
        most: 59,
        names: &[],
        days: Days::No,
    },
    Field {
        name: "minutes",
        least: 0,
        most: 59,
        names: &[],
        days: Days::No,
    },
    Field {
        name: "hours",
        least: 0,
        most: 23,
        names: &[],
        days: Days::No,
    },
    Field {
        name: "the day of the month",
        least: 1,
        most: 31,
        names: &[],
        days: Days::OfMonth,
    },
    Field {
        name: "the month",
        least: 1,
        most: 12,
        names: &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
        days: Days::No,
    },
    Field {
        name: "the day of the week",
        least: 1,
        most: 7,
        names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        days: Days::OfWeek,
    },
    Field {
        name: "the year",
        least: 1970,
        most: 2299,
        names: &[],
        days: Days::No,
    },
];

impl Field {
    /// Whether `part` is one element of the field's list.
    fn takes(&self, part: &str) -> bool {
        if part == "?" {
            return self.days != Days::No;
        }
        if self.takes_day(part) {
            return true;
        }
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let step_is_fine =
            step.is_none_or(|step| number(step).is_some_and(|step| step > 0 && step <= self.most.max(60)));
        let range_is_fine = range == "*"
            || (range.is_empty() && step.is_some())
            || match range.split_once('-') {
                Some((from, to)) => self.value(from).is_some() && self.value(to).is_some(),
                None => self.value(range).is_some(),
            };
        step_is_fine && range_is_fine
    }

    /// `L`, `LW`, `L-3`, `15W` of a month; `L`, `6L`, `FRIL`, `6#3` of a week.
    fn takes_day(&self, part: &str) -> bool {
        match self.days {
            Days::No => false,
            Days::OfMonth => {
                matches!(part, "L" | "LW")
                    || part
                        .strip_prefix("L-")
                        .map(|offset| offset.strip_suffix('W').unwrap_or(offset))
                        .is_some_and(|offset| number(offset).is_some_and(|offset| offset <= 30))
                    || part.strip_suffix('W').is_some_and(|day| self.value(day).is_some())
            }
            Days::OfWeek => {
                part == "L"
                    || part.strip_suffix('L').is_some_and(|day| self.value(day).is_some())
                    || part.split_once('#').is_some_and(|(day, week)| {
                        self.value(day).is_some() && number(week).is_some_and(|week| (1..=5).contains(&week))
                    })
            }
        }
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        match named {
            Some(index) => u32::try_from(index).ok().map(|index| index + self.least),
            None => number(text).filter(|value| (self.least..=self.most).contains(value)),
        }
    }
}

fn number(text: &str) -> Option<u32> {
    (!text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0 0 * * * ?")]
    #[case("0 0/5 14,18 ? * MON-FRI")]
    #[case("0 15 10 L * ?")]
    #[case("0 15 10 LW * ?")]
    #[case("0 15 10 L-2 * ?")]
    #[case("0 15 10 15W * ?")]
    #[case("0 15 10 ? * 6L 2022-2030")]
    #[case("0 15 10 ? * fri#3")]
    #[case("*/10 * 9-17 ? jan,FEB 2")]
    #[case("  0  0 12 1/5 * ?  ")]
    fn good_cron(#[case] text: &str) {
        assert_eq!(cron_problem(text), None);
    }

    #[rstest]
    #[case("", "has 0 fields instead of 6 or 7")]
    #[case("* * * * *", "has 5 fields instead of 6 or 7")]
    #[case("0 0 * * * *", "needs \"?\" for either the day of the month or the day of the week")]
    #[case("0 0 * ? * ?", "needs \"?\" for either the day of the month or the day of the week")]
    #[case("60 0 * * * ?", "cannot have \"60\" for seconds")]
    #[case("0 ? * * * ?", "cannot have \"?\" for minutes")]
    #[case("0 0 24 * * ?", "cannot have \"24\" for hours")]
    #[case("0 0 0 32 * ?", "cannot have \"32\" for the day of the month")]
    #[case("0 0 0 ? FOO 1", "cannot have \"FOO\" for the month")]
    #[case("0 0 0 ? * 8", "cannot have \"8\" for the day of the week")]
    #[case("0 0 0 ? * 2#6", "cannot have \"2#6\" for the day of the week")]
    #[case("0 0 0 * * ? 1969", "cannot have \"1969\" for the year")]
    #[case("0/0 0 0 * * ?", "cannot have \"0/0\" for seconds")]
    #[case("1,,2 0 0 * * ?", "cannot have \"1,,2\" for seconds")]
    fn bad_cron(#[case] text: &str, #[case] problem: &str) {
        assert_eq!(cron_problem(text).as_deref(), Some(problem));
    }

    #[rstest]
    #[case("09:00-17:30", true)]
    #[case("9:00 - 17:30:59:999", true)]
    #[case("00:00-00:00", true)]
    #[case("17:00-09:00", false)]
    #[case("24:00-25:00", false)]
    #[case("09:60-10:00", false)]
    #[case("09:00", false)]
    #[case("9-17", false)]
    #[case("09:00-10:00-11:00", false)]
    #[case("", false)]
    fn daily(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_daily_range(text), expected);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,30}|([0-9*?/,LW#:-]|[A-Z]{3}| ){0,30}") {
            let _ = (cron_problem(&text), is_daily_range(&text));
        }
    }
}
