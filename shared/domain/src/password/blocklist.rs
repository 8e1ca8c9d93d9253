//! Common passwords, which attackers try first.

use std::cmp::Ordering;

/// Django's list of some 20,000 common passwords: in lower case, one a line, sorted by bytes.
/// `common-passwords.LICENSE` names the source.
const COMMON_PASSWORDS: &str = include_str!("common-passwords.txt");

/// Whether `password` is on the list, in any case and with any white space around it, as in Django's
/// `CommonPasswordValidator`.
pub(super) fn is_common(password: &str) -> bool {
    has_line(COMMON_PASSWORDS, password.to_lowercase().trim())
}

/// Binary search for a line in sorted text. A list of its lines would take more memory than the text itself, and would
/// be built at every start.
fn has_line(sorted: &str, wanted: &str) -> bool {
    let mut rest = sorted;
    while !rest.is_empty() {
        let start = rest.as_bytes()[..rest.len() / 2].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let end = rest[start..].find('\n').map_or(rest.len(), |length| start + length);
        match wanted.cmp(&rest[start..end]) {
            Ordering::Equal => return true,
            Ordering::Less => rest = &rest[..start],
            Ordering::Greater => rest = rest.get(end + 1..).unwrap_or_default(),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_normalization::is_nfc;

    #[test]
    fn the_list_is_sorted_and_every_line_is_what_a_password_is_compared_as() {
        let lines: Vec<&str> = COMMON_PASSWORDS.lines().collect();
        assert!(lines.len() > 19_000);
        assert!(lines.is_sorted_by(|one, next| one < next));
        for line in lines {
            assert!(!line.is_empty() && line == line.to_lowercase().trim() && is_nfc(line), "{line:?}");
        }
    }

    #[test]
    fn every_password_of_the_list_is_found() {
        for line in COMMON_PASSWORDS.lines() {
            assert!(is_common(line), "{line}");
        }
    }

    #[test]
    fn case_and_white_space_around_make_no_other_password() {
        for password in ["Password1", "PASSWORD1", " password1 ", "QwertyUiop", "Йцукен"] {
            assert!(is_common(password), "{password}");
        }
        for password in ["", " ", "\n", "correct horse battery staple", "password1\npassword2", "passw\u{f6}rd1"] {
            assert!(!is_common(password), "{password:?}");
        }
    }

    proptest! {
        #[test]
        fn a_line_is_found_if_and_only_if_it_is_there(
            lines in proptest::collection::btree_set("[ab\u{e4}]{1,3}", 0..9),
            wanted in "[ab\u{e4}]{0,3}",
        ) {
            let sorted: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            prop_assert_eq!(has_line(&sorted, &wanted), lines.contains(&wanted));
            prop_assert_eq!(has_line(sorted.trim_end(), &wanted), lines.contains(&wanted));
        }
    }
}
