#[allow(unused)]
mod schemas { inspect_runtime::include_schemas!("rust/inspect.rs"); }
#[allow(unused)]
use schemas::stand as s;
#[allow(unused)]
use inspect_runtime::{annotate, Ptr};
