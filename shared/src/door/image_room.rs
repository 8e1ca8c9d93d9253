//! The room for the images of a request.

use providers::prompt::Image;

/// The most images of a request.
const MAX_IMAGES: usize = 32;

/// The most bytes of a request's images together, as files: 4 MiB, which are 5.33 MiB in base64.
const MAX_IMAGE_BYTES: usize = 4 * 1024 * 1024;

/// The images that a request may still have.
pub(crate) struct ImageRoom {
    images: usize,
    bytes: usize,
}

impl Default for ImageRoom {
    fn default() -> Self {
        Self { images: MAX_IMAGES, bytes: MAX_IMAGE_BYTES }
    }
}

impl ImageRoom {
    /// Makes room for `image`, if there is any left.
    pub(crate) fn take(&mut self, image: &Image) -> Option<()> {
        self.images = self.images.checked_sub(1)?;
        self.bytes = self.bytes.checked_sub(image.bytes())?;
        Some(())
    }

    /// The rule that an image breaks for which there is no room.
    pub(crate) fn rule() -> String {
        format!("one of at most {MAX_IMAGES} images, which have at most {MAX_IMAGE_BYTES} bytes together")
    }
}
