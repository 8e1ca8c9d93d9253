//! A walk through all pages of a list.

use testkit::gateway::Request;

use crate::old_account::{OldAccount, TableWay};

/// The requests for three pages of a list. In a list of one page they are the same.
pub struct Pages {
    pub first: Request,
    pub middle: Request,
    pub last: Request,
}

/// Walks through the list at `path`, whose answers have it as the member `name`, in pages of the most entries. It must have
/// `least` entries in all.
pub async fn walk(account: &OldAccount, path: &str, name: &str, least: usize) -> Pages {
    let page = |cursor: &Option<String>| {
        let request = Request::get(path).query("limit", "100");
        cursor.iter().fold(request, |request, cursor| request.query("cursor", cursor))
    };
    let (mut cursors, mut found) = (vec![None], 0);
    while let Some(cursor) = cursors.last() {
        let (response, _) = account.ask(TableWay::PastRecorder, page(cursor)).await;
        let answer = response.json();
        found += answer[name].as_array().unwrap().len();
        match answer["next"].as_str() {
            Some(next) => cursors.push(Some(next.to_owned())),
            None => break,
        }
    }
    assert!(found >= least, "{path} has {found} entries");
    let [first, middle, last] = [0, cursors.len() / 2, cursors.len() - 1].map(|place| page(&cursors[place]));
    Pages { first, middle, last }
}
