//! NVIDIA's own libraries, where they can be loaded: NVRTC compiles every source, and cuDNN understands the descriptors.
//! They are looked for where the system looks, and in the folders that `SWATH_CUDA_LIBRARIES` lists (as `PATH` does).

use std::path::PathBuf;

use cudarc::{cudnn::sys as cudnn, nvrtc::sys as nvrtc};
use libloading::Library;

use super::host::functions;
use crate::kernels::cpu::conv::ConvShape;
use crate::kernels::cuda::compile::compile;
use crate::kernels::cuda::cudnn::Description;
use crate::kernels::cuda::device::Unit;
use crate::kernels::cuda::element::Element;
use crate::kernels::cuda::units;

/// Loads a library for good, under its own name or from one of the folders; says so where it cannot.
fn load(names: &[&str]) -> bool {
    let folders = std::env::var_os("SWATH_CUDA_LIBRARIES").unwrap_or_default();
    let folders: Vec<PathBuf> = std::iter::once(PathBuf::new()).chain(std::env::split_paths(&folders)).collect();
    for name in names {
        // SAFETY: loading runs the initialisers of NVIDIA's libraries.
        let loaded = folders.iter().find_map(|folder| unsafe { Library::new(folder.join(name)) }.ok());
        match loaded {
            Some(library) => std::mem::forget(library),
            None => {
                eprintln!("skipped: {name} cannot be loaded (SWATH_CUDA_LIBRARIES lists folders to look in)");
                return false;
            }
        }
    }
    true
}

#[test]
fn nvrtc_compiles_every_source() {
    // SAFETY: as in `load`.
    if !load(&["libnvrtc-builtins.so.13.0", "libnvrtc.so.13"]) || !unsafe { nvrtc::is_culib_present() } {
        return;
    }
    let contains_all = |unit: &'static Unit, element, capability| {
        let code = compile(unit, element, capability)
            .unwrap_or_else(|log| panic!("{} for {element:?} and {capability}: {log}", unit.name));
        let text = String::from_utf8_lossy(&code);
        for function in functions(unit) {
            assert!(text.contains(function), "{function} is not in {} for {capability}", unit.name);
        }
    };
    for unit in units::ALL {
        for element in Element::ALL.into_iter().take(if unit.images { 3 } else { 1 }) {
            for capability in [80, 90, 100] {
                contains_all(unit, element, capability);
            }
        }
    }
    // A GPU that no NVRTC knows yet gets portable code.
    contains_all(units::ALL[0], Element::F16, 200);
    let error = compile(units::ALL[0], Element::F32, 20).unwrap_err();
    assert!(error.contains("no GPU of compute capability 20"), "{error}");
}

#[test]
fn cudnn_takes_the_descriptors() {
    // SAFETY: as in `load`.
    if !load(&["libcudnn.so.9"]) || !unsafe { cudnn::is_culib_present() } {
        return;
    }
    for (kernel, strides, dilations, pads, groups) in
        [([3, 3], [1, 1], [1, 1], [1, 1], 1), ([7, 5], [2, 1], [1, 2], [3, 4], 1), ([3, 3], [2, 2], [1, 1], [1, 1], 6)]
    {
        let in_size = [33, 40];
        let all = [pads[0], pads[1], pads[0], pads[1]];
        let out_size = ConvShape::out_size(in_size, kernel, strides, dilations, all).unwrap();
        let (batch, in_channels, out_channels) = (2, 6, 12);
        let shape =
            ConvShape { batch, in_channels, in_size, out_channels, out_size, kernel, strides, dilations, pads, groups };
        for element in Element::ALL {
            let described = Description::new("Conv", &shape, element, false).unwrap();
            let expected = [batch, out_channels, out_size[0], out_size[1]].map(|size| size as i32);
            assert_eq!(described.out_size().unwrap(), expected, "{shape:?}");
        }
    }
}

#[test]
fn cudnn_has_every_function_that_is_called() {
    if !load(&["libcudnn.so.9"]) {
        return;
    }
    let names = [
        "cudnnConvolutionForward",
        "cudnnConvolutionBackwardData",
        "cudnnConvolutionBackwardFilter",
        "cudnnGetConvolutionForwardAlgorithm_v7",
        "cudnnGetConvolutionBackwardDataAlgorithm_v7",
        "cudnnGetConvolutionBackwardFilterAlgorithm_v7",
    ];
    // SAFETY: loaded above already; nothing is called.
    let library = unsafe { cudnn::culib() };
    for name in names {
        // SAFETY: the symbol is looked for, not used.
        assert!(unsafe { library.get::<*const ()>(name) }.is_ok(), "{name}");
    }
}
