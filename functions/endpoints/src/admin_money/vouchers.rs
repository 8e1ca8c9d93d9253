//! `/admin/vouchers/`: makes voucher codes (`POST`), or lists the batches (`GET`). `/admin/vouchers/{id}/`: one batch with how
//! often its codes were used (`GET`), or its end (`DELETE`).

use serde::Serialize;
use shared::admin::{AdminPath, origin};
use shared::domain::code::VoucherCode;
use shared::domain::credits::Credits;
use shared::domain::ids::BatchId;
use shared::domain::time::Clock;
use shared::endpoint::Resources;
use shared::error::ApiError;
use shared::http::{Answer, BodyFields, Method, Request, StatusCode};
use shared::identity::staff::Staff;
use shared::ledger::vouchers::{BatchPage, BatchTerms, BatchView, CodeView, NewBatch, VoucherAmount, Vouchers};

pub(super) struct AdminVouchers {
    vouchers: Vouchers,
    max_grant: Credits,
    clock: Clock,
}

impl AdminVouchers {
    pub(super) fn methods(path: &AdminPath) -> Option<&'static [Method]> {
        match path {
            AdminPath::Vouchers => Some(&[Method::GET, Method::POST]),
            AdminPath::Batch(_) => Some(&[Method::GET, Method::DELETE]),
            _ => None,
        }
    }

    pub(super) fn start(resources: &Resources) -> Self {
        let (max_grant, clock) = (resources.settings.max_grant, resources.clock.clone());
        Self { vouchers: resources.vouchers(), max_grant, clock }
    }

    pub(super) async fn answer(&self, staff: Staff, path: AdminPath, request: Request) -> Result<Answer, ApiError> {
        let method = request.method();
        match path {
            AdminPath::Vouchers if method == Method::POST => self.make(staff, &request).await,
            AdminPath::Vouchers => self.list(staff, &request).await,
            AdminPath::Batch(id) if method == Method::DELETE => self.end(staff, id, &request).await,
            AdminPath::Batch(id) => self.show(id).await,
            _ => Err(ApiError::NotFound),
        }
    }

    async fn make(&self, staff: Staff, request: &Request) -> Result<Answer, ApiError> {
        let now = self.clock.now();
        let authority = staff.recently(now)?.authority(origin(request));
        let new = NewBatch::new(terms(request.fields()?)?, self.max_grant, now)
            .map_err(|wrong| ApiError::invalid(wrong.field, wrong.reason.to_string()))?;
        let made = self.vouchers.make(&new, &authority, request.deadline()).await?;
        // The one answer that has the codes.
        let codes = made.codes.iter().map(VoucherCode::written).collect();
        Answer::private(StatusCode::CREATED, &MadeBody { id: made.id, codes })
    }

    async fn list(&self, staff: Staff, request: &Request) -> Result<Answer, ApiError> {
        let wanted = request.page::<BatchView>(staff.user_id())?;
        let BatchPage { batches, next } = self.vouchers.batches(wanted).await?;
        let next = next.map(|place| place.text::<BatchView>(staff.user_id()));
        let next_page = next.as_deref().map(|cursor| request.page_after(cursor));
        Ok(Answer::private(StatusCode::OK, &BatchesBody { batches, next })?.next_page(next_page.as_deref()))
    }

    async fn show(&self, id: BatchId) -> Result<Answer, ApiError> {
        let (batch, codes) = self.vouchers.batch(id).await?;
        Answer::private(StatusCode::OK, &BatchBody { batch, codes })
    }

    async fn end(&self, staff: Staff, id: BatchId, request: &Request) -> Result<Answer, ApiError> {
        self.vouchers.end(id, &staff.authority(origin(request)), request.deadline()).await?;
        Ok(Answer::no_content())
    }
}

fn terms(mut fields: BodyFields) -> Result<BatchTerms, ApiError> {
    let (kind, amount) = (fields.take_or_default("kind"), fields.take_value("amount", VoucherAmount::try_from));
    let (count, uses) = (fields.take_or_default("count"), fields.take_or_default("uses"));
    let (expiry, note) = (fields.take_or_default("expires_at"), fields.take_or_default("note"));
    match (kind, amount, count, uses, expiry, note) {
        (Some(kind), Some(amount), Some(count), Some(uses), Some(expiry), Some(note)) => {
            Ok(BatchTerms { kind, amount, count, uses, expiry, note })
        }
        _ => Err(fields.refuse()),
    }
}

#[derive(Serialize)]
struct MadeBody {
    id: BatchId,
    codes: Vec<String>,
}

#[derive(Serialize)]
struct BatchesBody {
    batches: Vec<BatchView>,
    next: Option<String>,
}

#[derive(Serialize)]
struct BatchBody {
    #[serde(flatten)]
    batch: BatchView,
    codes: Vec<CodeView>,
}
