//! What a producer links.
