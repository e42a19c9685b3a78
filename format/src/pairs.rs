//! Annotation pairs: records of keys and values, as macros emit them.
