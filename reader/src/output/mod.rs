//! Writes what was decoded: as JSON, as text for people.

mod forms;
pub mod value_json;
pub mod value_text;
