//! From a source to machine code, by NVRTC. Needs no GPU.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use cudarc::nvrtc::sys::{self, nvrtcProgram, nvrtcResult};

use super::device::{MAX_THREADS, Unit};
use super::element::Element;
use super::units::HEADERS;

/// A program of NVRTC, destroyed when dropped.
struct Program(nvrtcProgram);

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: the program was created by `program` and nobody else destroys it.
        unsafe { sys::nvrtcDestroyProgram(&raw mut self.0) };
    }
}

/// Machine code of `unit` for GPUs of `capability` (90 for 9.0). A GPU newer than NVRTC gets portable code for the newest
/// that NVRTC knows, which the driver translates.
///
/// # Errors
/// NVRTC's own words. `sys::is_culib_present` must have been asked before: without the library NVRTC cannot refuse.
pub(super) fn compile(unit: &Unit, element: Element, capability: i32) -> Result<Vec<u8>, String> {
    let known = known_capabilities()?;
    let native = known.contains(&capability);
    let target = match known.into_iter().filter(|&known| known <= capability).max() {
        Some(target) => target,
        None => return Err(format!("NVRTC knows no GPU of compute capability {capability} or below")),
    };
    let kind = if native { "sm" } else { "compute" };
    let options = [
        format!("--gpu-architecture={kind}_{target}"),
        String::from("--std=c++17"),
        format!("--define-macro={}", element.define()),
        format!("--define-macro=MAX_THREADS={MAX_THREADS}"),
    ];
    let options = options.map(|option| CString::new(option).unwrap_or_default());
    let options = options.each_ref().map(|option| option.as_ptr());
    let program = program(unit)?;
    // SAFETY: as many options as said, each nul-terminated and alive until the call returns.
    let compiled = unsafe { sys::nvrtcCompileProgram(program.0, options.len() as c_int, options.as_ptr()) };
    if compiled != nvrtcResult::NVRTC_SUCCESS {
        return Err(format!("{compiled:?}: {}", log(&program)));
    }
    if native {
        take(&program, sys::nvrtcGetCUBINSize, sys::nvrtcGetCUBIN)
    } else {
        take(&program, sys::nvrtcGetPTXSize, sys::nvrtcGetPTX)
    }
}

fn checked(what: &str, result: nvrtcResult) -> Result<(), String> {
    if result == nvrtcResult::NVRTC_SUCCESS { Ok(()) } else { Err(format!("{what}: {result:?}")) }
}

/// Compute capabilities that this NVRTC makes machine code for.
fn known_capabilities() -> Result<Vec<i32>, String> {
    let mut count = 0;
    // SAFETY: writes one integer.
    checked("nvrtcGetNumSupportedArchs", unsafe { sys::nvrtcGetNumSupportedArchs(&raw mut count) })?;
    let mut known = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: writes as many integers as it said there are.
    checked("nvrtcGetSupportedArchs", unsafe { sys::nvrtcGetSupportedArchs(known.as_mut_ptr()) })?;
    Ok(known)
}

fn program(unit: &Unit) -> Result<Program, String> {
    let text = |text: &str| CString::new(text).map_err(|error| error.to_string());
    let (source, name) = (text(unit.source)?, text(unit.name)?);
    let mut names = Vec::new();
    let mut contents = Vec::new();
    for (name, content) in HEADERS {
        names.push(text(name)?);
        contents.push(text(content)?);
    }
    let addresses = |texts: &[CString]| texts.iter().map(|text| text.as_ptr()).collect::<Vec<*const c_char>>();
    let (names, contents) = (addresses(&names), addresses(&contents));
    let mut program = ptr::null_mut();
    // SAFETY: every text is nul-terminated and lives until the call returns, by when NVRTC has copied it; there are as
    // many headers as names.
    let created = unsafe {
        sys::nvrtcCreateProgram(
            &raw mut program,
            source.as_ptr(),
            name.as_ptr(),
            names.len() as c_int,
            contents.as_ptr(),
            names.as_ptr(),
        )
    };
    checked("nvrtcCreateProgram", created)?;
    Ok(Program(program))
}

type GetSize = unsafe fn(nvrtcProgram, *mut usize) -> nvrtcResult;
type GetBytes = unsafe fn(nvrtcProgram, *mut c_char) -> nvrtcResult;

/// Bytes that NVRTC holds, by its function for their number and its function for themselves.
fn take(program: &Program, size: GetSize, bytes: GetBytes) -> Result<Vec<u8>, String> {
    let mut count = 0;
    // SAFETY: the program is alive; writes one number.
    checked("size of NVRTC's output", unsafe { size(program.0, &raw mut count) })?;
    let mut out = vec![0u8; count];
    // SAFETY: the program is alive; writes as many bytes as it said.
    checked("NVRTC's output", unsafe { bytes(program.0, out.as_mut_ptr().cast()) })?;
    Ok(out)
}

fn log(program: &Program) -> String {
    let log = take(program, sys::nvrtcGetProgramLogSize, sys::nvrtcGetProgramLog).unwrap_or_default();
    CStr::from_bytes_until_nul(&log).map(|log| log.to_string_lossy().into_owned()).unwrap_or_default()
}
