//! Lists, their cursors, and what is in them while the directory is late.

use super::*;

use domain::username::Username;
use ledger::account::{Account, Status};
use ledger::history::Limit;
use proptest::prelude::*;

use crate::testing::TestPeople;

fn search(text: &str) -> UserList {
    UserList::new(None, Some(UserSearch::parse(text).unwrap()), UserFilter::default()).unwrap()
}

fn filtered(status: Option<Status>, staff: Option<bool>) -> UserList {
    UserList::new(None, None, UserFilter { status, staff }).unwrap()
}

proptest! {
    #[test]
    fn any_text_is_a_cursor_or_none_and_no_cursor_is_one_of_another_list(text in ".{0,60}", place in "[a-z]{1,20}") {
        let lists = [UserList::default(), search("a"), search("ab"), filtered(Some(Status::Active), None)];
        let of_name = ListedPlace::new(place);
        for list in &lists {
            let _ = ListedPlace::parse(&text, list);
            let cursor = of_name.text(list);
            for other in &lists {
                let is_found = ListedPlace::parse(&cursor, other).ok().as_ref() == Some(&of_name);
                prop_assert_eq!(is_found && other != list, false);
            }
        }
        prop_assert_eq!(ListedPlace::parse(&of_name.text(&lists[0]), &lists[0]).unwrap(), of_name);
    }

    #[test]
    fn a_search_is_the_beginning_of_the_name_in_the_form_in_which_names_are_compared(name in "[a-zA-Zß@.+_-]{1,20}") {
        let canonical = Username::parse(&name).unwrap().canonical();
        let list = search(&name);
        prop_assert_eq!(list.prefix(), Some(canonical.as_str()));
    }
}

#[test]
fn a_search_with_a_character_that_no_name_has_finds_nobody() {
    for text in ["#", "a b", "DIR#NAME", "a/b", "a\0", " "] {
        assert!(search(text).is_empty(), "{text:?}");
    }
    assert!(UserSearch::parse("").is_err() && UserSearch::parse(&"#".repeat(151)).is_err());
}

#[tokio::test]
async fn whoever_is_gone_or_changed_since_the_directory_was_written_is_left_out() {
    let test = TestPeople::start().await;
    for username in ["ada", "bob", "cleo"] {
        test.register(username, 0).await;
    }
    let lister = UserLister::new(test.table.clone());
    let page = async |list: &UserList| {
        let listed = lister.page(list, Limit::default(), None).await.unwrap();
        listed.users.into_iter().map(|user| user.account.username).collect::<Vec<_>>()
    };
    assert_eq!(page(&UserList::default()).await, ["ada", "bob", "cleo"]);
    let login = test.logins().find(&Username::parse("bob").unwrap()).await.unwrap().unwrap();
    test.table.delete(Account::key(login.user_id)).await.unwrap();
    test.accounts().deactivate(&Username::parse("cleo").unwrap(), login_deadline()).await.unwrap();
    assert_eq!(page(&UserList::default()).await, ["ada", "cleo"]);
    assert_eq!(page(&filtered(Some(Status::Inactive), None)).await, ["cleo"]);
    assert_eq!(page(&filtered(Some(Status::Active), Some(false))).await, ["ada"]);
}

fn login_deadline() -> domain::time::Timestamp {
    testkit::test_table::NOW.plus(std::time::Duration::from_secs(28))
}
