//! The sources of the kernels, carried in the binary.

use super::device::Unit;

/// Headers that the units include, by name.
pub(super) const HEADERS: [(&str, &str); 2] =
    [("element.cuh", include_str!("source/element.cuh")), ("reduce.cuh", include_str!("source/reduce.cuh"))];

macro_rules! units {
    ($($name:ident = $file:literal, images: $images:literal;)*) => {
        $(
            #[doc = concat!("`source/", $file, "`")]
            pub(super) static $name: Unit =
                Unit { name: $file, source: include_str!(concat!("source/", $file)), images: $images };
        )*

        /// All of them.
        #[cfg(test)]
        pub(super) static ALL: &[&Unit] = &[$(&$name),*];
    };
}

units! {
    BATCHNORM = "batchnorm.cu", images: true;
    CROSS_ENTROPY = "cross_entropy.cu", images: false;
    MAXPOOL = "maxpool.cu", images: true;
    OPTIMIZER = "optimizer.cu", images: false;
    POINTWISE = "pointwise.cu", images: true;
    RESIZE = "resize.cu", images: true;
}
