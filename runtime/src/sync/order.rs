//! The orderings of the protocols, by what they are for. Models include this file, and put a weaker one in the
//! place of one of them to show that it is needed.

use super::Ordering;

/// Taking an empty slot, or a live one to change it: what its last owner did lies before.
pub(crate) const CLAIM: Ordering = Ordering::Acquire;
/// Between taking a slot and filling it: whoever sees a field sees that the slot was taken.
pub(crate) const FILL: Ordering = Ordering::Release;
/// Publishing a row: whoever sees it live sees its fields.
pub(crate) const PUBLISH: Ordering = Ordering::Release;
/// Withdrawing a row. The row itself would need no ordering, since the exchange carries on what its
/// publication released; what else the owner did before it gave the row back lies before it this way.
pub(crate) const WITHDRAW: Ordering = Ordering::AcqRel;
/// A reader's first look at a state.
pub(crate) const LOOK: Ordering = Ordering::Acquire;
/// Between a reader's fields and its second look at the state.
pub(crate) const LOOK_AGAIN: Ordering = Ordering::Acquire;
/// Between publishing a row and looking for others: of two that do both at once, one at least sees the other.
/// Release and acquire would let both look first.
pub(crate) const LOOK_AROUND: Ordering = Ordering::SeqCst;
/// Noting a name in the index: whoever finds it there sees its bytes.
pub(crate) const NOTE: Ordering = Ordering::Release;
/// Finding a name in the index: whoever is told its offset by the finder sees its bytes too.
pub(crate) const FIND: Ordering = Ordering::Acquire;
/// Hanging a table on a chain: whoever follows the link sees its header.
pub(crate) const APPEND: Ordering = Ordering::AcqRel;
/// Following a link.
pub(crate) const FOLLOW: Ordering = Ordering::Acquire;
