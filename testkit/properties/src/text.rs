//! Texts that pass more checks than random bytes.

use std::fmt;

use arbitrary::{Arbitrary, Unstructured};

/// Any text, mostly one that a person could write.
#[derive(Clone)]
pub(super) struct Text(pub(super) String);

impl<'a> Arbitrary<'a> for Text {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let limit = *bytes.choose(&[4, 16, 64, 256])?;
        let length = bytes.int_in_range(0..=limit)?.min(bytes.len());
        if bytes.ratio(1, 5)? {
            return Ok(Self(String::from_utf8_lossy(bytes.bytes(length.min(bytes.len()))?).into_owned()));
        }
        let alphabet = *bytes.choose(&[LETTERS, VISIBLE, ODD_LETTERS, EDGES])?;
        let chosen = bytes.bytes(length.min(bytes.len()))?.iter();
        Ok(Self(chosen.map(|byte| alphabet[usize::from(*byte) % alphabet.len()]).collect()))
    }
}

const LETTERS: &[char] = &['a', 'b', 'c', 'd', 'e', 'f', 'x', 'y', 'z', '0', '1', '2', '9', '@', '.', '+', '-', '_'];

const VISIBLE: &[char] = &[
    ' ', '!', '"', '#', '$', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', ':', ';', '<', '=', '>', '?', '@',
    '[', '\\', ']', '^', '_', '`', '{', '|', '}', '~', 'A', 'Z', 'a', 'z', '0', '9',
];

/// Characters at the ends of the rules' ranges, and characters that only some definitions call white space.
const EDGES: &[char] = &[
    '\0',
    '\t',
    '\n',
    '\r',
    ' ',
    '~',
    '\u{7f}',
    '\u{80}',
    '\u{85}',
    '\u{a0}',
    '\u{200b}',
    '\u{202e}',
    '\u{d7ff}',
    '\u{fdfa}',
    '\u{feff}',
    '\u{fffd}',
    '\u{10ffff}',
    'a',
    '0',
];

/// Characters that case folding or normalisation changes.
const ODD_LETTERS: &[char] =
    &['a', 'B', 'İ', 'ı', 'ß', 'ẞ', 'ſ', 'Σ', 'ς', '\u{345}', '\u{301}', 'ﬃ', 'Ａ', 'K', 'Ǆ', 'ŉ'];

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
