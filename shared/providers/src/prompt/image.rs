//! Images in a turn: checked `data:` URLs. Nothing here fetches or decodes a picture.

use std::borrow::Cow;
use std::{fmt, iter};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::prompt::Turn;

/// An image of a user's turn. Its data never print.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// The place of the image: the byte of [`Turn::text`] before which it stands. Several may stand at one place.
    pub at: usize,
    /// The format of the picture.
    pub media_type: ImageType,
    /// The file in base64, of the standard alphabet and with padding.
    pub data: String,
    /// How closely the model looks. None means the model's own default.
    pub detail: Option<Detail>,
}

/// A format of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageType {
    /// `image/png`
    Png,
    /// `image/jpeg`
    Jpeg,
    /// `image/gif`
    Gif,
    /// `image/webp`
    Webp,
}

/// How closely a model looks at an image, in the words of OpenAI's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// At a small copy.
    Low,
    /// At every part.
    High,
    /// As the model decides.
    Auto,
}

/// The rule that a URL breaks, so that it is no image. It says nothing of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The image is somewhere else.
    #[error("a 'data:' URL: nothing is fetched from other addresses")]
    Remote,
    /// The URL has another media type, parameters, or no base64.
    #[error("a URL that begins with 'data:image/png;base64,', or with image/jpeg, image/gif or image/webp in it")]
    ImageType,
    /// The data are not what an encoder of base64 writes.
    #[error("a 'data:' URL whose data are base64 of the standard alphabet with padding")]
    Base64,
    /// The file begins as none of a known media type does.
    #[error("a 'data:' URL of a PNG, JPEG, GIF or WebP file: the data begin otherwise")]
    OtherFile,
}

impl Image {
    /// The image that `url` holds. Its format is the one that the file shows: programs often name another.
    ///
    /// # Errors
    /// [`ImageError`] unless `url` is a `data:` URL that names a media type of images, with a file of such a type in base64.
    pub fn parse(at: usize, url: Cow<'_, str>, detail: Option<Detail>) -> Result<Self, ImageError> {
        let data_at = data_at(&url)?;
        let data = &url[data_at..];
        if !is_base64(data) {
            return Err(ImageError::Base64);
        }
        let media_type = ImageType::of_file(data).ok_or(ImageError::OtherFile)?;
        let data = match url {
            Cow::Borrowed(_) => data.to_owned(),
            Cow::Owned(mut url) => {
                url.drain(..data_at);
                url
            }
        };
        Ok(Self { at, media_type, data, detail })
    }

    /// The image with these data. Its format is the one that the file shows.
    ///
    /// # Errors
    /// [`ImageError`] unless they are base64 of a file of a known type.
    pub fn of_base64(at: usize, data: Cow<'_, str>) -> Result<Self, ImageError> {
        if !is_base64(&data) {
            return Err(ImageError::Base64);
        }
        let media_type = ImageType::of_file(&data).ok_or(ImageError::OtherFile)?;
        Ok(Self { at, media_type, data: data.into_owned(), detail: None })
    }

    /// The bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let padding = self.data.bytes().rev().take_while(|byte| *byte == b'=').count();
        (self.data.len() / 4 * 3).saturating_sub(padding)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}({} bytes)", self.media_type, self.bytes())
    }
}

impl ImageType {
    /// The media type, as in `image/png`.
    #[must_use]
    pub fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    /// The type of the file with these data in base64, by its first bytes.
    fn of_file(data: &str) -> Option<Self> {
        /// The first 12 bytes, in base64.
        const FIRST: usize = 16;
        let first = STANDARD.decode(data.get(..FIRST)?).ok()?;
        if first.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if first.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if first.starts_with(b"GIF87a") || first.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else if first.starts_with(b"RIFF") && first.ends_with(b"WEBP") {
            Some(Self::Webp)
        } else {
            None
        }
    }
}

/// The place at which the data of `url` begin, if it names a media type of images.
fn data_at(url: &str) -> Result<usize, ImageError> {
    const SCHEME: &str = "data:";
    const ENCODING: &str = ";base64";
    /// Many programs write `image/jpg`, which nobody has registered.
    const MIMES: [&str; 5] = ["image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp"];
    if !url.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME)) {
        return Err(ImageError::Remote);
    }
    let comma = url.find(',').ok_or(ImageError::ImageType)?;
    let head = &url[SCHEME.len()..comma];
    let (mime, encoding) = head.split_at(head.find(';').unwrap_or(head.len()));
    let is_image = MIMES.iter().any(|known| mime.eq_ignore_ascii_case(known));
    if is_image && encoding.eq_ignore_ascii_case(ENCODING) { Ok(comma + 1) } else { Err(ImageError::ImageType) }
}

/// Whether `data` is base64 of the standard alphabet with padding. It is decoded piece by piece, so that the check takes no
/// memory.
fn is_base64(data: &str) -> bool {
    const PIECE: usize = 4096;
    let mut decoded = [0; PIECE / 4 * 3];
    let mut ends = false;
    data.as_bytes().chunks(PIECE).all(|piece| {
        let written = STANDARD.decode_slice(piece, &mut decoded).ok();
        // Padding is the end.
        !std::mem::replace(&mut ends, written != Some(PIECE / 4 * 3)) && written.is_some()
    })
}

/// A part of a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Words. They are not empty.
    Text(&'a str),
    /// An image.
    Image(&'a Image),
}

impl Turn {
    /// Whether the turn says nothing: it has no words, no image, no call, and is no result of one.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let Self { text, images, calls, answers, .. } = self;
        text.trim().is_empty() && images.is_empty() && calls.is_empty() && answers.is_none()
    }

    /// The words and the images of the turn in their order.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let Self { text, images, .. } = self;
        let mut begin = 0;
        let ends = images.iter().map(|image| (image.at, Some(image))).chain(iter::once((text.len(), None)));
        ends.flat_map(move |(end, image)| {
            let end = text.floor_char_boundary(end).max(begin);
            let words = &text[std::mem::replace(&mut begin, end)..end];
            let words = (!words.is_empty()).then_some(Segment::Text(words));
            words.into_iter().chain(image.map(Segment::Image))
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::message::ToolCall;
    use proptest::prelude::*;

    use super::*;
    use crate::prompt::Role;

    const FIRST_BYTES: [(ImageType, &[u8]); 5] = [
        (ImageType::Png, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        (ImageType::Jpeg, b"\xff\xd8\xff\xe0\0\x10JFIF\0"),
        (ImageType::Gif, b"GIF87a\x01\0\x01\0\0\0"),
        (ImageType::Gif, b"GIF89a\x01\0\x01\0\0\0"),
        (ImageType::Webp, b"RIFF\x24\0\0\0WEBPVP8 "),
    ];

    fn url(mime: &str, file: &[u8]) -> String {
        format!("data:{mime};base64,{}", STANDARD.encode(file))
    }

    fn parse(url: &str) -> Result<Image, ImageError> {
        let borrowed = Image::parse(3, Cow::Borrowed(url), Some(Detail::Low));
        assert_eq!(Image::parse(3, Cow::Owned(url.to_owned()), Some(Detail::Low)), borrowed);
        borrowed
    }

    #[test]
    fn an_image_is_of_the_type_that_its_first_bytes_show_whichever_its_url_names() {
        for (media_type, file) in FIRST_BYTES {
            for mime in ["image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp", "Image/PNG"] {
                let expected = Image { at: 3, media_type, data: STANDARD.encode(file), detail: Some(Detail::Low) };
                assert_eq!(parse(&url(mime, file)), Ok(expected), "{media_type:?} as {mime}");
            }
        }
    }

    #[test]
    fn other_urls_are_refused_by_what_is_wrong_with_them() {
        for (url, expected) in [
            ("", ImageError::Remote),
            ("https://example.org/a.png", ImageError::Remote),
            ("file:///etc/passwd", ImageError::Remote),
            ("iVBORw0KGgo=", ImageError::Remote),
            ("data:", ImageError::ImageType),
            ("data:,", ImageError::ImageType),
            ("data:image/png,iVBORw0KGgo=", ImageError::ImageType),
            ("data:;base64,iVBORw0KGgo=", ImageError::ImageType),
            ("data:image/svg+xml;base64,PHN2Zz4=", ImageError::ImageType),
            ("data:image/png;name=a.png;base64,iVBORw0KGgo=", ImageError::ImageType),
            ("data:image/png;base64,iVBORw0KGgo", ImageError::Base64),
            ("data:image/png;base64,iVBORw0KGgo=\n", ImageError::Base64),
            ("data:image/png;base64,iVBORw0K Ggo=", ImageError::Base64),
            ("data:image/png;base64,iVBORw0KGg-_", ImageError::Base64),
            ("data:image/png;base64,iVBORw0KGgp=", ImageError::Base64),
            ("data:image/png;base64,%69VBORw0KGgo=", ImageError::Base64),
            ("data:image/png;base64,", ImageError::OtherFile),
            ("data:image/png;base64,iVBORw0KGgo=", ImageError::OtherFile),
            ("data:image/png;base64,PHN2ZyB4bWxucz0i", ImageError::OtherFile),
            ("data:image/webp;base64,UklGRiQAAABXQVZF", ImageError::OtherFile),
        ] {
            assert_eq!(parse(url), Err(expected), "{url}");
        }
    }

    #[test]
    fn nothing_of_an_image_prints_but_its_type_and_its_bytes() {
        let (_, file) = FIRST_BYTES[0];
        let image = parse(&url("image/png", file)).unwrap();
        assert_eq!(format!("{image:?}"), "Png(16 bytes)");
    }

    #[test]
    fn a_turn_is_blank_unless_it_says_shows_calls_or_answers_something() {
        let blank = || Turn { name: Some("ada".to_owned()), ..Turn::text(Role::User, " \n") };
        assert!(blank().is_blank());
        let image = parse(&url("image/png", FIRST_BYTES[0].1)).unwrap();
        let call = ToolCall { id: String::new(), name: String::new(), arguments: String::new() };
        assert!(!Turn { images: vec![image], ..blank() }.is_blank());
        assert!(!Turn { calls: vec![call], ..blank() }.is_blank());
        assert!(!Turn { answers: Some(String::new()), ..blank() }.is_blank());
        assert!(!Turn::text(Role::User, "x").is_blank());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_file_that_begins_as_an_image_is_kept_as_it_came(rest in prop::collection::vec(any::<u8>(), 0..10_000)) {
            let (media_type, first) = FIRST_BYTES[0];
            let file = [first, &rest].concat();
            let image = parse(&url(media_type.mime(), &file)).unwrap();
            prop_assert_eq!((image.bytes(), image.data), (file.len(), STANDARD.encode(file)));
        }

        /// Padding in the middle is of two files, also where a piece of the check ends.
        #[test]
        fn base64_is_what_its_decoder_takes(
            beginning in prop_oneof![Just(0), Just(4096 - 4), 0..3000_usize],
            end in "[A-Za-f/+=-]{0,12}",
        ) {
            let data = "A".repeat(beginning) + &end;
            prop_assert_eq!(is_base64(&data), STANDARD.decode(&data).is_ok());
        }

        #[test]
        fn the_segments_of_a_turn_are_its_words_and_its_images_whatever_their_places(
            text in "\\PC{0,12}",
            places in prop::collection::vec(0..40_usize, 0..5),
        ) {
            let (_, file) = FIRST_BYTES[0];
            let image = parse(&url("image/png", file)).unwrap();
            let images = places.iter().map(|at| Image { at: *at, ..image.clone() }).collect();
            let turn = Turn { images, ..Turn::text(Role::User, text) };
            let (mut words, mut seen) = (String::new(), Vec::new());
            for segment in turn.segments() {
                match segment {
                    Segment::Text(text) => {
                        prop_assert!(!text.is_empty());
                        words += text;
                    }
                    Segment::Image(image) => seen.push(image.clone()),
                }
            }
            prop_assert_eq!((&words, &seen), (&turn.text, &turn.images));
        }
    }
}
