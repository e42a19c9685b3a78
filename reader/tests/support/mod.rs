//! What the tests of the reader share: the fixtures, built by real compilers; cores and processes of them; the
//! program under test, and what it printed with all that varies from run to run replaced.
//!
//! A fixture is a folder of `tests/fixtures` with a schema and C; the generator is called as a library. What a
//! test compares with comes from elsewhere than the reader: `nm`, gdb, drgn, the C compiler.

#![allow(dead_code, reason = "each test uses its own part")]

pub(crate) mod cores;
pub(crate) mod debugger;
pub(crate) mod images;
pub(crate) mod leaves;
pub(crate) mod listed;
pub(crate) mod machines;
pub(crate) mod normal;
pub(crate) mod running;
pub(crate) mod shapes;
pub(crate) mod shop;
pub(crate) mod tools;
pub(crate) mod workshop;
