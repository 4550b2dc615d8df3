//! A file of weights where it is: on this machine, or at an address, from which it is fetched once and kept.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use url::Url;

use crate::network::sha256_file;
use crate::progress::Progress;

/// The largest published weights of the encoders here are a hundredth of it.
const LARGEST_BYTES: u64 = 10 << 30;
/// Silence after which a server is given up.
const SILENCE: Duration = Duration::from_secs(60);
/// Digits of a checksum below which it tells too little.
const FEWEST_DIGITS: usize = 8;

/// The path of the weights at `source`, a path or an http(s) address. What is fetched is kept in `folder` under the
/// address's file name and used again from there. Its SHA-256 begins with `sha256` where that is given, and else with the
/// digits that names like `resnet18-f37072fd.pth` end in.
pub(super) fn obtain(source: &str, sha256: Option<&str>, folder: &Path) -> Result<PathBuf> {
    if let Some(digits) = sha256 {
        let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        ensure!(
            hexadecimal && (FEWEST_DIGITS..=64).contains(&digits.len()),
            "--sha256 {digits} is no SHA-256: 64 hexadecimal digits, or the first {FEWEST_DIGITS} of them or more"
        );
    }
    if !source.starts_with("http://") && !source.starts_with("https://") {
        let path = PathBuf::from(source);
        if let Some(digits) = sha256 {
            compare(&path, digits, &sha256_file(&path)?)?;
        }
        return Ok(path);
    }
    let url = Url::parse(source).with_context(|| format!("--weights {source} is no address"))?;
    ensure!(
        url.scheme() == "https" || sha256.is_some(),
        "{source} is not encrypted on its way: use https, or give the file's --sha256"
    );
    let name = file_name(&url).with_context(|| format!("{source} names no file; download it and give its path"))?;
    let path = folder.join(&name);
    let digits = sha256.or_else(|| digits_in(&name));
    if !path.exists() {
        let found = fetch(&url, &path, digits)?;
        eprintln!("network: {} fetched, SHA-256 {found}", path.display());
    } else if let Some(digits) = digits {
        compare(&path, digits, &sha256_file(&path)?)?;
    }
    Ok(path)
}

/// The last part of an address's path, where it is fit to be a file's name.
fn file_name(url: &Url) -> Option<String> {
    let name = url.path_segments()?.next_back()?;
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (name.len() <= 200 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(fit))
        .then(|| name.to_owned())
}

/// The digits of the SHA-256 that PyTorch puts into names, as in `resnet18-f37072fd.pth`.
fn digits_in(name: &str) -> Option<&str> {
    let (stem, _) = name.split_once('.')?;
    let (_, digits) = stem.rsplit_once('-')?;
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() >= FEWEST_DIGITS && digits.bytes().all(lower)).then_some(digits)
}

fn compare(path: &Path, digits: &str, found: &str) -> Result<()> {
    ensure!(
        found.starts_with(&digits.to_ascii_lowercase()),
        "{} is not the file that was asked for: its SHA-256 is {found}, not {digits}; remove it to fetch it again",
        path.display()
    );
    Ok(())
}

/// Fetches a file to a temporary name beside `path`, compares its checksum, and only then gives it its name. Gives its
/// SHA-256.
fn fetch(url: &Url, path: &Path, digits: Option<&str>) -> Result<String> {
    // Fails only where one was installed before, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let about = || format!("cannot fetch {url}");
    let client = reqwest::blocking::Client::builder().timeout(None).connect_timeout(SILENCE).build()?;
    let response = client.get(url.clone()).send().with_context(about)?;
    ensure!(response.status().is_success(), "cannot fetch {url}: the server answers {}", response.status());
    let length = response.content_length().unwrap_or(0);
    ensure!(length <= LARGEST_BYTES, "{url} has {length} bytes, which no weights of these encoders have");
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut part =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot write into {}", folder.display()))?;
    let found = copy(response, part.as_file_mut(), length).with_context(about)?;
    if let Some(digits) = digits.filter(|digits| !found.starts_with(&digits.to_ascii_lowercase())) {
        bail!("{url} gave another file than was asked for: its SHA-256 is {found}, not {digits}; nothing was kept");
    }
    part.as_file().sync_all()?;
    part.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(found)
}

/// Copies what the server sends; gives its SHA-256.
fn copy(response: impl Read, file: &mut std::fs::File, length: u64) -> Result<String> {
    const MEBIBYTE: u64 = 1 << 20;
    let mut response = response.take(LARGEST_BYTES);
    let mut progress = Progress::new("weights", length / MEBIBYTE, "MiB");
    let (mut hash, mut read) = (Sha256::new(), 0_u64);
    let mut buffer = vec![0; MEBIBYTE as usize];
    loop {
        let count = response.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        file.write_all(&buffer[..count])?;
        read += count as u64;
        progress.at(read / MEBIBYTE, String::new);
    }
    progress.end();
    ensure!(length == 0 || read == length, "the connection ended after {read} of {length} bytes");
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_taken_from_addresses_with_care() {
        let name = |url: &str| file_name(&Url::parse(url).unwrap());
        assert_eq!(name("https://example.org/models/resnet18-f37072fd.pth?x=1").unwrap(), "resnet18-f37072fd.pth");
        for url in ["https://example.org/", "https://example.org/a%2Fb", "https://example.org/.hidden"] {
            assert_eq!(name(url), None, "{url}");
        }
    }

    #[test]
    fn names_may_hold_the_first_digits_of_their_checksum() {
        assert_eq!(digits_in("resnet18-f37072fd.pth"), Some("f37072fd"));
        assert_eq!(digits_in("efficientnet_b0_ra-3dd342df.pth"), Some("3dd342df"));
        for name in ["resnet18.pth", "resnet18-swsl.pth", "resnet-50.pth", "a-F37072FD.pth"] {
            assert_eq!(digits_in(name), None, "{name}");
        }
    }

    #[test]
    fn checksums_are_compared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.pth");
        std::fs::write(&path, b"abc").unwrap();
        let text = path.to_string_lossy();
        // SHA-256 of "abc", FIPS 180-4.
        assert!(obtain(&text, Some("BA7816BF"), folder.path()).is_ok());
        assert!(obtain(&text, Some("ba7816b0"), folder.path()).unwrap_err().to_string().contains("not the file"));
        assert!(obtain(&text, Some("ba78"), folder.path()).unwrap_err().to_string().contains("no SHA-256"));
        assert!(obtain("http://127.0.0.1:1/a.pth", None, folder.path()).unwrap_err().to_string().contains("https"));
    }
}
