//! The clock and the calendar.

use std::fmt::Write;

use chrono::{DateTime, Datelike, LocalResult, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::{Arguments, Definition, Field, Provider, Run};
use crate::tools::{ToolError, ToolOutput};

pub const PROVIDER: Provider =
    Provider { id: "time", label: "Time", description: "The current time, time zones, timestamps, weekdays.", tools: TOOLS };

const FORMAT: &str = "%Y-%m-%d %H:%M:%S";

const TOOLS: &[Definition] = &[
    Definition {
        name: "current_time",
        label: "Current time",
        description: "Tells the current date and time in a time zone.",
        fields: &[
            Field::text("format", "Format", "How the time is written, in strftime notation, as in %Y-%m-%d %H:%M:%S.")
                .setting()
                .default("\"%Y-%m-%d %H:%M:%S\""),
            Field::text("timezone", "Time zone", "Name of the time zone, as in Europe/Berlin.").setting().default("\"UTC\""),
        ],
        run: Run::Pure(|arguments| {
            let now = Utc::now().with_timezone(&zone(arguments, "timezone")?);
            written(&now, Some(arguments.text("format").trim()).filter(|f| !f.is_empty()).unwrap_or(FORMAT))
        }),
    },
    Definition {
        name: "timezone_conversion",
        label: "Convert between time zones",
        description: "Converts a local time of one time zone to the local time of another.",
        fields: &[
            Field::text("current_time", "Time", "A local time, as in 2024-01-31 15:30:00."),
            Field::text("current_timezone", "From time zone", "The time zone of that time, as in Asia/Shanghai.")
                .default("\"Asia/Shanghai\""),
            Field::text("target_timezone", "To time zone", "The time zone wanted, as in Asia/Tokyo.").default("\"Asia/Tokyo\""),
        ],
        run: Run::Pure(|arguments| {
            let time = local(arguments, "current_time", zone(arguments, "current_timezone")?)?;
            written(&time.with_timezone(&zone(arguments, "target_timezone")?), FORMAT)
        }),
    },
    Definition {
        name: "localtime_to_timestamp",
        label: "Local time to timestamp",
        description: "Converts a local time to a Unix timestamp in seconds.",
        fields: &[
            Field::text("localtime", "Local time", "A local time, as in 2024-01-31 15:30:00."),
            Field::text("timezone", "Time zone", "Its time zone, as in Asia/Shanghai.").optional().default("\"Asia/Shanghai\""),
        ],
        run: Run::Pure(|arguments| {
            let time = local(arguments, "localtime", zone(arguments, "timezone")?)?;
            Ok(ToolOutput::text(time.timestamp().to_string()))
        }),
    },
    Definition {
        name: "timestamp_to_localtime",
        label: "Timestamp to local time",
        description: "Converts a Unix timestamp in seconds to a local time.",
        fields: &[
            Field::text("timestamp", "Timestamp", "Seconds since 1970-01-01 00:00:00 UTC.").kind("number"),
            Field::text("timezone", "Time zone", "The time zone wanted, as in Asia/Shanghai.").optional().default("\"Asia/Shanghai\""),
        ],
        run: Run::Pure(|arguments| {
            let seconds = arguments.number("timestamp")?.floor();
            let out_of_range = || ToolError::argument("timestamp", "is out of range: give seconds, not milliseconds");
            // past the year 9999 it is almost surely another unit
            let time = if seconds.abs() < 253_402_300_800.0 { DateTime::from_timestamp(seconds as i64, 0) } else { None };
            written(&time.ok_or_else(out_of_range)?.with_timezone(&zone(arguments, "timezone")?), FORMAT)
        }),
    },
    Definition {
        name: "weekday",
        label: "Weekday",
        description: "Tells on which day of the week a date falls.",
        fields: &[
            Field::text("year", "Year", "The year, as in 2024.").kind("integer"),
            Field::text("month", "Month", "The month, 1 to 12.").kind("integer"),
            Field::text("day", "Day", "The day of the month, 1 to 31.").kind("integer"),
        ],
        run: Run::Pure(|arguments| {
            let [year, month, day] = [arguments.number("year")?, arguments.number("month")?, arguments.number("day")?];
            let date = if (1.0..=9999.0).contains(&year) { NaiveDate::from_ymd_opt(year as i32, month as u32, day as u32) } else { None };
            let date = date.ok_or_else(|| ToolError::Failed(format!("There is no date with year {year}, month {month}, day {day}.")))?;
            Ok(ToolOutput::text(format!("{} {}, {} is {}.", date.format("%B"), date.day(), date.year(), date.format("%A"))))
        }),
    },
];

/// Without a name: UTC.
fn zone(arguments: &Arguments, name: &str) -> Result<Tz, ToolError> {
    let text = Some(arguments.text(name).trim()).filter(|t| !t.is_empty()).unwrap_or("UTC");
    let unknown = || ToolError::argument(name, format!("must be the name of a time zone, as in Europe/Berlin, not {text:?}"));
    text.parse().map_err(|_| unknown())
}

/// A time that clocks show twice means the first of the two.
fn local(arguments: &Arguments, name: &str, zone: Tz) -> Result<DateTime<Tz>, ToolError> {
    let text = arguments.needed(name)?;
    let read = NaiveDateTime::parse_from_str(text, FORMAT)
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"))
        .map_err(|_| ToolError::argument(name, format!("must be a time like 2024-01-31 15:30:00, not {text:?}")))?;
    match zone.from_local_datetime(&read) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => Ok(time),
        LocalResult::None => Err(ToolError::argument(name, format!("names a time that clocks in {zone} skip: {text}"))),
    }
}

fn written(time: &DateTime<Tz>, format: &str) -> Result<ToolOutput, ToolError> {
    let mut text = String::new();
    let bad = || ToolError::argument("format", format!("must be in strftime notation, as in {FORMAT}"));
    if format.len() > 200 {
        return Err(bad());
    }
    write!(text, "{}", time.format(format)).map_err(|_| bad())?;
    Ok(ToolOutput::text(text))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::run;

    fn text(tool: &str, arguments: Value) -> Result<String, String> {
        run("time", tool, arguments).map(|output| output.text)
    }

    #[test]
    fn times_are_converted() {
        for (tool, arguments, expected) in [
            ("timezone_conversion", json!({"current_time": "2024-1-1 0:0:0"}), "2024-01-01 01:00:00"),
            (
                "timezone_conversion",
                json!({"current_time": "2024-07-01 12:00:00", "current_timezone": "Europe/Berlin", "target_timezone": "America/New_York"}),
                "2024-07-01 06:00:00",
            ),
            ("localtime_to_timestamp", json!({"localtime": "2024-01-01 08:00:00"}), "1704067200"),
            ("localtime_to_timestamp", json!({"localtime": "2024-01-01T00:00:00", "timezone": "UTC"}), "1704067200"),
            // shown twice: the first
            ("localtime_to_timestamp", json!({"localtime": "2024-10-27 02:30:00", "timezone": "Europe/Berlin"}), "1729989000"),
            ("timestamp_to_localtime", json!({"timestamp": "1704067200", "timezone": "UTC"}), "2024-01-01 00:00:00"),
            ("timestamp_to_localtime", json!({"timestamp": -1.5, "timezone": "UTC"}), "1969-12-31 23:59:58"),
            ("weekday", json!({"year": 2024, "month": "2", "day": 29}), "February 29, 2024 is Thursday."),
            ("current_time", json!({"format": "plain"}), "plain"),
            ("current_time", json!({"format": "%Z", "timezone": "Asia/Tokyo"}), "JST"),
        ] {
            assert_eq!(text(tool, arguments.clone()), Ok(expected.into()), "{tool} {arguments}");
        }
        let now = text("current_time", json!({})).unwrap();
        assert_eq!((now.len(), &now[..2]), (19, "20"), "{now}");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for (tool, arguments, expected) in [
            ("current_time", json!({"timezone": "Mars/Base"}), "\"timezone\" must be the name of a time zone"),
            ("current_time", json!({"format": "%"}), "\"format\" must be in strftime notation"),
            ("current_time", json!({"format": "%Q"}), "\"format\" must be in strftime notation"),
            ("timezone_conversion", json!({"current_time": "yesterday"}), "\"current_time\" must be a time like"),
            ("timezone_conversion", json!({"current_time": " "}), "\"current_time\" must not be empty"),
            (
                "localtime_to_timestamp",
                json!({"localtime": "2024-03-31 02:30:00", "timezone": "Europe/Berlin"}),
                "clocks in Europe/Berlin skip",
            ),
            ("timestamp_to_localtime", json!({"timestamp": 1704067200000_i64}), "give seconds, not milliseconds"),
            ("weekday", json!({"year": 2023, "month": 2, "day": 29}), "There is no date with year 2023, month 2, day 29."),
            ("weekday", json!({"year": 0, "month": 1, "day": 1}), "There is no date"),
            ("weekday", json!({"year": 2023, "month": 2}), "\"day\" is required"),
        ] {
            let error = text(tool, arguments.clone()).unwrap_err();
            assert!(error.contains(expected), "{tool} {arguments}: {error}");
        }
    }
}
