//! How large the sheets of an xls file are, from the records of its stream, before a reader lays them out.

use crate::documents::Problem;
use crate::documents::budget::Budget;
use crate::documents::ole;

use super::KIND;

const END_OF_SHEET: u16 = 0x000a;
const PASSWORD: u16 = 0x002f;
/// Records that begin with the row and column of a cell: formula, number, label, boolean or error, label of the table, small number, rows of
/// small numbers, and their older forms.
const CELLS: [u16; 12] = [0x0006, 0x0203, 0x0204, 0x0205, 0x00fd, 0x027e, 0x00bd, 0x0003, 0x0004, 0x0002, 0x00d6, 0x0207];

pub fn measure(bytes: &[u8], budget: &Budget) -> Result<(), Problem> {
    let mut file = ole::open(bytes, KIND)?;
    let stream = match ole::read(&mut file, "/Workbook", budget)? {
        Some(stream) => stream,
        None => ole::read(&mut file, "/Book", budget)?.ok_or_else(|| Problem::damaged(KIND, "it has no workbook"))?,
    };
    let mut total = 0usize;
    let mut sheet: Option<Area> = None;
    let mut rest = stream.as_slice();
    while let Some((kind, data, after)) = record(rest) {
        rest = after;
        match kind {
            PASSWORD => return Err(Problem::PasswordProtected(KIND)),
            END_OF_SHEET => total = total.saturating_add(sheet.take().map_or(0, |area| area.cells())),
            kind if CELLS.contains(&kind) => {
                let [row, row_high, column, column_high, ..] = *data else { continue };
                let place = (u16::from_le_bytes([row, row_high]), u16::from_le_bytes([column, column_high]));
                sheet = Some(sheet.map_or(Area::of(place), |area| area.with(place)));
            }
            _ => {}
        }
    }
    total = total.saturating_add(sheet.map_or(0, |area| area.cells()));
    budget.time()?;
    // more than the cells that hold something: tables have holes
    if total > budget.limits.cells.saturating_mul(20) { budget.cells(total) } else { Ok(()) }
}

fn record(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let [kind, kind_high, length, length_high, rest @ ..] = bytes else { return None };
    let length = usize::from(u16::from_le_bytes([*length, *length_high])).min(rest.len());
    let (data, after) = rest.split_at(length);
    Some((u16::from_le_bytes([*kind, *kind_high]), data, after))
}

#[derive(Clone, Copy)]
struct Area {
    rows: (u16, u16),
    columns: (u16, u16),
}

impl Area {
    const fn of((row, column): (u16, u16)) -> Self {
        Self { rows: (row, row), columns: (column, column) }
    }

    fn with(self, (row, column): (u16, u16)) -> Self {
        Self { rows: (self.rows.0.min(row), self.rows.1.max(row)), columns: (self.columns.0.min(column), self.columns.1.max(column)) }
    }

    fn cells(self) -> usize {
        // a record of several small numbers reaches further than its column says, by what a sheet can hold at most
        let columns = usize::from(self.columns.1 - self.columns.0) + 1;
        (usize::from(self.rows.1 - self.rows.0) + 1) * columns.max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::documents::Limits;

    fn book(records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut file = cfb::CompoundFile::create(std::io::Cursor::new(Vec::new())).unwrap();
        let mut stream = file.create_stream("/Workbook").unwrap();
        for (kind, data) in records {
            stream.write_all(&[&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()).unwrap();
        }
        drop(stream);
        file.into_inner().into_inner()
    }

    #[test]
    fn far_cells_and_passwords_are_seen() {
        let cell = |row: u16, column: u16| [row.to_le_bytes(), column.to_le_bytes(), [0; 2]].concat();
        let budget = Budget::new(&Limits::default());
        let (first, last) = (cell(0, 0), cell(65_535, 255));
        assert_eq!(measure(&book(&[(0x0203, &first), (0x000a, &[])]), &budget), Ok(()));
        let sheet: [(u16, &[u8]); 3] = [(0x0203, &first), (0x0203, &last), (0x000a, &[])];
        let problem = measure(&book(&sheet.repeat(3)), &budget).unwrap_err();
        assert!(matches!(problem, Problem::TooLarge { what: "cells", .. }), "{problem}");
        assert_eq!(measure(&book(&[(0x002f, &[])]), &budget), Err(Problem::PasswordProtected(KIND)));
    }
}
