//! ONNX Runtime's CUDA execution provider: looked for, explained when missing, registered.
//!
//! This path has been built and its refusals tested on machines without a GPU; it has not run on a GPU.

use std::path::{Path, PathBuf};

use ort::ep;
use ort::session::builder::SessionBuilder;

use super::{Device, Runtime, SessionOptions};
use crate::error::{Result, TrainError};

/// The provider's own libraries, which must lie beside ONNX Runtime's.
const PROVIDER_LIBRARIES: [&str; 2] = ["libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"];

/// NVIDIA's libraries that the provider needs, each after those it depends on itself.
fn nvidia_libraries() -> impl Iterator<Item = &'static str> {
    std::iter::once("libcuda.so.1").chain(ep::cuda::CUDA_DYLIBS.iter().chain(ep::cuda::CUDNN_DYLIBS).copied())
}

/// Adds the CUDA provider to a session under construction.
pub(super) fn provider(
    runtime: &Runtime,
    builder: SessionBuilder,
    index: u32,
    options: &SessionOptions,
) -> Result<SessionBuilder> {
    let device = Device::Cuda { index };
    let unavailable = |missing: String, source| TrainError::Device { device, missing, source };
    let folder = runtime.path().parent().unwrap_or(Path::new("/"));
    if let Some(library) = PROVIDER_LIBRARIES.iter().find(|name| !folder.join(name).is_file()) {
        let missing = format!(
            "{library} is not beside {}; unpack the wheel onnxruntime-gpu {} and set ORT_DYLIB_PATH to its libonnxruntime.so",
            runtime.path().display(),
            runtime.version()
        );
        return Err(unavailable(missing, None));
    }
    preload(folder).map_err(|(library, source)| {
        let remedy = if library == "libcuda.so.1" {
            "install the NVIDIA driver"
        } else {
            "install CUDA 13 and cuDNN 9, or put their folders on LD_LIBRARY_PATH"
        };
        unavailable(format!("{library} cannot be loaded; {remedy}"), Some(Box::new(source)))
    })?;
    let signed_index = i32::try_from(index).map_err(|_| TrainError::setting("device index", index, "a GPU's index"))?;
    let cuda = ep::CUDA::default()
        .with_device_id(signed_index)
        .with_tf32(options.tf32)
        .with_prefer_nhwc(options.prefer_nhwc)
        .with_arena_extend_strategy(ep::ArenaExtendStrategy::SameAsRequested)
        .build()
        .error_on_failure();
    builder.with_execution_providers([cuda]).map_err(|source| {
        let missing = "ONNX Runtime's CUDA provider did not start; check the driver and that the GPU is visible";
        unavailable(missing.to_owned(), Some(Box::new(<ort::Error>::from(source))))
    })
}

/// Loads NVIDIA's libraries for the whole process: from the system, or from `nvidia/*/lib` beside the folder of an
/// installed wheel.
#[allow(unsafe_code)]
fn preload(runtime_folder: &Path) -> std::result::Result<(), (&'static str, libloading::Error)> {
    let folders = wheel_folders(runtime_folder);
    for name in nvidia_libraries() {
        let candidates = std::iter::once(PathBuf::from(name)).chain(folders.iter().map(|folder| folder.join(name)));
        let mut refusal = None;
        let loaded = candidates.filter(|path| path.components().count() == 1 || path.is_file()).find_map(|path| {
            // SAFETY: loading runs the initialisers of NVIDIA's libraries, which the provider itself loads next.
            match unsafe { libloading::Library::new(&path) } {
                Ok(library) => Some(library),
                Err(error) => {
                    refusal.get_or_insert(error);
                    None
                }
            }
        });
        match (loaded, refusal) {
            // The library stays for the life of the process, since the provider resolves symbols in it.
            (Some(library), _) => std::mem::forget(library),
            (None, Some(error)) => return Err((name, error)),
            (None, None) => {}
        }
    }
    Ok(())
}

/// `site-packages/nvidia/*/lib` for a runtime in `site-packages/onnxruntime/capi`.
fn wheel_folders(runtime_folder: &Path) -> Vec<PathBuf> {
    let packages = runtime_folder.ancestors().nth(2).map(|site| site.join("nvidia"));
    let Some(entries) = packages.and_then(|nvidia| std::fs::read_dir(nvidia).ok()) else { return Vec::new() };
    let mut folders: Vec<_> =
        entries.flatten().map(|entry| entry.path().join("lib")).filter(|lib| lib.is_dir()).collect();
    folders.sort();
    folders
}
