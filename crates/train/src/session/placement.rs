//! Where ONNX Runtime put each node of a graph: a GPU that was asked for and left to the processor is an error.

use std::ffi::{CStr, c_char};
use std::ptr;

use ort::AsPointer;
use ort::session::Session;
use ort::sys;

use super::Device;
use crate::error::{Result, TrainError};

/// The setting by which a session keeps its placement for [`nodes`] to read.
pub(super) const RECORD: (&str, &str) = ("session.record_ep_graph_assignment_info", "1");

/// Which nodes may stay on the processor of a session for a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
    /// None: all sizes in the graph are constants.
    Nothing,
    /// Those that compute sizes, which ONNX Runtime leaves there on purpose.
    Sizes,
}

/// Operators by which networks of free size compute their shapes. Each moves or combines a handful of integers there.
const SIZES: &[&str] = &[
    "Add",
    "Cast",
    "Ceil",
    "Concat",
    "ConstantOfShape",
    "Div",
    "Equal",
    "Expand",
    "Floor",
    "Gather",
    "Identity",
    "Max",
    "Min",
    "Mod",
    "Mul",
    "Range",
    "ReduceProd",
    "Reshape",
    "Shape",
    "Size",
    "Slice",
    "Squeeze",
    "Sub",
    "Unsqueeze",
    "Where",
];

/// A node and the execution provider that runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    provider: String,
    operator: String,
    name: String,
}

/// Checks that the device runs what it was asked to.
pub(super) fn check(session: &Session, device: Device, allowance: Allowance) -> Result<()> {
    match device {
        Device::Cpu => Ok(()),
        Device::Cuda { .. } => judge(&nodes(session)?, device, allowance),
    }
}

fn judge(nodes: &[Placed], device: Device, allowance: Allowance) -> Result<()> {
    let tolerated = |node: &Placed| {
        node.provider == device.provider() || (allowance == Allowance::Sizes && SIZES.contains(&node.operator.as_str()))
    };
    let stray: Vec<&Placed> = nodes.iter().filter(|node| !tolerated(node)).collect();
    let Some(first) = stray.first() else { return Ok(()) };
    let named: Vec<String> = stray.iter().take(5).map(|node| format!("{} '{}'", node.operator, node.name)).collect();
    let missing = format!(
        "{} of {} operators would run on the {} instead ({}); use float32, or operators = \"plain\", or device cpu",
        stray.len(),
        nodes.len(),
        first.provider,
        named.join(", ")
    );
    Err(TrainError::Device { device, missing, source: None })
}

/// Every node of a session that was made with [`RECORD`], as optimised, with its provider.
#[allow(unsafe_code)]
pub(super) fn nodes(session: &Session) -> Result<Vec<Placed>> {
    let refused = || TrainError::session("the question which device runs which operator");
    let api = ort::api();
    let mut placed = Vec::new();
    let (mut graphs, mut graph_count) = (ptr::null(), 0);
    // SAFETY: the session is alive; both places to write to are valid for the call.
    let status = unsafe { (api.Session_GetEpGraphAssignmentInfo)(session.ptr(), &mut graphs, &mut graph_count) };
    // SAFETY: a status comes from ONNX Runtime and is taken over once.
    unsafe { ort::Error::result_from_status(status) }.map_err(refused())?;
    for index in 0..graph_count {
        // SAFETY: the array holds `graph_count` valid entries for as long as the session lives.
        let graph: *const sys::OrtEpAssignedSubgraph = unsafe { *graphs.add(index) };
        // SAFETY: `graph` is valid, and so is the function.
        let provider = unsafe { text(|out| (api.EpAssignedSubgraph_GetEpName)(graph, out)) }.map_err(refused())?;
        let (mut members, mut count) = (ptr::null(), 0);
        // SAFETY: as for the graphs.
        let status = unsafe { (api.EpAssignedSubgraph_GetNodes)(graph, &mut members, &mut count) };
        // SAFETY: as above.
        unsafe { ort::Error::result_from_status(status) }.map_err(refused())?;
        for index in 0..count {
            // SAFETY: the array holds `count` valid entries for as long as the session lives.
            let node: *const sys::OrtEpAssignedNode = unsafe { *members.add(index) };
            // SAFETY: `node` is valid, and so are the functions.
            let (operator, name) = unsafe {
                (
                    text(|out| (api.EpAssignedNode_GetOperatorType)(node, out)).map_err(refused())?,
                    text(|out| (api.EpAssignedNode_GetName)(node, out)).map_err(refused())?,
                )
            };
            placed.push(Placed { provider: provider.clone(), operator, name });
        }
    }
    Ok(placed)
}

/// A text that ONNX Runtime hands out by pointer.
///
/// # Safety
/// `ask` must write null or a nul-terminated string that outlives this call.
#[allow(unsafe_code)]
unsafe fn text(ask: impl FnOnce(*mut *const c_char) -> sys::OrtStatusPtr) -> ort::Result<String> {
    let mut out: *const c_char = ptr::null();
    let status = ask(&mut out);
    // SAFETY: a status comes from ONNX Runtime and is taken over once.
    unsafe { ort::Error::result_from_status(status) }?;
    if out.is_null() {
        return Ok(String::new());
    }
    // SAFETY: by the contract of this function.
    Ok(unsafe { CStr::from_ptr(out) }.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(provider: &str, operator: &str) -> Placed {
        Placed { provider: provider.into(), operator: operator.into(), name: format!("a {operator}") }
    }

    #[test]
    fn a_session_tells_what_runs_where() {
        use crate::session::SessionOptions;
        use crate::session::build::{Source, build};
        let model = include_bytes!("../../tests/data/tiny.onnx");
        let built = build("the network", &Source::Bytes(model), &SessionOptions::default()).unwrap();
        let nodes = nodes(&built.session).unwrap();
        assert!(nodes.iter().any(|node| node.operator.contains("Conv")), "{nodes:?}");
        assert!(nodes.iter().all(|node| node.provider == "CPUExecutionProvider"), "{nodes:?}");
        // Had a GPU been asked for, this is what would be said.
        let error = judge(&nodes, Device::Cuda { index: 0 }, Allowance::Sizes).unwrap_err().to_string();
        assert!(error.contains("CPUExecutionProvider") && error.contains("Conv"), "{error}");
    }

    #[test]
    fn what_strays_from_the_gpu_is_named() {
        let device = Device::Cuda { index: 0 };
        let (gpu, cpu) = ("CUDAExecutionProvider", "CPUExecutionProvider");
        let nodes = [placed(gpu, "Conv"), placed(cpu, "Gather"), placed(gpu, "Relu")];
        judge(&nodes, device, Allowance::Sizes).unwrap();
        let error = judge(&nodes, device, Allowance::Nothing).unwrap_err().to_string();
        assert!(error.contains("1 of 3 operators") && error.contains("Gather 'a Gather'"), "{error}");
        let nodes = [placed(gpu, "Conv"), placed(cpu, "MaxPool")];
        assert!(judge(&nodes, device, Allowance::Sizes).unwrap_err().to_string().contains("MaxPool"));
    }
}
