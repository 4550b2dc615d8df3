//! The processor as a device: sources compiled by the system's C++ compiler behind `shim.h`, launched by the very calls that
//! a GPU gets. It checks each argument against the type in the function's signature.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_uint, c_void};
use std::path::Path;
use std::process::Command;

use libloading::{Library, Symbol};

use crate::kernels::cuda::device::{Address, Argument, Device, Function, Grid, MAX_THREADS, Memory, Unit};
use crate::kernels::cuda::element::Element;
use crate::kernels::cuda::units::HEADERS;
use crate::kernels::error::KernelError;

/// The processor, for one test.
pub(super) struct Host {
    folder: tempfile::TempDir,
    libraries: RefCell<HashMap<(&'static str, Element), Library>>,
}

impl Host {
    /// `None`, said aloud, where there is no C++ compiler.
    pub(super) fn new() -> Option<Self> {
        if Command::new("c++").arg("--version").output().is_err() {
            eprintln!("skipped: the CUDA kernels' arithmetic is not checked, there is no C++ compiler `c++`");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in HEADERS.into_iter().chain([("shim.h", include_str!("shim.h"))]) {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Some(Self { folder, libraries: RefCell::default() })
    }

    fn compile(&self, unit: &Unit, element: Element) -> Library {
        let path = |suffix: &str| self.folder.path().join(format!("{}.{}.{suffix}", unit.name, element.define()));
        let mut text = format!("#include \"shim.h\"\n{}\n", unit.source);
        for name in functions(unit) {
            text += &format!(
                "extern \"C\" SHOWN const char *kinds_{name}() {{ return kinds({name}); }}\n\
                 extern \"C\" SHOWN void launch_{name}(unsigned int cols, unsigned int rows, unsigned int threads, void **arguments) \
                 {{ launch({name}, cols, rows, threads, arguments); }}\n"
            );
        }
        std::fs::write(path("cc"), text).unwrap();
        let out = Command::new("c++")
            .args(["-std=c++20", "-O1", "-shared", "-fPIC", "-pthread", "-Wall", "-Wextra", "-Werror"])
            // Several of them live in one process: what a block shares must not be shared among libraries.
            .args(["-fvisibility=hidden", "-DSHOWN=__attribute__((visibility(\"default\")))"])
            .arg(format!("-D{}", element.define()))
            .arg(format!("-DMAX_THREADS={MAX_THREADS}"))
            .args([Path::new("-I"), self.folder.path(), Path::new("-o"), &path("so"), &path("cc")])
            .output()
            .unwrap();
        assert!(out.status.success(), "{}: {}", unit.name, String::from_utf8_lossy(&out.stderr));
        // SAFETY: what was just compiled has no initialisers but those of C++'s library.
        unsafe { Library::new(path("so")) }.unwrap()
    }
}

/// Names of the functions that a unit defines for launching.
pub(super) fn functions(unit: &Unit) -> Vec<&'static str> {
    let after = unit.source.split("__global__ void ").skip(1);
    after.map(|rest| rest.split('(').next().unwrap()).collect()
}

/// Argument's type by the letters of `kinds` in `shim.h`.
fn kind(argument: &Argument) -> char {
    match argument {
        Argument::Pointer(_) => 'p',
        Argument::Size(_) => 's',
        Argument::Int(_) => 'i',
        Argument::Float(_) => 'f',
        Argument::Double(_) => 'd',
    }
}

type Kinds = unsafe extern "C" fn() -> *const c_char;
type Launch = unsafe extern "C" fn(c_uint, c_uint, c_uint, *mut *mut c_void);

impl Device for Host {
    fn launch(&self, function: Function, grid: Grid, arguments: &[Argument]) -> Result<(), KernelError> {
        let Function { unit, name, element } = function;
        let mut libraries = self.libraries.borrow_mut();
        let library = libraries.entry((unit.name, element)).or_insert_with(|| self.compile(unit, element));
        let symbol = |kind: &str| format!("{kind}_{name}");
        // SAFETY: of the type that `compile` wrote.
        let (kinds, launch): (Symbol<Kinds>, Symbol<Launch>) =
            unsafe { (library.get(symbol("kinds")).unwrap(), library.get(symbol("launch")).unwrap()) };
        // SAFETY: returns a static text.
        let kinds = unsafe { CStr::from_ptr(kinds()) }.to_str().unwrap();
        assert_eq!(arguments.iter().map(kind).collect::<String>(), kinds, "arguments of {name}");
        assert!(grid.threads.is_power_of_two() && grid.threads as usize <= MAX_THREADS, "{name}: {grid:?}");
        let mut slots: Vec<u64> = arguments.iter().map(|argument| argument.slot()).collect();
        let mut addresses: Vec<*mut c_void> = slots.iter_mut().map(|slot| (&raw mut *slot).cast()).collect();
        // SAFETY: the arguments' types are the parameters', and addresses are those of the test's own memory.
        unsafe { launch(grid.cols, grid.rows, grid.threads, addresses.as_mut_ptr()) };
        Ok(())
    }

    fn memory(&self, bytes: usize) -> Result<Box<dyn Memory>, KernelError> {
        // Not zeros: a kernel that reads what nobody wrote shows it.
        Ok(Box::new(Block(vec![u64::MAX; bytes.div_ceil(8)])))
    }

    fn upload(&self, bytes: &[u8]) -> Result<Box<dyn Memory>, KernelError> {
        let words = bytes.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(word)
        });
        Ok(Box::new(Block(words.collect())))
    }
}

struct Block(Vec<u64>);

impl Memory for Block {
    fn address(&self) -> Address {
        self.0.as_ptr() as Address
    }
}
