//! The pumps.

use crate::s;

pub(crate) static STARTS: [u64; 2] = [3, 5];
inspect_runtime::annotate!(s::class::Starts: STARTS, name = "pumps");
