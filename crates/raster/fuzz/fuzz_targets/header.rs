//! Any bytes as a file's header.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| swath_raster_fuzz::header(data));
