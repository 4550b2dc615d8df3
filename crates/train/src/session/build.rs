//! From options to a session of ONNX Runtime: device, threads, memory, optimisation.

use std::path::Path;

use ort::ep;
use ort::logging::LogLevel;
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::{Device, Execution, Runtime, SessionOptions};
use super::{cuda, placement};
use crate::error::{Result, TrainError};
use crate::kernels;

/// A model as it is at hand.
pub(super) enum Source<'a> {
    Bytes(&'a [u8]),
    File(&'a Path),
}

impl Source<'_> {
    fn describe(&self, what: &str) -> String {
        match self {
            Self::Bytes(bytes) => format!("{what} ({} bytes)", bytes.len()),
            Self::File(path) => format!("{what} {}", path.display()),
        }
    }
}

/// A session and the record of what runs it.
pub(super) struct Built {
    pub(super) session: Session,
    pub(super) execution: Execution,
}

/// A session of a model in memory.
pub(crate) fn built(what: &str, model: &[u8], options: &SessionOptions) -> Result<Session> {
    build(what, &Source::Bytes(model), options).map(|built| built.session)
}

pub(super) fn build(what: &str, model: &Source<'_>, options: &SessionOptions) -> Result<Built> {
    if options.threads == Some(0) {
        return Err(TrainError::setting("threads", 0, "at least 1, or left out"));
    }
    let runtime = Runtime::get()?;
    let mut builder = configure(runtime, options)?;
    let session = match model {
        Source::Bytes(bytes) => kernels::session_of_bytes(&mut builder, bytes),
        Source::File(path) => kernels::session_of_file(&mut builder, path),
    }
    .map_err(TrainError::session(model.describe(what)))?;
    let execution = Execution {
        provider: options.device.provider().to_owned(),
        device: options.device,
        threads: options.threads.unwrap_or(0),
        runtime_version: runtime.version().to_owned(),
        runtime_path: runtime.path().to_owned(),
        runtime_build: runtime.build().to_owned(),
        deterministic: options.deterministic,
        tf32: options.tf32,
        prefer_nhwc: options.prefer_nhwc,
        precision: "float32".to_owned(),
    };
    Ok(Built { session, execution })
}

fn configure(runtime: &Runtime, options: &SessionOptions) -> Result<SessionBuilder> {
    let option =
        |name: &'static str| move |e: ort::Error<SessionBuilder>| TrainError::session(name)(<ort::Error>::from(e));
    let mut builder = Session::builder(&runtime.environment)
        .map_err(TrainError::session("a new session"))?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(option("full graph optimisation"))?
        .with_config_entry(placement::RECORD.0, placement::RECORD.1)
        .map_err(option("the record of its placement"))?
        .with_log_level(LogLevel::Warning)
        .map_err(option("its log level"))?
        .with_intra_op_spinning(options.spin)
        .map_err(option("the option `spin`"))?
        .with_deterministic_compute(options.deterministic)
        .map_err(option("the option `deterministic`"))?;
    if let Some(threads) = options.threads {
        builder = builder.with_intra_threads(threads).map_err(option("the option `threads`"))?;
    }
    builder = match options.device {
        Device::Cpu => kernels::register(builder),
        Device::Cuda { index } => {
            let builder = cuda::provider(runtime, builder, index, options)?;
            let settings = kernels::cuda::Settings { deterministic: options.deterministic, tf32: options.tf32 };
            kernels::cuda::register(builder, settings)
        }
    }
    .map_err(TrainError::session("the operators of domain `swath`"))?;
    builder
        .with_execution_providers([ep::CPU::default().with_arena_allocator(options.arena).build()])
        .map_err(option("the option `arena`"))
}

/// Where the state of a session lives: device memory for a GPU, plain memory for the processor.
pub(super) fn state_allocator(session: &Session, device: Device) -> Result<Allocator> {
    match device {
        Device::Cpu => Ok(Allocator::default()),
        Device::Cuda { index } => allocator(session, AllocationDevice::CUDA, index, MemoryType::Default),
    }
}

/// Where batches wait for a session: page-locked memory for a GPU, so that the copy need not pass through the
/// processor; plain memory for the processor.
pub(super) fn batch_allocator(session: &Session, device: Device) -> Result<Allocator> {
    match device {
        Device::Cpu => Ok(Allocator::default()),
        Device::Cuda { index } => allocator(session, AllocationDevice::CUDA_PINNED, index, MemoryType::CPUInput),
    }
}

fn allocator(session: &Session, place: AllocationDevice<'_>, index: u32, memory: MemoryType) -> Result<Allocator> {
    let refused = || format!("memory of kind `{}`", place.as_str());
    let index = i32::try_from(index).map_err(|_| TrainError::setting("device index", index, "a GPU's index"))?;
    let info =
        MemoryInfo::new(place.clone(), index, AllocatorType::Device, memory).map_err(TrainError::session(refused()))?;
    Allocator::new(session, info).map_err(TrainError::session(refused()))
}
