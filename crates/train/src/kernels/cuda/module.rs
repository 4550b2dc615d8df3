//! Functions on GPUs: each unit is compiled for the current device when one of its functions is first asked for, and kept
//! for the life of the process.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr;
use std::sync::{LazyLock, Mutex, PoisonError};

use cudarc::driver::sys::{self, CUdevice_attribute, CUfunction, CUmodule, CUresult, CUstream};

use super::compile::compile;
use super::device::{Address, Argument, Function, Grid};
use super::element::Element;
use crate::kernels::error::KernelError;

/// A handle of the driver. It stands for something in the device's context, which any thread may use.
#[derive(Clone, Copy)]
struct Handle<T>(*mut T);

// SAFETY: the driver's handles are valid on every thread of the process.
unsafe impl<T> Send for Handle<T> {}

/// Context, file name and element type of a unit.
type UnitKey = (usize, &'static str, Element);

/// What has been loaded so far.
#[derive(Default)]
struct Loaded {
    modules: HashMap<UnitKey, Handle<sys::CUmod_st>>,
    functions: HashMap<(UnitKey, &'static str), Handle<sys::CUfunc_st>>,
}

static LOADED: LazyLock<Mutex<Loaded>> = LazyLock::new(Mutex::default);

/// Turns the driver's answer into a result.
pub(super) fn checked(operator: &'static str, call: &'static str, result: CUresult) -> Result<(), KernelError> {
    if result == CUresult::CUDA_SUCCESS {
        return Ok(());
    }
    let mut text = ptr::null();
    // SAFETY: writes the address of a static text, or null for a code it does not know.
    unsafe { sys::cuGetErrorString(result, &raw mut text) };
    let words = if text.is_null() {
        String::new()
    } else {
        // SAFETY: the driver's texts are nul-terminated and static.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    };
    Err(KernelError::Gpu { operator, call, problem: format!("{result:?}: {words}") })
}

/// The function in the context that is current on this thread, which is that of the session's device.
fn find(operator: &'static str, function: Function) -> Result<CUfunction, KernelError> {
    let mut context = ptr::null_mut();
    // SAFETY: writes one handle.
    checked(operator, "cuCtxGetCurrent", unsafe { sys::cuCtxGetCurrent(&raw mut context) })?;
    // What does not deal in images is one unit for all.
    let element = if function.unit.images { function.element } else { Element::F32 };
    let unit = (context as usize, function.unit.name, element);
    // A panic cannot leave the maps half-changed: each entry is inserted in one go.
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = loaded.functions.get(&(unit, function.name)) {
        return Ok(handle.0);
    }
    let module = match loaded.modules.get(&unit) {
        Some(module) => module.0,
        None => {
            let module = load(operator, function, element)?;
            loaded.modules.insert(unit, Handle(module));
            module
        }
    };
    let name = CString::new(function.name).unwrap_or_default();
    let mut handle = ptr::null_mut();
    // SAFETY: the module stays loaded; the name is nul-terminated; writes one handle.
    let found = unsafe { sys::cuModuleGetFunction(&raw mut handle, module, name.as_ptr()) };
    checked(operator, "cuModuleGetFunction", found)?;
    loaded.functions.insert((unit, function.name), Handle(handle));
    Ok(handle)
}

/// Compiles a unit for the current device and loads it there.
fn load(operator: &'static str, function: Function, element: Element) -> Result<CUmodule, KernelError> {
    use CUdevice_attribute::{
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
    };
    let mut device = 0;
    // SAFETY: writes one number.
    checked(operator, "cuCtxGetDevice", unsafe { sys::cuCtxGetDevice(&raw mut device) })?;
    let attribute = |attribute| {
        let mut value: c_int = 0;
        // SAFETY: writes one number.
        let got = unsafe { sys::cuDeviceGetAttribute(&raw mut value, attribute, device) };
        checked(operator, "cuDeviceGetAttribute", got).map(|()| value)
    };
    let capability = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)? * 10
        + attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
    let unit = function.unit;
    let image = compile(unit, element, capability).map_err(|log| KernelError::Compile {
        unit: unit.name,
        element: element.define(),
        capability,
        log,
    })?;
    let mut module = ptr::null_mut();
    // SAFETY: the image is what NVRTC made for this device, complete, and is copied before the call returns.
    checked(operator, "cuModuleLoadData", unsafe { sys::cuModuleLoadData(&raw mut module, image.as_ptr().cast()) })?;
    Ok(module)
}

/// Queues `function` on `stream`.
pub(super) fn launch(
    operator: &'static str,
    stream: CUstream,
    function: Function,
    grid: Grid,
    arguments: &[Argument],
) -> Result<(), KernelError> {
    let handle = find(operator, function)?;
    let mut slots: Vec<u64> = arguments.iter().map(|argument| argument.slot()).collect();
    let mut parameters: Vec<*mut c_void> = slots.iter_mut().map(|slot| (&raw mut *slot).cast()).collect();
    // SAFETY: one parameter per parameter of the function's signature, each at least as wide as its type, by the promise
    // of who asks a device to launch; the driver copies them before the call returns.
    let queued = unsafe {
        sys::cuLaunchKernel(
            handle,
            grid.cols,
            grid.rows,
            1,
            grid.threads,
            1,
            1,
            0,
            stream,
            parameters.as_mut_ptr(),
            ptr::null_mut(),
        )
    };
    checked(operator, function.name, queued)
}

/// Copies `bytes` to `to` and waits until they are there.
pub(super) fn copy(operator: &'static str, stream: CUstream, bytes: &[u8], to: Address) -> Result<(), KernelError> {
    // SAFETY: `to` has room for the bytes by the caller's promise, and they stay alive until the wait below is over.
    let queued = unsafe { sys::cuMemcpyHtoDAsync_v2(to, bytes.as_ptr().cast(), bytes.len(), stream) };
    checked(operator, "cuMemcpyHtoDAsync", queued)?;
    // SAFETY: the stream is that of the session, which is alive during a call.
    checked(operator, "cuStreamSynchronize", unsafe { sys::cuStreamSynchronize(stream) })
}
