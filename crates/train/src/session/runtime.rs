//! Finds and loads ONNX Runtime's shared library, once per process.
//!
//! `ORT_DYLIB_PATH` comes first. Without it, `.ort/libonnxruntime.so.*` is looked for in the folder of the running
//! executable and in every folder above it; the current directory has no say, so that a library that someone left in a
//! data folder is never run.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use crate::error::{Result, TrainError};

/// ONNX Runtime, loaded.
pub struct Runtime {
    pub(crate) environment: Environment,
    path: PathBuf,
    version: String,
    build: String,
}

impl Runtime {
    /// The runtime of this process; loads it on the first call.
    ///
    /// # Errors
    /// When no library is found, or the one found cannot be loaded or is too old. A later call tries again.
    pub fn get() -> Result<&'static Self> {
        static LOADED: OnceLock<Runtime> = OnceLock::new();
        static LOADING: Mutex<()> = Mutex::new(());
        if let Some(runtime) = LOADED.get() {
            return Ok(runtime);
        }
        // A panic while loading leaves nothing half-made behind the lock: the value is set in one go.
        let _guard = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = LOADED.get() {
            return Ok(runtime);
        }
        let runtime = Self::load(&library_path()?)?;
        Ok(LOADED.get_or_init(|| runtime))
    }

    /// The library that was loaded.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Version such as `1.31.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// ONNX Runtime's own line on how it was built.
    pub fn build(&self) -> &str {
        &self.build
    }

    fn load(path: &Path) -> Result<Self> {
        let refused = |source| TrainError::RuntimeLoad { path: path.to_owned(), minimum: ort::MINOR_VERSION, source };
        let version = library_version(path).map_err(|e| refused(Box::new(e)))?;
        let environment = ort::init_from(path)
            .map_err(|e| refused(Box::new(e)))?
            .with_name("swath")
            .with_telemetry(false)
            .with_logger(Arc::new(log))
            .build()
            .map_err(|e| refused(Box::new(e)))?;
        environment.set_log_level(LogLevel::Warning);
        Ok(Self { environment, path: path.to_owned(), version, build: ort::info().to_owned() })
    }
}

/// Hands ONNX Runtime's messages to `tracing`, one level lower than it thinks: what matters comes back as an error.
fn log(level: LogLevel, category: &str, session: &str, place: &str, message: &str) {
    match level {
        LogLevel::Fatal | LogLevel::Error => {
            tracing::warn!(target: "onnxruntime", category, session, place, "{message}")
        }
        LogLevel::Warning => tracing::debug!(target: "onnxruntime", category, session, place, "{message}"),
        LogLevel::Info | LogLevel::Verbose => {
            tracing::trace!(target: "onnxruntime", category, session, place, "{message}")
        }
    }
}

/// Version that the library at `path` states.
#[allow(unsafe_code)]
fn library_version(path: &Path) -> std::result::Result<String, libloading::Error> {
    // SAFETY: loading runs the library's initialisers; it is ONNX Runtime by the user's or the Makefile's word, and is
    // about to be loaded for good.
    let library = unsafe { libloading::Library::new(path)? };
    // SAFETY: ONNX Runtime's C interface declares `const OrtApiBase* OrtGetApiBase(void)` since its first version.
    let base: libloading::Symbol<unsafe extern "C" fn() -> *const ort::sys::OrtApiBase> =
        unsafe { library.get(b"OrtGetApiBase")? };
    // SAFETY: the function takes nothing and returns a pointer to a static table, or null.
    let Some(base) = (unsafe { base().as_ref() }) else { return Ok(String::from("unknown")) };
    // SAFETY: the table's second entry returns a static, nul-terminated string.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) };
    Ok(version.to_string_lossy().into_owned())
}

fn library_path() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        return path.canonicalize().map_err(|_| TrainError::RuntimePath { path });
    }
    let executable = std::env::current_exe().map_err(TrainError::io("find the folder of", "this executable"))?;
    let folder = executable.parent().unwrap_or(&executable);
    find_above(folder).ok_or_else(|| TrainError::RuntimeMissing { searched_from: folder.to_owned() })
}

/// The newest `.ort/libonnxruntime.so.*` in `folder` or the nearest folder above it that has one.
fn find_above(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find_map(|ancestor| {
        let entries = std::fs::read_dir(ancestor.join(".ort")).ok()?;
        let libraries = entries.flatten().map(|entry| entry.path()).filter(|path| is_library(path));
        libraries.max_by_key(|path| version_key(path))
    })
}

fn is_library(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == "libonnxruntime.dylib" || name == "libonnxruntime.so" || name.starts_with("libonnxruntime.so.")
}

fn version_key(path: &Path) -> Vec<u32> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_above_wins_and_there_the_newest_version() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("target/release/deps");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::create_dir_all(root.path().join(".ort")).unwrap();
        for name in
            ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.31.1", "libonnxruntime_providers_shared.so", "a.whl"]
        {
            std::fs::write(root.path().join(".ort").join(name), b"").unwrap();
        }
        assert_eq!(find_above(&deep).unwrap(), root.path().join(".ort/libonnxruntime.so.1.31.1"));

        std::fs::create_dir_all(root.path().join("target/.ort")).unwrap();
        assert_eq!(find_above(&deep).unwrap(), root.path().join(".ort/libonnxruntime.so.1.31.1"), "an empty .ort");
        std::fs::write(root.path().join("target/.ort/libonnxruntime.so.1.30.0"), b"").unwrap();
        assert_eq!(find_above(&deep).unwrap(), root.path().join("target/.ort/libonnxruntime.so.1.30.0"));
    }

    #[test]
    fn a_file_that_is_no_library_is_refused_with_the_remedy() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Runtime::load(file.path()).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("make runtime"), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}
