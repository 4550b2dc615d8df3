//! State on disk that a run can go on from, whatever moment it was killed at.
//!
//! A store is a folder:
//!
//! ```text
//! step-00001200/tensors.safetensors   parameters, moments, averages, running statistics; float32
//! step-00001200/state.json            the rest: step, who wrote it, and the caller's own state
//! last.json, best.json                which of the folders is the last one, and the best one
//! ```
//!
//! A checkpoint is written to a hidden folder, forced to disk, and renamed; only then the mark is replaced, by renaming
//! as well. So each mark names a complete checkpoint at every moment. Folders without a mark are removed. One process
//! at a time may write to a store.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Cause, Result, TrainError};
use crate::session::StateValue;

const TENSORS: &str = "tensors.safetensors";
const STATE: &str = "state.json";
/// Prefix of folders and files that are still being written.
const UNFINISHED: &str = ".writing-";
/// Version of this layout.
const FORMAT: u32 = 1;

/// Which checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// The latest.
    Last,
    /// The one with the best score.
    Best,
}

impl Mark {
    const ALL: [Self; 2] = [Self::Last, Self::Best];

    fn file(self) -> &'static str {
        match self {
            Self::Last => "last.json",
            Self::Best => "best.json",
        }
    }
}

/// A tensor as it was saved.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedTensor {
    /// Name as the training graph gave it.
    pub name: String,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// Row-major values.
    pub values: Vec<f32>,
}

/// A checkpoint, read. `S` is the caller's own state.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<S> {
    /// Steps done.
    pub step: u64,
    /// The state of the training graph, in no particular order.
    pub tensors: Vec<SavedTensor>,
    /// Progress, seeds, position of the loader: what the caller gave.
    pub state: S,
}

impl<S> Checkpoint<S> {
    /// The tensors as [`crate::TrainSession::load_state`] takes them.
    pub fn named(&self) -> impl Iterator<Item = (&str, &[f32])> {
        self.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.values.as_slice()))
    }
}

/// A folder of checkpoints.
#[derive(Debug, Clone)]
pub struct CheckpointStore {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct StateFile<S> {
    format: u32,
    step: u64,
    written_by: String,
    state: S,
}

#[derive(Serialize, Deserialize)]
struct MarkFile {
    step: u64,
    folder: String,
}

impl CheckpointStore {
    /// A store in `folder`, which is made with the first checkpoint.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Saves a checkpoint under the marks given and removes those that no mark names any more.
    ///
    /// # Errors
    /// When the disk refuses; the marks then name what they named before.
    pub fn save<S: Serialize>(&self, step: u64, tensors: &[StateValue<'_>], state: &S, marks: &[Mark]) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(TrainError::io("make the folder", &self.folder))?;
        self.remove_unfinished()?;
        let name = self.unused_name(step);
        let writing = self.folder.join(format!("{UNFINISHED}{name}"));
        fs::create_dir(&writing).map_err(TrainError::io("write a checkpoint in", &self.folder))?;
        self.write_tensors(&writing.join(TENSORS), tensors)?;
        let written_by = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned();
        write_json(&writing.join(STATE), &StateFile { format: FORMAT, step, written_by, state }, &self.folder)?;
        sync_folder(&writing)?;
        let finished = self.folder.join(&name);
        fs::rename(&writing, &finished).map_err(TrainError::io("rename to", &finished))?;
        sync_folder(&self.folder)?;
        for mark in marks {
            self.set_mark(*mark, &MarkFile { step, folder: name.clone() })?;
        }
        self.remove_unmarked(&name)
    }

    /// Reads the checkpoint of a mark; `None` when there is none yet.
    ///
    /// # Errors
    /// When the checkpoint cannot be read or was written by another version of this layout.
    pub fn load<S: DeserializeOwned>(&self, mark: Mark) -> Result<Option<Checkpoint<S>>> {
        let Some(MarkFile { folder, .. }) = self.mark(mark)? else { return Ok(None) };
        let folder = self.folder.join(folder);
        let path = folder.join(STATE);
        let text = fs::read(&path).map_err(TrainError::io("read", &path))?;
        let version: Version = parse(&path, &text)?;
        if version.format != FORMAT {
            let reason = format!("its format is {}, this version reads {FORMAT}", version.format);
            return Err(TrainError::Checkpoint { path, reason, source: None });
        }
        let StateFile { step, state, .. } = parse(&path, &text)?;
        Ok(Some(Checkpoint { step, tensors: read_tensors(&folder.join(TENSORS))?, state }))
    }

    /// Step of a mark's checkpoint; `None` when there is none yet. Reads the mark alone, and so may be asked while
    /// another process writes.
    ///
    /// # Errors
    /// When the mark cannot be read.
    pub fn step(&self, mark: Mark) -> Result<Option<u64>> {
        Ok(self.mark(mark)?.map(|mark| mark.step))
    }

    /// Path of a mark's tensors, a plain safetensors file; `None` when there is no such checkpoint.
    ///
    /// # Errors
    /// When the mark cannot be read.
    pub fn tensors_path(&self, mark: Mark) -> Result<Option<PathBuf>> {
        Ok(self.mark(mark)?.map(|mark| self.folder.join(mark.folder).join(TENSORS)))
    }

    fn mark(&self, mark: Mark) -> Result<Option<MarkFile>> {
        let path = self.folder.join(mark.file());
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(TrainError::io("read", path)(error)),
        };
        let mark: MarkFile = parse(&path, &text)?;
        // The name comes from a file: it may only name a folder of this store.
        if Path::new(&mark.folder).components().count() != 1 || !mark.folder.starts_with("step-") {
            let reason = format!("it names `{}`, which is no folder of this store", mark.folder);
            return Err(TrainError::Checkpoint { path, reason, source: None });
        }
        Ok(Some(mark))
    }

    fn set_mark(&self, mark: Mark, to: &MarkFile) -> Result<()> {
        let writing = self.folder.join(format!("{UNFINISHED}{}", mark.file()));
        let path = self.folder.join(mark.file());
        write_json(&writing, to, &self.folder)?;
        fs::rename(&writing, &path).map_err(TrainError::io("rename to", &path))?;
        sync_folder(&self.folder)
    }

    fn write_tensors(&self, path: &Path, tensors: &[StateValue<'_>]) -> Result<()> {
        let views = tensors.iter().map(|tensor| (tensor.name, Floats(tensor)));
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize_to_file(views, Some(metadata), path).map_err(|error| match error {
            // Its own message repeats the system's, and what is not the system's names a temporary file that nobody gave.
            SafeTensorError::IoError(source) => {
                let source = if source.get_ref().is_some() { source.kind().into() } else { source };
                TrainError::io("write a checkpoint in", &self.folder)(source)
            }
            other => {
                let reason = "its tensors could not be written".to_owned();
                TrainError::Checkpoint { path: self.folder.clone(), reason, source: Some(Box::new(other)) }
            }
        })?;
        File::open(path).and_then(|file| file.sync_all()).map_err(TrainError::io("force to disk", path))
    }

    /// A step may be saved again after a run went back to an earlier checkpoint.
    fn unused_name(&self, step: u64) -> String {
        let first = format!("step-{step:08}");
        let more = (2_u64..).map(|n| format!("{first}.{n}"));
        let mut names = std::iter::once(first.clone()).chain(more);
        names.find(|name| !self.folder.join(name).exists()).unwrap_or(first)
    }

    fn remove_unfinished(&self) -> Result<()> {
        self.remove(|name| name.starts_with(UNFINISHED))
    }

    fn remove_unmarked(&self, newest: &str) -> Result<()> {
        let mut keep = vec![newest.to_owned()];
        for mark in Mark::ALL {
            keep.extend(self.mark(mark)?.map(|mark| mark.folder));
        }
        self.remove(|name| name.starts_with("step-") && !keep.iter().any(|kept| kept == name))
    }

    fn remove(&self, unwanted: impl Fn(&str) -> bool) -> Result<()> {
        let entries = fs::read_dir(&self.folder).map_err(TrainError::io("list", &self.folder))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.file_name().and_then(|name| name.to_str()).is_some_and(&unwanted) {
                let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                removed.map_err(TrainError::io("remove", &path))?;
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// Little-endian bytes of a state tensor, made when they are written.
struct Floats<'a, 'b>(&'a StateValue<'b>);

impl View for Floats<'_, '_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.0.shape
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        self.0.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>().into()
    }

    fn data_len(&self) -> usize {
        self.0.values.len() * size_of::<f32>()
    }
}

fn read_tensors(path: &Path) -> Result<Vec<SavedTensor>> {
    let refused = |reason: &str, source: Option<Cause>| TrainError::Checkpoint {
        path: path.to_owned(),
        reason: reason.to_owned(),
        source,
    };
    let bytes = fs::read(path).map_err(TrainError::io("read", path))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| refused("it is no safetensors file", Some(Box::new(e))))?;
    let mut tensors = Vec::with_capacity(file.len());
    for (name, view) in file.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(refused(&format!("`{name}` is not float32"), None));
        }
        let values = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        tensors.push(SavedTensor { name: name.to_owned(), shape: view.shape().to_vec(), values });
    }
    Ok(tensors)
}

fn parse<T: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T> {
    serde_json::from_slice(text).map_err(|source| TrainError::Checkpoint {
        path: path.to_owned(),
        reason: "it is not the JSON of a checkpoint".to_owned(),
        source: Some(Box::new(source)),
    })
}

/// Writes and forces to disk; a failure names `shown`, which the caller gave, and not the name that is written under.
fn write_json(path: &Path, value: &impl Serialize, shown: &Path) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|source| TrainError::Checkpoint {
        path: shown.to_owned(),
        reason: "the state cannot be written as JSON".to_owned(),
        source: Some(Box::new(source)),
    })?;
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(&text)?;
        file.sync_all()
    };
    write().map_err(TrainError::io("write a checkpoint in", shown))
}

/// Forces a folder's entries to disk, so that a rename outlives a loss of power.
fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(TrainError::io("force to disk", folder))
}

#[cfg(test)]
mod tests;
