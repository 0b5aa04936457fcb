//! Text that people type: trimmed, bounded, free of what no column or page can hold.

use crate::error::{Error, Result};

/// One line: trimmed, 1 to `max` characters, no control characters.
pub fn line(param: &str, text: &str, max: usize) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid(param, format!("{param} must not be empty.")));
    }
    optional_line(param, text, max)
}

/// As [`line()`], may be empty.
pub fn optional_line(param: &str, text: &str, max: usize) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > max {
        return Err(Error::invalid(param, format!("{param} must be at most {max} characters long.")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(param, format!("{param} must be one line, without control characters.")));
    }
    Ok(text.to_owned())
}

/// An e-mail address as far as it can be judged without sending one.
pub fn email(param: &str, text: &str) -> Result<String> {
    let text = text.trim();
    let well_formed = text.len() <= 254
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "()<>[],;:\\\"".contains(c))
        && text.rsplit_once('@').is_some_and(|(local, domain)| {
            (1..=64).contains(&local.len())
                && !local.contains('@')
                && !domain.is_empty()
                && domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
        });
    if well_formed { Ok(text.to_owned()) } else { Err(Error::invalid(param, format!("{param} must be an e-mail address."))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails() {
        for good in ["a@b.c", " owner@localhost ", "first.last+tag@sub.example.org", "用户@例子.广告"] {
            assert!(email("email", good).is_ok(), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a@b@c", "a b@c.d", "a@b..c", "a@-b.c", "a@b\0", "<a@b.c>", &format!("{}@b.c", "a".repeat(65))] {
            assert!(email("email", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn lines() {
        assert_eq!(line("name", "  Ann ", 10).unwrap(), "Ann");
        for bad in ["", "   ", "a\0b", "a\nb", "0123456789x"] {
            assert!(line("name", bad, 10).is_err(), "{bad:?}");
        }
        assert_eq!(optional_line("name", " ", 10).unwrap(), "");
    }
}
