//! swath-raster
