//! Bytes of remote files kept on disk between runs: one small file per range, named by what it is of.
//!
//! An entry is written under a temporary name and renamed, and carries its own key, length and checksum, so that a crash, a
//! full disk or another process at the same folder leaves entries that are whole or none. What is not whole counts as absent.
//! Entries go by age of last use when the folder grows over its size; every process looks at the folder itself before that.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;

/// First bytes of an entry; another layout has another number.
const MAGIC: &[u8; 8] = b"swathB01";

/// Magic, checksum, length of the key.
const FRONT_BYTES: usize = 8 + 4 + 4;

/// Entries used within this time are not marked as used again: a mark is a write.
const MARK_EVERY: Duration = Duration::from_secs(60);

/// Temporary files older than this were left by a process that ended.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);

/// Share of the limit that is left after entries were removed, so that not every write removes.
const KEPT: f64 = 0.9;

/// Bytes that may wait to be written; what comes when there are more is not kept.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// A folder of ranges.
#[derive(Clone, Debug)]
pub(super) struct DiskCache {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    max_bytes: u64,
    /// Bytes written by this process since the folder was last looked through.
    written: AtomicU64,
    /// Held while the folder is looked through.
    sweep: Mutex<()>,
    waiting: Arc<Semaphore>,
}

/// What a range is of: a version of a file that a server names.
#[derive(Clone, Debug)]
pub(super) struct Version<'a> {
    pub(super) href: &'a str,
    pub(super) etag: &'a str,
    pub(super) file_bytes: u64,
}

impl Version<'_> {
    fn key(&self, range: &Range<u64>) -> String {
        format!(
            "{}\n{}\n{}\n{}..{}",
            super::address::unsigned(self.href),
            self.etag,
            self.file_bytes,
            range.start,
            range.end
        )
    }
}

impl DiskCache {
    /// A cache in `folder`, which is made where it is not there, and looked through.
    pub(super) fn open(folder: &Path, max_bytes: u64) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let shared = Shared {
            folder: folder.to_owned(),
            max_bytes,
            written: AtomicU64::new(0),
            sweep: Mutex::new(()),
            waiting: Arc::new(Semaphore::new(MAX_WAITING_BYTES)),
        };
        shared.sweep()?;
        Ok(DiskCache { shared: Arc::new(shared) })
    }

    /// The bytes of each range, `None` where they are not here. Reads on the runtime's blocking threads.
    pub(super) async fn get(&self, version: &Version<'_>, ranges: &[Range<u64>]) -> Vec<Option<Bytes>> {
        let keys: Vec<(String, u64)> =
            ranges.iter().map(|range| (version.key(range), range.end - range.start)).collect();
        let shared = self.shared.clone();
        let read = move || keys.iter().map(|(key, len)| shared.read(key, *len)).collect();
        let absent = vec![None; ranges.len()];
        tokio::task::spawn_blocking(read).await.unwrap_or(absent)
    }

    /// Keeps bytes, in the background: a disk that is full or slow costs nothing but the entry.
    pub(super) fn put(&self, version: &Version<'_>, range: &Range<u64>, bytes: Bytes) {
        let Ok(permit) = self.shared.waiting.clone().try_acquire_many_owned(bytes.len().min(MAX_WAITING_BYTES) as u32)
        else {
            return;
        };
        let (shared, key) = (self.shared.clone(), version.key(range));
        tokio::task::spawn_blocking(move || {
            let _waiting = permit;
            // An entry that cannot be written is fetched again.
            let _ = shared.write(&key, &bytes);
        });
    }
}

impl Shared {
    fn path(&self, key: &str) -> PathBuf {
        let name: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(&name[..2]).join(&name[2..])
    }

    fn read(&self, key: &str, len: u64) -> Option<Bytes> {
        let path = self.path(key);
        let file = std::fs::File::open(&path).ok()?;
        let metadata = file.metadata().ok()?;
        let expected = (FRONT_BYTES + key.len()) as u64 + len;
        if metadata.len() != expected {
            return None;
        }
        let mut entry = Vec::with_capacity(usize::try_from(expected).ok()?);
        std::io::Read::read_to_end(&mut &file, &mut entry).ok()?;
        let bytes = payload(entry, key)?;
        let used = metadata.modified().ok().and_then(|used| SystemTime::now().duration_since(used).ok());
        if used.is_some_and(|age| age > MARK_EVERY) {
            let _ =
                std::fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        }
        (bytes.len() as u64 == len).then_some(bytes)
    }

    fn write(&self, key: &str, bytes: &[u8]) -> std::io::Result<()> {
        let size = (FRONT_BYTES + key.len() + bytes.len()) as u64;
        if size > self.max_bytes {
            return Ok(());
        }
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
        let mut front = Vec::with_capacity(FRONT_BYTES + key.len());
        front.extend_from_slice(MAGIC);
        front.extend_from_slice(&checksum(key, bytes).to_le_bytes());
        front.extend_from_slice(&(key.len() as u32).to_le_bytes());
        front.extend_from_slice(key.as_bytes());
        std::io::Write::write_all(&mut file, &front)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.persist(&path).map_err(|error| error.error)?;
        // Looked through after a tenth of the limit: other processes may have written as much each.
        if self.written.fetch_add(size, Ordering::Relaxed) + size > self.max_bytes / 10 {
            self.sweep()?;
        }
        Ok(())
    }

    /// Removes what is oldest where there is too much, and what ended processes left half written.
    fn sweep(&self) -> std::io::Result<()> {
        // Who is at it already does it for all.
        let Ok(_sweeping) = self.sweep.try_lock() else { return Ok(()) };
        self.written.store(0, Ordering::Relaxed);
        let now = SystemTime::now();
        let mut entries = Vec::new();
        let mut total = 0;
        for folder in std::fs::read_dir(&self.folder)?.flatten().filter(|entry| entry.path().is_dir()) {
            for entry in std::fs::read_dir(folder.path())?.flatten() {
                // Another process may have removed it meanwhile.
                let Ok(metadata) = entry.metadata() else { continue };
                let used = metadata.modified().unwrap_or(now);
                if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                    if now.duration_since(used).is_ok_and(|age| age > ABANDONED_AFTER) {
                        let _ = std::fs::remove_file(entry.path());
                    }
                    continue;
                }
                total += metadata.len();
                entries.push((used, metadata.len(), entry.path()));
            }
        }
        if total <= self.max_bytes {
            return Ok(());
        }
        entries.sort();
        let goal = (self.max_bytes as f64 * KEPT) as u64;
        for (_, size, path) in entries {
            if total <= goal {
                break;
            }
            if std::fs::remove_file(&path).is_ok() {
                total -= size;
            }
        }
        Ok(())
    }
}

/// Names of files that are being written begin so.
const TEMPORARY: &str = "tmp-";

/// An entry's bytes, if it is whole and of this key.
fn payload(entry: Vec<u8>, key: &str) -> Option<Bytes> {
    let (front, rest) = entry.split_at_checked(FRONT_BYTES)?;
    let sum = u32::from_le_bytes(front[8..12].try_into().ok()?);
    let key_len = u32::from_le_bytes(front[12..16].try_into().ok()?) as usize;
    let (own_key, bytes) = rest.split_at_checked(key_len)?;
    let is_whole = &front[..8] == MAGIC && own_key == key.as_bytes() && checksum(key, bytes) == sum;
    let start = FRONT_BYTES + key_len;
    is_whole.then(|| Bytes::from(entry).slice(start..))
}

fn checksum(key: &str, bytes: &[u8]) -> u32 {
    let mut sum = libdeflater::Crc::new();
    sum.update(key.as_bytes());
    sum.update(bytes);
    sum.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(etag: &str) -> Version<'_> {
        Version { href: "https://tiles.test/a.tif?sig=secret", etag, file_bytes: 1000 }
    }

    fn entries(folder: &Path) -> Vec<PathBuf> {
        let inside = |path: PathBuf| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        inside(folder.to_owned()).flat_map(inside).collect()
    }

    fn cache(folder: &Path, max_bytes: u64) -> Arc<Shared> {
        DiskCache::open(folder, max_bytes).unwrap().shared
    }

    #[test]
    fn what_was_kept_comes_back_for_the_same_version_only() {
        let folder = tempfile::tempdir().unwrap();
        let key = version("\"1\"").key(&(0..5));
        assert!(!key.contains("secret"), "{key}");
        cache(folder.path(), 1 << 20).write(&key, b"bytes").unwrap();
        // Another process.
        let other = cache(folder.path(), 1 << 20);
        assert_eq!(other.read(&key, 5).as_deref(), Some(&b"bytes"[..]));
        assert_eq!(other.read(&version("\"2\"").key(&(0..5)), 5), None);
    }

    #[test]
    fn an_entry_cut_or_changed_is_absent() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 1 << 20);
        let key = version("\"1\"").key(&(0..5));
        cache.write(&key, b"bytes").unwrap();
        let path = entries(folder.path()).remove(0);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            std::fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(cache.read(&key, 5), None, "cut at {at}");
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            std::fs::write(&path, &changed).unwrap();
            assert_eq!(cache.read(&key, 5), None, "changed at {at}");
        }
        std::fs::write(&path, &whole).unwrap();
        assert!(cache.read(&key, 5).is_some());
    }

    #[test]
    fn the_oldest_go_when_there_is_too_much_and_leftovers_too() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), 20_000);
        let hour = |hours: u64| SystemTime::now() - Duration::from_secs(3600 * hours);
        for i in 0..30_u64 {
            let key = version("\"1\"").key(&(i..i + 1000));
            cache.write(&key, &[7; 1000]).unwrap();
            if let Ok(file) = std::fs::File::options().append(true).open(cache.path(&key)) {
                file.set_modified(hour(40 - i)).unwrap();
            }
        }
        let half = entries(folder.path())[0].with_file_name(format!("{TEMPORARY}half"));
        std::fs::write(&half, b"half").unwrap();
        std::fs::File::options().append(true).open(&half).unwrap().set_modified(hour(2)).unwrap();
        cache.sweep().unwrap();
        let held: u64 = entries(folder.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
        assert!(held <= 20_000, "{held} bytes");
        assert!(!half.exists());
        assert!(cache.read(&version("\"1\"").key(&(29..1029)), 1000).is_some(), "the newest stays");
        assert!(cache.read(&version("\"1\"").key(&(0..1000)), 1000).is_none(), "the oldest goes");
    }

    #[test]
    fn several_processes_at_one_folder_agree() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4_u64 {
                let cache = cache(folder.path(), 30_000);
                scope.spawn(move || {
                    for i in 0..60_u64 {
                        let key = version("\"1\"").key(&(i..i + 900));
                        cache.write(&key, &vec![i as u8; 900]).unwrap();
                        let read = cache.read(
                            &version("\"1\"").key(&(i.saturating_sub(writer)..i.saturating_sub(writer) + 900)),
                            900,
                        );
                        assert!(
                            read.is_none_or(|bytes| bytes
                                .iter()
                                .all(|byte| u64::from(*byte) == i.saturating_sub(writer)))
                        );
                    }
                });
            }
        });
        let held: u64 = entries(folder.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
        // Each of four may write a tenth before it looks.
        assert!(held <= 30_000 + 4 * 3_000 + 4 * 1_000, "{held} bytes");
    }
}
