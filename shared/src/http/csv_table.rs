//! Tables as comma-separated values (RFC 4180), whose texts no spreadsheet takes for a formula.

use csv::{Terminator, Writer, WriterBuilder};
use domain::cause::Cause;

use crate::error::ApiError;

/// The beginnings of texts that some spreadsheet takes for a formula, or that make it take the next character for the
/// beginning of one (OWASP, "CSV Injection"). The last four are the first four as Japanese keyboards write them.
const OF_FORMULAS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A cell of a table.
///
/// Some of the texts of a table are other people's, and whoever opens it trusts it. A number is never a formula, so that it
/// stays one that can be added up, also below zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvCell(String);

impl CsvCell {
    /// A cell without anything in it.
    #[must_use]
    pub fn empty() -> Self {
        Self(String::new())
    }

    /// A text, with an apostrophe before it if it could be taken for a formula.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let apostrophe = if text.starts_with(OF_FORMULAS) { "'" } else { "" };
        Self(format!("{apostrophe}{text}"))
    }

    /// A whole number.
    #[must_use]
    pub fn number(number: impl Into<i128>) -> Self {
        Self(number.into().to_string())
    }

    /// The cell that `cell` makes of a value, or an empty one.
    #[must_use]
    pub fn of<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or_else(Self::empty, cell)
    }
}

/// A table with a line of names at its head.
#[derive(Debug)]
pub struct CsvTable(Writer<Vec<u8>>);

impl CsvTable {
    /// A table without rows, whose columns have these names.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if the line cannot be written.
    pub fn with_columns<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ApiError> {
        let mut table = Self(WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new()));
        table.add(names.into_iter().map(CsvCell::text))?;
        Ok(table)
    }

    /// Adds a row, which has a cell for each column.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if it has more or fewer.
    pub fn add(&mut self, cells: impl IntoIterator<Item = CsvCell>) -> Result<(), ApiError> {
        let cells = cells.into_iter().map(|CsvCell(text)| text);
        self.0.write_record(cells).map_err(|error| ApiError::Internal(Cause::new(error)))
    }

    /// The table as a text, each line of which ends in CRLF.
    pub(super) fn into_text(self) -> Result<String, ApiError> {
        let bytes = self.0.into_inner().map_err(|error| ApiError::Internal(Cause::new(error.error())))?;
        String::from_utf8(bytes).map_err(|error| ApiError::Internal(Cause::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[&[CsvCell]]) -> String {
        let mut table = CsvTable::with_columns(["name", "tokens"]).unwrap();
        for row in rows {
            table.add(row.iter().cloned()).unwrap();
        }
        table.into_text().unwrap()
    }

    #[test]
    fn lines_end_as_rfc_4180_says_and_cells_are_quoted_where_they_must_be() {
        let rows: [&[CsvCell]; 3] = [
            &[CsvCell::text("a, \"b\"\nc"), CsvCell::number(-1)],
            &[CsvCell::empty(), CsvCell::number(u64::MAX)],
            &[CsvCell::text("Grüße"), CsvCell::of(None::<u64>, CsvCell::number)],
        ];
        let text = "name,tokens\r\n\"a, \"\"b\"\"\nc\",-1\r\n,18446744073709551615\r\nGrüße,\r\n";
        assert_eq!(table(&rows), text);
    }

    #[test]
    fn a_text_that_could_be_a_formula_is_none_and_a_number_stays_a_number() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\u{ff1d}1", "\u{ff20}x"] {
            assert_eq!(CsvCell::text(text).0, format!("'{text}"));
        }
        for text in ["", "'=1", "a=1", " =1", "1-1", "01KB05AY8G3W5VXQ7S4TB2NC6D"] {
            assert_eq!(CsvCell::text(text).0, text);
        }
        assert_eq!(CsvCell::number(-1).0, "-1");
    }

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        for cells in [1, 3] {
            let mut table = CsvTable::with_columns(["one", "two"]).unwrap();
            assert!(matches!(table.add(vec![CsvCell::empty(); cells]), Err(ApiError::Internal(_))), "{cells}");
        }
    }
}
