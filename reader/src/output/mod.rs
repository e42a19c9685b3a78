//! What is printed: entries and values as text and as data. Nothing here reads an image.

#[cfg(feature = "arrow")]
pub mod arrow;
#[cfg(feature = "cli")]
pub mod columns;
pub mod csv;
pub(crate) mod forms;
pub mod ndjson;
pub mod record;
pub mod value_json;
pub mod value_text;
