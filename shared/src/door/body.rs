//! The body of a request, as more than one door reads it.

use std::collections::BTreeMap;

use providers::catalogue::may_be_extra;
use providers::raw_json::RawJson;
use serde_json::value::RawValue;

use crate::door::{MAX_BODY_BYTES, MAX_BYTES_BESIDE_IMAGES};
use crate::error::ApiError;
use crate::http::{JsonObject, Request};

/// The body of `request`, whose member `conversation` may have images. `image_bytes` counts their data, as they were sent.
///
/// # Errors
/// As [`Request::json_object`] with more than [`MAX_BODY_BYTES`]; [`ApiError::TooLarge`] if it has more than
/// [`MAX_BYTES_BESIDE_IMAGES`] beside images.
pub(crate) fn body_with_images<'a>(
    request: &'a Request,
    parameters: &'static [&'static str],
    conversation: &str,
    image_bytes: fn(&RawValue) -> usize,
) -> Result<JsonObject<'a>, ApiError> {
    let object = request.json_object(MAX_BODY_BYTES, parameters, may_be_extra)?;
    // A body that is short enough without images is not searched for them.
    let bytes = request.body_bytes();
    if bytes > MAX_BYTES_BESIDE_IMAGES {
        let images = object.get(conversation).map_or(0, image_bytes);
        if bytes.saturating_sub(images) > MAX_BYTES_BESIDE_IMAGES {
            return Err(ApiError::TooLarge { limit_bytes: MAX_BYTES_BESIDE_IMAGES });
        }
    }
    Ok(object)
}

/// The members of a request that its protocol does not have. A client of a provider writes those that the catalogue lists for
/// its model.
pub(crate) struct ExtraMembers {
    /// The members by their names. There are none if they were too many or too long.
    pub(crate) members: BTreeMap<String, RawJson>,
    /// Whether they were too many or too long.
    pub(crate) are_too_many: bool,
}

impl ExtraMembers {
    /// Takes the unknown members out of `object`.
    pub(crate) fn take(object: &mut JsonObject<'_>) -> Self {
        let members = object.take_unknown().into_members();
        let are_too_many = members.is_none();
        let raw = |(name, value): (String, &RawValue)| (name, RawJson::from(value.to_owned()));
        Self { members: members.into_iter().flatten().map(raw).collect(), are_too_many }
    }
}
