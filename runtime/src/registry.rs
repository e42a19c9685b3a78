//! The tables of every loaded object, through one parser.
