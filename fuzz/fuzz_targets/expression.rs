//! See `weir_fuzz`.
#![no_main]
#![allow(unsafe_code)] // what the macro makes of it is the entry point of libFuzzer

libfuzzer_sys::fuzz_target!(|data: &[u8]| weir_fuzz::run("expression", data));
