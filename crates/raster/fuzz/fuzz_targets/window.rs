//! Any window, bands and target grid of an image of any layout.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| swath_raster_fuzz::window(data));
