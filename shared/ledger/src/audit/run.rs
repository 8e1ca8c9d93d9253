//! One run of the audit: the pass through all accounts, and the proof of the day's.

use domain::calendar::Day;
use domain::time::Timestamp;
use futures_util::StreamExt;
use futures_util::stream;
use store::{Item, StoreError, from_item};
use telemetry::metrics::{self, Metric};

use crate::audit::attending::Attended;
use crate::audit::auditor::{Audit, RunTime};
use crate::audit::deletions::Deletions;
use crate::audit::health::AuditHealth;
use crate::audit::listing::{ListedItem, ListedKind};
use crate::audit::proof::{ProofWalk, Proved};
use crate::audit::report::Report;
use crate::audit::state::{AuditState, Kept};
use crate::audited_account::AuditedAccount;

/// The accounts that are examined at once. Nearly all of an examination is waiting for the table.
const AT_ONCE: usize = 16;

/// Accounts in a row that fail before the run does: then it is not their fault.
const MAX_FAILURES: u32 = 5;

/// Whether a walk through the accounts has reached its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walk {
    Done,
    OutOfTime,
    /// Another run goes on with it.
    Overtaken,
}

/// One run of the audit.
struct Run<'a, D> {
    audit: &'a Audit,
    deletions: &'a D,
    state: AuditState,
    report: Report,
    failures_in_a_row: u32,
}

impl Audit {
    /// Goes on with the pass and the proof where the last run stopped, until both are done or `deadline` is near.
    ///
    /// # Errors
    /// [`StoreError`] if the directory cannot be read, or account after account fails. What was found so far is in the log.
    pub async fn run(&self, deletions: &impl Deletions, deadline: Timestamp) -> Result<Report, StoreError> {
        let state = self.table().get(AuditState::key()).await?.unwrap_or_default();
        let mut run = Run { audit: self, deletions, state, report: Report::default(), failures_in_a_row: 0 };
        let outcome = run.go_on(RunTime { deadline }).await;
        metrics::emit(&[Metric::AuditLag(run.state.lag(self.clock().now()))]);
        outcome?;
        // Every mismatch was counted when it was found. The zero tells the alarm that there are none.
        metrics::emit(&[Metric::AuditMismatches(0)]);
        Ok(run.report)
    }

    /// How far the runs have come.
    ///
    /// # Errors
    /// [`StoreError`] if the state cannot be read.
    pub async fn health(&self) -> Result<AuditHealth, StoreError> {
        let state: Option<AuditState> = self.table().get(AuditState::key()).await?;
        Ok(state.unwrap_or_default().health(self.clock().now()))
    }
}

impl<D: Deletions> Run<'_, D> {
    async fn go_on(&mut self, time: RunTime) -> Result<(), StoreError> {
        let pass = self.pass(time.for_a_pass(self.audit.clock())).await?;
        if pass == Walk::Overtaken {
            return Ok(());
        }
        let proof = self.prove(time).await?;
        self.report.finished = pass == Walk::Done && proof == Walk::Done;
        Ok(())
    }

    /// Walks through all accounts, and examines those that have changed. Each run gets past one account at least.
    async fn pass(&mut self, time: RunTime) -> Result<Walk, StoreError> {
        loop {
            let listed = self.state.pass_at(self.audit.clock().now()).listed.clone();
            let page = self.audit.reader.list(listed).await?;
            let walk = self.attend_to_page(page.items, time).await?;
            if walk == Walk::Done {
                match page.next {
                    None => self.state.finish_pass(),
                    next => self.state.pass_at(self.audit.clock().now()).listed = next,
                }
            }
            let is_at_its_end = self.state.pass.is_none();
            if let Some(end) = self.keep_after_page(walk, is_at_its_end, time).await? {
                return Ok(end);
            }
        }
    }

    /// Keeps the state after a page. Returns how the walk ends here; `None` if it goes on with the next page.
    async fn keep_after_page(
        &mut self,
        page: Walk,
        is_at_its_end: bool,
        time: RunTime,
    ) -> Result<Option<Walk>, StoreError> {
        if self.state.keep(self.audit.table()).await? == Kept::Overtaken {
            return Ok(Some(Walk::Overtaken));
        }
        if is_at_its_end {
            return Ok(Some(Walk::Done));
        }
        let ends_here = page != Walk::Done || time.is_up(self.audit.clock());
        Ok(ends_here.then_some(Walk::OutOfTime))
    }

    /// Attends to the items of a page, several at once, and notes in the state how far they are done, in their order.
    async fn attend_to_page(&mut self, items: Vec<ListedItem>, time: RunTime) -> Result<Walk, StoreError> {
        let seen = self.audit.reader.look_at(items).await?;
        let (audit, deletions) = (self.audit, self.deletions);
        let attending = seen.into_iter().enumerate().map(|(number, (item, image))| async move {
            // A run without time gets past one item.
            if number > 0 && time.is_up(audit.clock()) {
                return (item, Ok(Attended::OutOfTime(Report::default())));
            }
            let attended = audit.attend_to(item.kind, image, deletions, time).await;
            (item, attended)
        });
        let mut attended = stream::iter(attending).buffered(AT_ONCE);
        let mut walk = Walk::Done;
        while let Some((item, outcome)) = attended.next().await {
            // Those that were begun are brought to their end. The next run looks at them again.
            if !self.note(item.kind, outcome)? {
                walk = Walk::OutOfTime;
            }
            if walk == Walk::Done {
                self.state.pass_at(audit.clock().now()).listed = Some(item.key);
            }
        }
        Ok(walk)
    }

    /// Takes down what was found. Returns whether there was time for it. An account that fails is no reason to stop, unless
    /// others fail too.
    fn note(&mut self, kind: ListedKind, attended: Result<Attended, StoreError>) -> Result<bool, StoreError> {
        let (report, is_judged) = match attended {
            Ok(Attended::OutOfTime(report)) => {
                self.report.add(report);
                return Ok(false);
            }
            Ok(Attended::Done(report)) => (report, true),
            Ok(Attended::Unsettled(report)) => (report, false),
            Err(error) => {
                self.failures_in_a_row += 1;
                if self.failures_in_a_row >= MAX_FAILURES {
                    return Err(error);
                }
                tracing::error!(?kind, cause = error.cause(), "an account could not be examined");
                self.report.add(Report { accounts: 1, unsettled: 1, ..Report::default() });
                self.note_unsettled(kind);
                return Ok(true);
            }
        };
        self.failures_in_a_row = 0;
        self.state.note_waiting(report.waiting_since);
        self.report.add(report);
        if !is_judged {
            self.note_unsettled(kind);
        }
        Ok(true)
    }

    fn note_unsettled(&mut self, kind: ListedKind) {
        if let ListedKind::Account(user_id) = kind {
            self.state.note_unsettled(user_id);
        }
    }

    /// Proves the accounts of today again, and those of days on which that was not finished.
    async fn prove(&mut self, time: RunTime) -> Result<Walk, StoreError> {
        let today = Day::of(self.audit.clock().now());
        let proof = self.state.proof.take();
        let Some(mut proof) = proof.or_else(|| ProofWalk::due(self.state.proved_through, today)) else {
            return Ok(Walk::Done);
        };
        loop {
            let walk = self.prove_page(&mut proof, time).await?;
            let is_at_its_end = walk == Walk::Done && proof.listed.is_none();
            if is_at_its_end {
                self.state.finish_proof(proof.last_day());
            } else {
                self.state.proof = Some(proof.clone());
            }
            if let Some(end) = self.keep_after_page(walk, is_at_its_end, time).await? {
                return Ok(end);
            }
        }
    }

    /// Proves the accounts of a page that are due, one after the other, and erases texts that are too old. The proof says
    /// afterwards where to go on.
    async fn prove_page(&mut self, proof: &mut ProofWalk, time: RunTime) -> Result<Walk, StoreError> {
        let page = self.audit.reader.list(proof.listed.clone()).await?;
        let has_retention = self.audit.retention.gone_before(self.audit.clock().now()).is_some();
        let is_wanted = |item: &ListedItem| matches!(item.kind, ListedKind::Account(user_id) if has_retention || proof.includes(user_id));
        let wanted = page.items.into_iter().filter(is_wanted).collect();
        for (number, (item, image)) in self.audit.reader.look_at(wanted).await?.into_iter().enumerate() {
            if number > 0 && time.is_up(self.audit.clock()) {
                return Ok(Walk::OutOfTime);
            }
            let proved = self.prove_account(proof, item.kind, image, time).await;
            if !self.note(item.kind, proved)? {
                return Ok(Walk::OutOfTime);
            }
            proof.listed = Some(item.key);
        }
        proof.listed = page.next;
        Ok(Walk::Done)
    }

    async fn prove_account(
        &self,
        proof: &mut ProofWalk,
        kind: ListedKind,
        image: Option<Item>,
        time: RunTime,
    ) -> Result<Attended, StoreError> {
        let (ListedKind::Account(user_id), Some(image)) = (kind, image) else { return Ok(Attended::nothing()) };
        // Every pass tells of an account that cannot be read.
        let Ok(account) = from_item::<AuditedAccount>(image) else { return Ok(Attended::nothing()) };
        if account.is_being_deleted() {
            return Ok(Attended::nothing());
        }
        let mut report = Report::default();
        if !self.audit.erase_texts(user_id, account.texts_erased_through, time, &mut report).await {
            return Ok(Attended::OutOfTime(report));
        }
        if !proof.includes(user_id) {
            return Ok(Attended::Done(report));
        }
        // Any other account is judged by every pass, also by that of this run, which tells what is wrong with it.
        let is_at_rest = account.audited_version == Some(account.version);
        let begun = proof.proving.take().filter(|history| history.user_id == user_id);
        let history = match begun {
            None => match self.audit.history_to_prove(user_id).await {
                Err(StoreError::Internal(_)) if !is_at_rest => return Ok(Attended::Done(report)),
                history => history?,
            },
            begun => begun,
        };
        if let Some(history) = history {
            match self.audit.prove(history, time).await? {
                Proved::Done(found) => report.add(found),
                Proved::OutOfTime(history) => {
                    proof.proving = Some(*history);
                    return Ok(Attended::OutOfTime(report));
                }
            }
        }
        report.proved += 1;
        if !is_at_rest || !report.altered.is_empty() {
            return Ok(Attended::Done(report));
        }
        Ok(self.audit.judge_again(user_id, account, time, report).await?.without_counts_of_entries())
    }
}
