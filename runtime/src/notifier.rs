//! Subscribers that hear of changes before they happen and may refuse them.
