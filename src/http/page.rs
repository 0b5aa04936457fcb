//! Pages of console lists: `{data, next_cursor}`.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::{Error, Result};

/// Query of a console list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Items to return, 1 to 100 (30)
    pub limit: Option<i64>,
    /// `next_cursor` of the page before
    pub cursor: Option<String>,
}

impl Page {
    /// Rows to fetch: one more than the page holds, so that [`List::cut`] knows whether another page follows.
    pub fn fetch(&self) -> Result<i64> {
        match self.limit.unwrap_or(30) {
            limit @ 1..=100 => Ok(limit + 1),
            _ => Err(Error::invalid("limit", "limit must be between 1 and 100.")),
        }
    }

    /// The cursor as the key of the last item of the page before.
    pub fn after<K: FromStr>(&self) -> Result<Option<K>> {
        let Some(cursor) = self.cursor.as_deref().filter(|c| !c.is_empty()) else { return Ok(None) };
        cursor.parse().map(Some).map_err(|_| Error::invalid("cursor", "cursor must be the next_cursor of an earlier page."))
    }
}

/// A console list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    pub data: Vec<T>,
    /// Ask for the next page with `cursor=` this; null on the last page
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// A page out of `page.fetch()` rows; `key` gives what the next page starts after.
    pub fn cut<K: ToString>(mut rows: Vec<T>, page: &Page, key: impl Fn(&T) -> K) -> Result<Self> {
        let limit = usize::try_from(page.fetch()? - 1).unwrap_or(0);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more { rows.last().map(|row| key(row).to_string()) } else { None };
        Ok(Self { data: rows, next_cursor })
    }

    /// A list that is always short.
    pub fn whole(data: Vec<T>) -> Self {
        Self { data, next_cursor: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = Page { limit: Some(2), cursor: None };
        let list = List::cut(vec![1, 2, 3], &page, |n| *n).unwrap();
        assert_eq!((list.data, list.next_cursor.as_deref()), (vec![1, 2], Some("2")));
        let list = List::cut(vec![3, 4], &page, |n| *n).unwrap();
        assert_eq!((list.data, list.next_cursor), (vec![3, 4], None));
        assert!(Page { limit: Some(101), cursor: None }.fetch().is_err());
        assert!(Page { limit: None, cursor: Some("x".into()) }.after::<u32>().is_err());
    }
}
