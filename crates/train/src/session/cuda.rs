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
    let unavailable = |missing, source| TrainError::Device { device: Device::Cuda { index }, missing, source };
    let folder = runtime.path().parent().unwrap_or(Path::new("/"));
    if let Some(library) = missing_provider(folder) {
        let (path, version) = (runtime.path().display(), runtime.version());
        let remedy =
            format!("unpack the wheel onnxruntime-gpu {version} and set ORT_DYLIB_PATH to its libonnxruntime.so");
        return Err(unavailable(format!("{library} is not beside {path}; {remedy}"), None));
    }
    preload(nvidia_libraries(), &wheel_folders(folder)).map_err(|(library, source)| {
        let remedy = match library {
            "libcuda.so.1" => "install the NVIDIA driver",
            _ => "install CUDA 13 and cuDNN 9, or put their folders on LD_LIBRARY_PATH",
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

fn missing_provider(folder: &Path) -> Option<&'static str> {
    PROVIDER_LIBRARIES.into_iter().find(|name| !folder.join(name).is_file())
}

/// Loads libraries for the whole process: from the system's own places, or from `folders`. Fails on the first that is in
/// neither, by name.
#[allow(unsafe_code)]
fn preload<'a>(
    names: impl Iterator<Item = &'a str>,
    folders: &[PathBuf],
) -> std::result::Result<(), (&'a str, libloading::Error)> {
    for name in names {
        let system = std::iter::once(PathBuf::from(name));
        let mut refusal = None;
        for path in system.chain(folders.iter().map(|folder| folder.join(name)).filter(|path| path.is_file())) {
            // SAFETY: loading runs the initialisers of NVIDIA's libraries, which the provider itself loads next.
            match unsafe { libloading::Library::new(&path) } {
                // The library stays for the life of the process, since the provider resolves symbols in it.
                Ok(library) => {
                    std::mem::forget(library);
                    refusal = None;
                    break;
                }
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        if let Some(error) = refusal {
            return Err((name, error));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(missing_provider(folder.path()), Some("libonnxruntime_providers_shared.so"));
        std::fs::write(folder.path().join("libonnxruntime_providers_shared.so"), b"").unwrap();
        assert_eq!(missing_provider(folder.path()), Some("libonnxruntime_providers_cuda.so"));
        std::fs::write(folder.path().join("libonnxruntime_providers_cuda.so"), b"").unwrap();
        assert_eq!(missing_provider(folder.path()), None);

        let refusal = preload(["libc.so.6", "libswath-none.so.1"].into_iter(), &[]).unwrap_err();
        assert_eq!(refusal.0, "libswath-none.so.1", "what can be loaded is passed over");
    }

    #[test]
    fn libraries_beside_an_installed_wheel_are_found() {
        let site = tempfile::tempdir().unwrap();
        for package in ["cudnn", "cublas"] {
            std::fs::create_dir_all(site.path().join("nvidia").join(package).join("lib")).unwrap();
        }
        std::fs::create_dir_all(site.path().join("nvidia/empty")).unwrap();
        let found = wheel_folders(&site.path().join("onnxruntime/capi"));
        assert_eq!(found, [site.path().join("nvidia/cublas/lib"), site.path().join("nvidia/cudnn/lib")]);
        std::fs::write(found[0].join("libswath-broken.so.1"), b"no library").unwrap();
        let refusal = preload(["libswath-broken.so.1"].into_iter(), &found).unwrap_err();
        assert_eq!(refusal.0, "libswath-broken.so.1");
    }
}
