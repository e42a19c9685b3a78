//! What a consumer may see: the filters that a schema declares, evaluated over entries.
