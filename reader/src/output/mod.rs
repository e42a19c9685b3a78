//! What is printed: entries and values as text and as data. Nothing here reads an image.

#[cfg(feature = "cli")]
pub mod columns;
mod forms;
pub mod record;
pub mod value_json;
pub mod value_text;
