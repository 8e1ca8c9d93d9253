//! A page of transactions as an answer, for their owner and for staff.

use domain::pricing::{Prices, Usage};
use lambda_http::http::StatusCode;
use ledger::history::{Page, Transaction};
use serde::Serialize;

use crate::error::ApiError;
use crate::http::{Answer, CsvCell, CsvTable, Request};

/// The answer to `request` with a page of transactions: JSON, or a table where the request accepts one.
///
/// # Errors
/// [`ApiError::Internal`] if the page has no such form.
pub fn transaction_list(request: &Request, page: Page<Transaction>) -> Result<Answer, ApiError> {
    let Page { entries, next } = page;
    let next_page = next.as_deref().map(|cursor| request.page_after(cursor));
    let answer = if request.accepts_csv() {
        Answer::private_table("transactions.csv", table(&entries)?)?
    } else {
        Answer::private(StatusCode::OK, &TransactionsBody { transactions: entries, next })?
    };
    Ok(answer.next_page(next_page.as_deref()))
}

#[derive(Serialize)]
struct TransactionsBody {
    transactions: Vec<Transaction>,
    next: Option<String>,
}

/// The name of a column, and the cell that a transaction has there.
type Column = (&'static str, fn(&Transaction) -> CsvCell);

/// The columns of the table.
const COLUMNS: [Column; 23] = [
    ("id", |it| CsvCell::text(&it.id.to_string())),
    ("created_at", |it| CsvCell::text(&it.created_at)),
    ("kind", |it| CsvCell::text(it.kind.as_str())),
    ("tokens", |it| CsvCell::number(it.tokens)),
    ("model", |it| CsvCell::of(it.model.as_deref(), CsvCell::text)),
    ("input_tokens", |it| counted(it, |usage| usage.input_tokens)),
    ("cached_input_tokens", |it| counted(it, |usage| usage.cached_input_tokens)),
    ("cache_write_tokens", |it| counted(it, |usage| usage.cache_write_tokens)),
    ("output_tokens", |it| counted(it, |usage| usage.output_tokens)),
    ("reasoning_tokens", |it| counted(it, |usage| usage.reasoning_tokens)),
    ("images", |it| counted(it, |usage| usage.images.into())),
    ("estimated", |it| CsvCell::of(it.usage, |usage| CsvCell::text(&usage.estimated.to_string()))),
    ("input_price", |it| priced(it, |prices| prices.input.into())),
    ("cached_input_price", |it| priced(it, |prices| prices.cached_input.into())),
    ("cache_write_price", |it| priced(it, |prices| prices.cache_write.into())),
    ("output_price", |it| priced(it, |prices| prices.output.into())),
    ("request_price", |it| priced(it, |prices| prices.request.into())),
    ("image_price", |it| priced(it, |prices| prices.image.into())),
    ("catalogue", |it| CsvCell::of(it.catalogue, CsvCell::number)),
    ("capped_at", |it| CsvCell::of(it.capped_at, |held| CsvCell::number(u64::from(held)))),
    ("finish_reason", |it| CsvCell::of(it.finish_reason, |reason| CsvCell::text(reason.as_str()))),
    ("key_id", |it| CsvCell::of(it.key_id, |id| CsvCell::text(&id.to_string()))),
    ("conversation", |it| CsvCell::of(it.conversation, |id| CsvCell::text(&id.to_string()))),
];

fn counted(transaction: &Transaction, count: fn(Usage) -> u64) -> CsvCell {
    CsvCell::of(transaction.usage, |usage| CsvCell::number(count(usage)))
}

fn priced(transaction: &Transaction, price: fn(Prices) -> u64) -> CsvCell {
    CsvCell::of(transaction.prices, |prices| CsvCell::number(price(prices)))
}

fn table(transactions: &[Transaction]) -> Result<CsvTable, ApiError> {
    let mut table = CsvTable::with_columns(COLUMNS.map(|(name, _)| name))?;
    for transaction in transactions {
        table.add(COLUMNS.map(|(_, cell)| cell(transaction)))?;
    }
    Ok(table)
}
