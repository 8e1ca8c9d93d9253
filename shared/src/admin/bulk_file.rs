//! The file of a bulk grant: comma-separated values with a line of names at the head.

use std::collections::BTreeMap;
use std::str;

use csv::{ReaderBuilder, StringRecord, Trim};
use domain::credits::Credits;
use domain::invalid_field::InvalidField;
use domain::reason::Reason;
use domain::username::Username;
use ledger::bulk_grants::{BulkRow, MAX_ROWS_OF_A_JOB, RowId};
use ledger::grant::GrantAmount;

use crate::error::{ApiError, FieldErrors};
use crate::http::Request;

/// Most bytes of a file.
const MAX_BYTES: usize = 256 * 1024;

/// The names at the head.
const COLUMNS: [&str; 4] = ["id", "username", "amount", "reason"];

/// Most rows of which a refusal says what is wrong.
const MAX_WRONG_ROWS: usize = 20;

/// Some programs put it before a text in UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A file of which every row is right.
#[derive(Debug)]
pub struct BulkFile<'a> {
    /// The file as it came.
    pub bytes: &'a [u8],
    /// The rows, each with an id of its own.
    pub rows: Vec<BulkRow>,
}

/// The rows that were read so far, and what is wrong with others.
struct FileReading {
    max_grant: Credits,
    rows: Vec<BulkRow>,
    numbers: BTreeMap<RowId, usize>,
    /// The amounts together, without their signs.
    sum: u64,
    errors: FieldErrors,
    wrong_rows: usize,
}

impl<'a> BulkFile<'a> {
    /// Reads the file that `request` sends. All amounts together, without their signs, are at most `max_grant`: a job is one
    /// act.
    ///
    /// # Errors
    /// [`ApiError::TooLarge`], [`ApiError::UnsupportedMediaType`], [`ApiError::Parse`] if it is no text in UTF-8 or has other
    /// columns, and [`ApiError::Invalid`] with what is wrong with the first wrong rows. The first row after the head is
    /// `rows[1]`.
    pub fn of(request: &'a Request, max_grant: Credits) -> Result<Self, ApiError> {
        let bytes = request.csv_body(MAX_BYTES)?;
        Ok(Self { bytes, rows: rows(bytes, max_grant)? })
    }
}

fn rows(bytes: &[u8], max_grant: Credits) -> Result<Vec<BulkRow>, ApiError> {
    let text = str::from_utf8(bytes).map_err(|_| ApiError::Parse("The file is no text in UTF-8.".to_owned()))?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(text.as_bytes());
    if !reader.headers().is_ok_and(|names| names.iter().eq(COLUMNS)) {
        return Err(ApiError::Parse(format!("The first line of the file must be {}", COLUMNS.join(","))));
    }
    let mut reading = FileReading::of_nothing(max_grant);
    for (number, record) in (1..).zip(reader.records()) {
        if number > MAX_ROWS_OF_A_JOB {
            return Err(ApiError::invalid(
                "rows",
                format!("Ensure this file has no more than {MAX_ROWS_OF_A_JOB} rows."),
            ));
        }
        let record = record.map_err(|_| ApiError::Parse(format!("Row {number} of the file cannot be read.")))?;
        reading.take(number, &record);
        if reading.wrong_rows == MAX_WRONG_ROWS {
            break;
        }
    }
    reading.finish()
}

impl FileReading {
    fn of_nothing(max_grant: Credits) -> Self {
        Self {
            max_grant,
            rows: Vec::new(),
            numbers: BTreeMap::new(),
            sum: 0,
            errors: FieldErrors::new(),
            wrong_rows: 0,
        }
    }

    fn take(&mut self, number: usize, record: &StringRecord) {
        let known = self.errors.len();
        if let Some(row) = self.row(number, record) {
            self.sum = self.sum.saturating_add(row.amount.signed().unsigned_abs());
            self.rows.push(row);
        }
        if self.errors.len() > known {
            self.wrong_rows += 1;
        }
    }

    fn row(&mut self, number: usize, record: &StringRecord) -> Option<BulkRow> {
        let Ok([id, username, amount, reason]) = <[&str; 4]>::try_from(record.iter().collect::<Vec<_>>()) else {
            let cells = record.len();
            let reason = format!("A row has {} cells, and this one has {cells}.", COLUMNS.len());
            self.errors.insert(format!("rows[{number}]").into(), vec![reason]);
            return None;
        };
        let max_grant = self.max_grant;
        let id = self.note(number, "id", RowId::try_from(id.to_owned()));
        let username = self.note(number, "username", Username::parse(username));
        let amount = self.note(number, "amount", GrantAmount::at_most(amount.parse().ok(), max_grant));
        let reason = self.note(number, "reason", Reason::try_from(reason.to_owned()));
        let id = id.filter(|id| self.is_new(number, id));
        Some(BulkRow { id: id?, username: username?, amount: amount?, reason: reason? })
    }

    fn is_new(&mut self, number: usize, id: &RowId) -> bool {
        if let Some(first) = self.numbers.get(id) {
            let reason = format!("Row {first} has the same id.");
            self.errors.insert(format!("rows[{number}].id").into(), vec![reason]);
            return false;
        }
        self.numbers.insert(id.clone(), number);
        true
    }

    fn note<T>(&mut self, number: usize, column: &str, parsed: Result<T, InvalidField>) -> Option<T> {
        let place = || format!("rows[{number}].{column}").into();
        parsed.map_err(|error| self.errors.insert(place(), vec![error.to_string()])).ok()
    }

    fn finish(mut self) -> Result<Vec<BulkRow>, ApiError> {
        if self.errors.is_empty() && self.rows.is_empty() {
            self.errors.insert("rows".into(), vec!["This file has no rows.".to_owned()]);
        }
        if self.sum > u64::from(self.max_grant) {
            let Self { sum, max_grant, .. } = self;
            let reason =
                format!("The amounts, without their signs, are {sum} together. Ensure they are at most {max_grant}.");
            self.errors.insert("rows".into(), vec![reason]);
        }
        if self.errors.is_empty() { Ok(self.rows) } else { Err(ApiError::Invalid(self.errors)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "id,username,amount,reason\n";

    fn read(text: &str) -> Result<Vec<BulkRow>, ApiError> {
        rows(text.as_bytes(), Credits::new(1_000).unwrap())
    }

    fn errors(text: &str) -> Vec<(String, String)> {
        match read(text) {
            Err(ApiError::Invalid(errors)) => {
                errors.into_iter().map(|(place, reasons)| (place.into_owned(), reasons.join(" "))).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_as_spreadsheets_write_it_is_read_row_by_row() {
        let file = "\u{feff}id,username,amount,reason\r\n2026-11-ada, ada ,5,\"A course, \"\"Rust\"\"\"\r\n\r\n2,Bob,-7,Gone\r\n";
        let read = read(file).unwrap();
        let told: Vec<_> = read
            .iter()
            .map(|row| (row.id.as_str(), row.username.as_str(), row.amount.signed(), row.reason.as_str()))
            .collect();
        assert_eq!(told, [("2026-11-ada", "ada", 5, "A course, \"Rust\""), ("2", "Bob", -7, "Gone")]);
    }

    #[test]
    fn a_file_with_other_columns_or_no_text_is_refused_as_a_whole() {
        for text in ["", "id;username;amount;reason\n", "username,id,amount,reason\n", "id,username,amount\n"] {
            assert!(matches!(read(text), Err(ApiError::Parse(_))), "{text:?}");
        }
        assert!(matches!(rows(b"id,username,amount,reason\n\xff", Credits::MAX), Err(ApiError::Parse(_))));
    }

    #[test]
    fn everything_that_is_wrong_with_a_row_is_told_by_its_number() {
        let file = format!("{HEAD}1,ada,5,x\n1,a b,0,\n2,bob,1\n3,bob,1.5,x\n");
        let places: Vec<String> = errors(&file).into_iter().map(|(place, _)| place).collect();
        assert_eq!(
            places,
            ["rows[2].amount", "rows[2].id", "rows[2].reason", "rows[2].username", "rows[3]", "rows[4].amount"]
        );
        let (_, reason) = &errors(&file)[1];
        assert_eq!(reason, "Row 1 has the same id.");
    }

    #[test]
    fn at_most_twenty_wrong_rows_are_told() {
        let file = HEAD.to_owned() + &"x,ada,nothing,x\n".repeat(500);
        let wrong = errors(&file).into_iter().filter(|(place, _)| place.ends_with(".amount"));
        assert_eq!(wrong.count(), MAX_WRONG_ROWS);
    }

    #[test]
    fn a_file_has_1_to_1000_rows() {
        assert_eq!(errors(HEAD), [("rows".to_owned(), "This file has no rows.".to_owned())]);
        let file = |rows: usize| {
            let lines: Vec<String> = (0..rows).map(|number| format!("{number},ada,1,x\n")).collect();
            HEAD.to_owned() + &lines.concat()
        };
        assert_eq!(read(&file(1_000)).unwrap().len(), 1_000);
        assert_eq!(errors(&file(1_001))[0].1, "Ensure this file has no more than 1000 rows.");
    }

    #[test]
    fn a_job_grants_no_more_than_one_act_may() {
        let file = |last: i64| format!("{HEAD}1,ada,600,x\n2,bob,-399,x\n3,bob,{last},x\n");
        assert!(read(&file(1)).is_ok());
        let (place, reason) = errors(&file(2)).remove(0);
        assert_eq!((place.as_str(), reason.contains("1001 together")), ("rows", true), "{reason}");
        assert_eq!(errors(&format!("{HEAD}1,ada,1001,x\n"))[0].0, "rows[1].amount");
        let huge = format!("{HEAD}1,ada,{},x\n2,ada,{},x\n", i64::MAX, i64::MIN);
        assert_eq!(errors(&huge).len(), 2);
    }
}
