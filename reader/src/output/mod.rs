//! What is printed: entries and values as text and as data. Nothing here reads an image.

#[cfg(feature = "cli")]
pub mod columns;
pub mod record;
