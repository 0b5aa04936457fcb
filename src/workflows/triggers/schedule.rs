//! `trigger-schedule`: at which times it fires, from what its node says or from a cron expression.
//!
//! Clocks that are put forward or back follow Vixie cron, as the crate `croner` has it: a time of day that is skipped fires
//! at the first moment after the gap, one that happens twice fires the first time; what repeats (`*`, `*/5`) goes on with
//! the real time.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use serde::Deserialize;
use serde_json::Value;

use crate::workflows::nodes::{FieldError, read};

/// When to fire.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Five fields.
    pub expression: String,
    pub zone: Tz,
    cron: Cron,
}

/// As the file has it.
#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    frequency: Frequency,
    #[serde(default)]
    visual_config: Visual,
    #[serde(default)]
    cron_expression: String,
    #[serde(default)]
    timezone: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Visual,
    Cron,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Frequency {
    Hourly,
    #[default]
    Daily,
    Weekly,
    Monthly,
}

#[derive(Deserialize)]
#[serde(default)]
struct Visual {
    on_minute: u32,
    /// `2:30 PM`, or `14:30`.
    time: String,
    weekdays: Vec<Weekday>,
    monthly_days: Vec<MonthDay>,
}

impl Default for Visual {
    fn default() -> Self {
        Self { on_minute: 0, time: "12:00 AM".to_owned(), weekdays: Vec::new(), monthly_days: Vec::new() }
    }
}

/// By their numbers in cron.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Weekday {
    Sun,
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
enum MonthDay {
    Number(u32),
    Name(MonthDayName),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MonthDayName {
    Last,
}

impl Schedule {
    /// Reads a node's data; names the field that is wrong.
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        let data: Data = read(data)?;
        let zone = match data.timezone.trim() {
            "" => Tz::UTC,
            name => {
                name.parse().map_err(|_| FieldError::new("timezone", format!("'{name}' is no time zone: write one like Asia/Shanghai")))?
            }
        };
        let (field, expression) = match data.mode {
            Mode::Cron => ("cron_expression", data.cron_expression),
            Mode::Visual => ("visual_config", data.visual_config.expression(&data.frequency)?),
        };
        Self::new(&expression, zone).map_err(|message| FieldError::new(field, message))
    }

    /// The error is for the workflow's maker.
    pub fn new(expression: &str, zone: Tz) -> Result<Self, String> {
        let expression = expression.split_whitespace().collect::<Vec<_>>().join(" ");
        if expression.is_empty() {
            return Err("must be a cron expression like '0 9 * * 1-5'".to_owned());
        }
        let written = if expression.eq_ignore_ascii_case("@midnight") { "@daily" } else { &expression };
        // other programs take 0/10 for */10
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).sloppy_ranges(true).build();
        let cron = parser.parse(written).map_err(|error| {
            format!(
                "'{expression}' is no cron expression of five fields (minute, hour, day, month, weekday) and no @daily or the like: {error}"
            )
        })?;
        let schedule = Self { expression, zone, cron };
        match schedule.next_after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(format!("'{}' means a day that never comes", schedule.expression)),
        }
    }

    /// The first time after `moment`; none when there is none left.
    pub fn next_after(&self, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cron.find_next_occurrence(&moment.with_timezone(&self.zone), false).ok().map(|next| next.to_utc())
    }
}

impl Visual {
    fn expression(&self, frequency: &Frequency) -> Result<String, FieldError> {
        let at = |field: &str, message: &str| FieldError::new(format!("visual_config.{field}"), message);
        if matches!(frequency, Frequency::Hourly) {
            return match self.on_minute {
                minute @ 0..=59 => Ok(format!("{minute} * * * *")),
                _ => Err(at("on_minute", "must be a minute from 0 to 59")),
            };
        }
        let (hour, minute) = time_of_day(&self.time).ok_or_else(|| at("time", "must be a time of day like '2:30 PM'"))?;
        let listed = |numbers: Vec<String>| numbers.join(",");
        let (days, weekdays) = match frequency {
            Frequency::Hourly | Frequency::Daily => ("*".to_owned(), "*".to_owned()),
            Frequency::Weekly => {
                let mut weekdays = self.weekdays.clone();
                weekdays.sort_unstable();
                weekdays.dedup();
                if weekdays.is_empty() {
                    return Err(at("weekdays", "must name a weekday: sun, mon, tue, wed, thu, fri, sat"));
                }
                ("*".to_owned(), listed(weekdays.into_iter().map(|day| (day as u8).to_string()).collect()))
            }
            Frequency::Monthly => {
                let mut days = self.monthly_days.clone();
                days.sort_unstable();
                days.dedup();
                let is_day = |day: &MonthDay| matches!(day, MonthDay::Number(1..=31) | MonthDay::Name(_));
                if days.is_empty() || !days.iter().all(is_day) {
                    return Err(at("monthly_days", "must name days of the month: 1 to 31, or last"));
                }
                let shown = |day| match day {
                    MonthDay::Number(number) => number.to_string(),
                    MonthDay::Name(MonthDayName::Last) => "L".to_owned(),
                };
                (listed(days.into_iter().map(shown).collect()), "*".to_owned())
            }
        };
        Ok(format!("{minute} {hour} {days} * {weekdays}"))
    }
}

/// Hour and minute of `2:30 PM` or `14:30`.
fn time_of_day(text: &str) -> Option<(u32, u32)> {
    let text = text.trim().to_ascii_uppercase();
    let (clock, half) = match text.strip_suffix("AM").map(|clock| (clock, 0)).or_else(|| text.strip_suffix("PM").map(|clock| (clock, 12))) {
        Some((clock, half)) => (clock.trim_end(), Some(half)),
        None => (text.as_str(), None),
    };
    let (hour, minute) = clock.split_once(':')?;
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        None if hour < 24 => hour,
        _ => return None,
    };
    (minute < 60).then_some((hour, minute))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn visual(frequency: &str, config: Value) -> Value {
        json!({"type": "trigger-schedule", "title": "T", "mode": "visual", "frequency": frequency, "visual_config": config, "timezone": "UTC", "cron_expression": null})
    }

    fn expression(data: &Value) -> String {
        Schedule::parse(data).unwrap().expression
    }

    #[test]
    fn what_people_choose_becomes_cron() {
        let cases = [
            (visual("hourly", json!({"on_minute": 20})), "20 * * * *"),
            (visual("hourly", json!({})), "0 * * * *"),
            (visual("daily", json!({"time": "12:00 AM"})), "0 0 * * *"),
            (visual("daily", json!({"time": "12:05 pm"})), "5 12 * * *"),
            (visual("daily", json!({"time": "11:59PM", "weekdays": ["sun"]})), "59 23 * * *"),
            (visual("daily", json!({"time": "14:30"})), "30 14 * * *"),
            (visual("weekly", json!({"time": "2:30 PM", "weekdays": ["fri", "sun", "mon", "fri"]})), "30 14 * * 0,1,5"),
            (visual("monthly", json!({"time": "9:00 AM", "monthly_days": ["last", 15, 1]})), "0 9 1,15,L * *"),
            (json!({"mode": "cron", "cron_expression": " 0  9 * * MON-FRI "}), "0 9 * * MON-FRI"),
            (json!({"mode": "cron", "cron_expression": "@daily", "timezone": "Asia/Shanghai"}), "@daily"),
            // as the editor makes them
            (json!({"type": "trigger-schedule"}), "0 0 * * *"),
        ];
        for (data, expected) in cases {
            assert_eq!(expression(&data), expected, "{data}");
        }
    }

    #[test]
    fn mistakes_name_their_field() {
        let cases = [
            (visual("hourly", json!({"on_minute": 60})), "visual_config.on_minute"),
            (visual("daily", json!({"time": "25:00"})), "visual_config.time"),
            (visual("daily", json!({"time": "0:30 AM"})), "visual_config.time"),
            (visual("daily", json!({"time": "noon"})), "visual_config.time"),
            (visual("weekly", json!({"weekdays": []})), "visual_config.weekdays"),
            (visual("weekly", json!({"weekdays": ["day"]})), "visual_config.weekdays[0]"),
            (visual("monthly", json!({"monthly_days": [0]})), "visual_config.monthly_days"),
            (visual("monthly", json!({"monthly_days": [32]})), "visual_config.monthly_days"),
            (visual("monthly", json!({})), "visual_config.monthly_days"),
            (visual("yearly", json!({})), "frequency"),
            (json!({"mode": "never"}), "mode"),
            (json!({"mode": "cron"}), "cron_expression"),
            (json!({"mode": "cron", "cron_expression": "* * * *"}), "cron_expression"),
            (json!({"mode": "cron", "cron_expression": "* * * * * *"}), "cron_expression"),
            (json!({"mode": "cron", "cron_expression": "61 * * * *"}), "cron_expression"),
            (json!({"mode": "cron", "cron_expression": "0 0 30 2 *"}), "cron_expression"),
            (json!({"mode": "cron", "cron_expression": "0 0 * * *", "timezone": "Mars/Base"}), "timezone"),
        ];
        for (data, field) in cases {
            assert_eq!(Schedule::parse(&data).unwrap_err().field, field, "{data}");
        }
    }

    /// The times after `from`, with their offsets, in the schedule's zone.
    fn times(expression: &str, zone: &str, from: &str, n: usize) -> Vec<String> {
        let schedule = Schedule::new(expression, zone.parse().unwrap()).unwrap();
        let mut moment = from.parse::<DateTime<Utc>>().unwrap();
        let mut next = || {
            moment = schedule.next_after(moment).unwrap();
            moment.with_timezone(&schedule.zone).format("%m-%dT%H:%M%z").to_string()
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn times_are_those_of_the_zone() {
        assert_eq!(times("0 9 * * *", "Asia/Shanghai", "2026-03-01T01:00:00Z", 2), ["03-02T09:00+0800", "03-03T09:00+0800"]);
        assert_eq!(times("0 9 * * *", "Asia/Shanghai", "2026-03-01T00:59:59Z", 1), ["03-01T09:00+0800"]);
        // half and quarter hours off
        assert_eq!(times("30 * * * *", "Asia/Kathmandu", "2026-03-01T00:00:00Z", 1), ["03-01T06:30+0545"]);
        assert_eq!(times("0 0 L * *", "UTC", "2026-01-15T00:00:00Z", 3), ["01-31T00:00+0000", "02-28T00:00+0000", "03-31T00:00+0000"]);
        assert_eq!(times("0 0 15,L * *", "UTC", "2028-02-01T00:00:00Z", 2), ["02-15T00:00+0000", "02-29T00:00+0000"]);
        assert_eq!(times("0 0 31 * *", "UTC", "2026-02-01T00:00:00Z", 2), ["03-31T00:00+0000", "05-31T00:00+0000"]);
        assert_eq!(times("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["02-29T00:00+0000"]);
        assert_eq!(times("0/20 8 * * 7", "UTC", "2026-03-01T08:20:00Z", 2), ["03-01T08:40+0000", "03-08T08:00+0000"]);
        // either day, as cron has always had it
        assert_eq!(times("0 0 1 * 1", "UTC", "2026-03-01T00:00:00Z", 2), ["03-02T00:00+0000", "03-09T00:00+0000"]);
    }

    #[test]
    fn a_skipped_time_fires_right_after_the_gap() {
        // New York, 8 March 2026: 02:00 becomes 03:00
        let from = "2026-03-07T12:00:00Z";
        assert_eq!(times("30 2 * * *", "America/New_York", from, 2), ["03-08T03:00-0400", "03-09T02:30-0400"]);
        assert_eq!(times("0 3 * * *", "America/New_York", from, 2), ["03-08T03:00-0400", "03-09T03:00-0400"]);
        // a whole midnight: Santiago, 6 September 2026: 00:00 becomes 01:00
        assert_eq!(times("0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", 2), ["09-06T01:00-0300", "09-07T00:00-0300"]);
        // what repeats does not make up for the hour that was not
        assert_eq!(times("0 * * * *", "America/New_York", "2026-03-08T06:00:00Z", 2), ["03-08T03:00-0400", "03-08T04:00-0400"]);
    }

    #[test]
    fn a_time_that_happens_twice_fires_once() {
        // New York, 1 November 2026: 02:00 becomes 01:00
        assert_eq!(times("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2), ["11-01T01:30-0400", "11-02T01:30-0500"]);
        // seen from between the two
        assert_eq!(times("30 1 * * *", "America/New_York", "2026-11-01T05:45:00Z", 1), ["11-02T01:30-0500"]);
        // what repeats goes on with the real time
        assert_eq!(
            times("0 * * * *", "America/New_York", "2026-11-01T04:30:00Z", 3),
            ["11-01T01:00-0400", "11-01T01:00-0500", "11-01T02:00-0500"]
        );
        // Lord Howe's clock goes back by half an hour, on 5 April 2026 at 02:00
        assert_eq!(times("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", 2), ["04-05T01:45+1100", "04-06T01:45+1030"]);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_expressions_never_panic(expression in "[0-9*/,LW#? @a-z-]{0,20}") {
            if let Ok(schedule) = Schedule::new(&expression, Tz::Europe__Paris) {
                let next = schedule.next_after(DateTime::UNIX_EPOCH).unwrap();
                proptest::prop_assert!(next > DateTime::UNIX_EPOCH);
            }
        }
    }
}
