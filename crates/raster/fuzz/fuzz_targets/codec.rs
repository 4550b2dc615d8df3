//! Any bytes as a compressed block, by the codec that the target is named after.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| swath_raster_fuzz::codec(env!("CARGO_BIN_NAME"), data));
