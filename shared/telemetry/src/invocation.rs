//! The invocation that is under way, for its log lines and metrics, and for the history of what operators did.
//!
//! It travels with the task and not through every signature, because nothing else depends on it.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use domain::ids::UserId;

tokio::task_local! {
    static CURRENT: Invocation;
}

/// One invocation of a function. Clones are the same invocation.
#[derive(Clone, Debug)]
pub struct Invocation(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    request_id: String,
    user_id: OnceLock<UserId>,
}

impl Invocation {
    /// The invocation with Lambda's id `request_id`.
    #[must_use]
    pub fn new(request_id: &str) -> Self {
        Self(Arc::new(Facts { request_id: request_id.to_owned(), user_id: OnceLock::new() }))
    }

    /// The invocation that the running task belongs to, if any.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Runs `work` as a part of the invocation.
    pub async fn during<F: Future>(&self, work: F) -> F::Output {
        CURRENT.scope(self.clone(), work).await
    }

    /// Lambda's id of the invocation.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// The user who sent the request, once that was proved.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.0.user_id.get().copied()
    }
}

/// Notes with the current invocation that `user_id` has proved to have sent the request. The first proof counts.
pub fn identify(user_id: UserId) {
    let _ = CURRENT.try_with(|invocation| invocation.0.user_id.set(user_id));
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Clock;

    #[tokio::test]
    async fn a_user_is_noted_with_the_invocation_under_way_and_with_no_other() {
        let [first, second] = ["a", "b"].map(Invocation::new);
        let [ada, grace] = [(); 2].map(|()| UserId::new(&Clock::system()));
        let note = async |user_id| {
            tokio::task::yield_now().await;
            identify(user_id);
            Invocation::current().unwrap().request_id().to_owned()
        };
        let ids = tokio::join!(first.during(note(ada)), second.during(note(grace)));
        assert_eq!(ids, ("a".to_owned(), "b".to_owned()));
        assert_eq!((first.user_id(), second.user_id()), (Some(ada), Some(grace)));
        identify(ada);
        assert!(Invocation::current().is_none());
    }
}
