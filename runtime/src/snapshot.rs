//! A directory for each snapshot: its table, a file for each region, a manifest.
