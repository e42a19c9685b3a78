//! Cores of kernels: what a hypervisor, or the kernel that took over, wrote of a machine's memory.

use super::core::Layout;
use super::{Image, Options};
use crate::file::File;

/// Whether the core is a machine's and no process's.
pub(super) fn is_kernel(layout: &Layout) -> bool {
    let _ = layout;
    false
}

pub(super) fn open(_: File, _: Layout, _: &Options) -> Image {
    unreachable!()
}
