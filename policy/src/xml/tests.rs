#![allow(clippy::unwrap_used)]
//! The reader over small texts. Whole documents are in `tests/corpus`.
