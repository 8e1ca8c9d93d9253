//! Codes that people type: random characters, and one that finds mistakes.
//!
//! The characters are Crockford's 32, without letters that look like others. A code is a bearer secret: whoever has it gets
//! what it is for. So it never prints, and the table keeps a digest of its [canonical](Code::canonical) text alone.

use std::fmt;

use crate::invalid_field::InvalidField;
use crate::random;

/// The characters of codes, by the five bits that each stands for.
const CHARACTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The bits of a character.
const BITS: u8 = 0b1_1111;
/// x⁵ + x² + 1, whose root generates all elements of GF(32) but zero.
const POLYNOMIAL: u8 = 0b10_0101;

/// The characters of a group, as a code is written.
const GROUP: usize = 4;

/// Most bytes of a text that is read as a code at all: room for hyphens and spaces between all characters.
const MAX_TEXT_BYTES: usize = 200;

/// A voucher's code: 95 random bits. A hundred guesses an hour from each of a million networks find one of a million codes
/// in some 10¹⁰ years.
pub type VoucherCode = Code<19>;

/// A code by which a user sets a new password: 135 random bits.
pub type ResetCode = Code<27>;

/// A code of this many random characters, and a check character after them. A wrong check character is told without a look
/// at the table: nothing is learnt by it, since anybody can compute it.
///
/// The check finds every single wrong character, and every swap of two.
#[derive(Clone, PartialEq, Eq)]
pub struct Code<const RANDOM: usize> {
    /// The five bits of each random character.
    random: [u8; RANDOM],
}

impl<const RANDOM: usize> Code<RANDOM> {
    /// The characters of a code, with the check character.
    const LENGTH: usize = RANDOM + 1;

    /// A new code.
    ///
    /// # Errors
    /// [`random::Error`] if the system gives no random bits.
    pub fn new() -> Result<Self, random::Error> {
        let mut random = [0; RANDOM];
        random::fill(&mut random)?;
        Ok(Self { random: random.map(|byte| byte & BITS) })
    }

    /// Parses a code as a person typed it: in any case, with O for 0, I or L for 1, and with hyphens and spaces anywhere.
    ///
    /// # Errors
    /// [`InvalidField`] with the rule. It never repeats the text.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        let shape = || InvalidField::new(format!("A code has {} letters and digits.", Self::LENGTH));
        if text.len() > MAX_TEXT_BYTES {
            return Err(shape());
        }
        let characters = text.chars().filter(|character| !matches!(character, '-' | ' '));
        let bits: Vec<u8> = characters.map(bits_of).collect::<Option<_>>().ok_or_else(shape)?;
        let (check, random) = bits.split_last().ok_or_else(shape)?;
        let random: [u8; RANDOM] = random.try_into().map_err(|_| shape())?;
        if check_of(&random) != *check {
            return Err(InvalidField::new(
                "Some character of this code is wrong. Ensure that it is typed as it was given.",
            ));
        }
        Ok(Self { random })
    }

    /// The text that digests are made of, which is secret: all characters in upper case, without groups.
    #[must_use]
    pub fn canonical(&self) -> String {
        let bits = self.random.iter().chain([&check_of(&self.random)]).copied().collect::<Vec<u8>>();
        bits.into_iter().map(character_of).collect()
    }

    /// The text for the one person who is shown the code, which is secret: groups of four characters with hyphens between
    /// them.
    #[must_use]
    pub fn written(&self) -> String {
        let characters: Vec<char> = self.canonical().chars().collect();
        characters.chunks(GROUP).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
    }
}

impl<const RANDOM: usize> TryFrom<String> for Code<RANDOM> {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        Self::parse(&text)
    }
}

impl<const RANDOM: usize> fmt::Debug for Code<RANDOM> {
    /// Hides the code.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Code(hidden)")
    }
}

/// The character that stands for five bits.
fn character_of(bits: u8) -> char {
    CHARACTERS[usize::from(bits & BITS)].into()
}

/// The five bits that a character stands for, in any case and for characters that look like it.
fn bits_of(character: char) -> Option<u8> {
    let character = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = CHARACTERS.iter().position(|known| char::from(*known) == character)?;
    u8::try_from(place).ok()
}

/// The check character's bits: with them the characters, as the coefficients of a polynomial over GF(32), have the
/// generator as a root. A wrong character changes its value by a multiple of one power of the generator, and a swap by a
/// multiple of the sum of two, which are never zero: a code is shorter than the 31 powers that differ.
fn check_of(random: &[u8]) -> u8 {
    random.iter().fold(0, |value, bits| times_generator(value ^ bits))
}

fn times_generator(value: u8) -> u8 {
    let doubled = value << 1;
    if doubled > BITS { doubled ^ POLYNOMIAL } else { doubled }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    fn any_code() -> impl Strategy<Value = ResetCode> {
        prop::array::uniform27(0..32_u8).prop_map(|random| Code { random })
    }

    /// The code of characters that all are the same.
    fn code_of(bits: u8) -> VoucherCode {
        Code { random: [bits; 19] }
    }

    #[test]
    fn the_generator_has_31_different_powers() {
        let powers: BTreeSet<u8> =
            std::iter::successors(Some(1), |power| Some(times_generator(*power))).take(31).collect();
        assert_eq!(powers, (1..32).collect());
    }

    #[test]
    fn a_code_is_written_in_groups_and_read_in_any_way_that_people_type_it() {
        let code = VoucherCode::new().unwrap();
        let written = code.written();
        assert_eq!((written.len(), written.split('-').count()), (24, 5));
        assert_eq!(ResetCode::new().unwrap().written().split('-').count(), 7);
        let zeros = code_of(0);
        let typed = [
            written.clone(),
            written.to_lowercase(),
            written.replace('-', ""),
            format!(" {} ", written.replace('-', " - ")),
        ];
        for typed in typed {
            assert!(VoucherCode::parse(&typed).unwrap() == code);
        }
        assert!(VoucherCode::parse(&zeros.canonical().replace('0', "o")).unwrap() == zeros);
        let ones = code_of(1).canonical();
        for letter in ["i", "I", "l", "L"] {
            assert!(VoucherCode::parse(&ones.replace('1', letter)).unwrap() == code_of(1), "{letter}");
        }
    }

    #[test]
    fn nothing_else_is_a_code_and_no_sentence_repeats_it() {
        let written = VoucherCode::new().unwrap().written();
        let too_long = format!("{written}{}", "-".repeat(MAX_TEXT_BYTES));
        let shorter = &written[..written.len() - 1];
        let with_u = written.replacen(char::is_alphanumeric, "U", 1);
        for text in [
            "",
            "-",
            shorter,
            &format!("{written}0"),
            &too_long,
            &with_u,
            "\u{ff10}",
            &ResetCode::new().unwrap().written(),
        ] {
            let problem = VoucherCode::parse(text).unwrap_err().to_string();
            assert_eq!(problem, "A code has 20 letters and digits.", "{text}");
        }
    }

    #[test]
    fn two_codes_differ_and_neither_prints() {
        let (one, other) = (VoucherCode::new().unwrap(), VoucherCode::new().unwrap());
        assert!(one != other);
        assert_eq!(format!("{one:?}"), "Code(hidden)");
    }

    proptest! {
        #[test]
        fn every_single_wrong_character_is_found(code in any_code(), place in 0..28_usize, wrong in 0..32_u8) {
            let right: Vec<char> = code.canonical().chars().collect();
            let mut typed = right.clone();
            typed[place] = character_of(wrong);
            let parsed = ResetCode::parse(&typed.iter().collect::<String>());
            prop_assert_eq!(parsed.is_ok(), typed == right);
        }

        #[test]
        fn every_swap_of_two_characters_is_found(code in any_code(), one in 0..28_usize, other in 0..28_usize) {
            let right: Vec<char> = code.canonical().chars().collect();
            let mut typed = right.clone();
            typed.swap(one, other);
            let parsed = ResetCode::parse(&typed.iter().collect::<String>());
            prop_assert_eq!(parsed.is_ok(), typed == right);
        }

        #[test]
        fn a_code_reads_back_what_it_wrote(code in any_code()) {
            prop_assert!(ResetCode::parse(&code.written()).unwrap() == code);
            prop_assert!(ResetCode::parse(&code.canonical()).unwrap() == code);
        }

        #[test]
        fn any_text_is_parsed_or_refused_without_panic(text in ".{0,300}") {
            let _ = VoucherCode::parse(&text);
        }
    }
}
