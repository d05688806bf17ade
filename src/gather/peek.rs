//! Reads the directories with weights on this machine for `models::weights`: names, sizes and first
//! bytes of files. Links are followed to any place.
//!
//! Limits: [`MAX_ENTRIES`] names; the caller limits the number of bytes of a file.

use crate::gather::base_model;
use crate::models::catalogue::BASE_DIRECTORY;
use crate::models::source::DirectoryEntries;
use crate::models::weights::{MAX_ENTRIES, Root};
use crate::text::error::ReadError;
use std::collections::BTreeMap;
use std::fs::{DirEntry, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Number of levels of directories below a directory with weights, the directory included.
const MAX_LEVELS: usize = 4;

/// The entries of the directory `part` in `root`; `None` if it does not exist.
pub fn directory(root: &Path, part: &str) -> Result<Option<DirectoryEntries>, ReadError> {
    let Some(path) = root.to_str().map(str::to_owned) else {
        return Err(ReadError(format!("{} is not a Unicode name", root.display())));
    };
    let place = root.join(part);
    let failed = |error: io::Error| ReadError(format!("{}: {error}", place.display()));
    if let (true, Some(name)) = (part.is_empty() && root.is_file(), root.file_name()) {
        let size = std::fs::metadata(root).map(|data| data.len()).map_err(failed)?;
        let entries = BTreeMap::from([(name.to_string_lossy().into_owned(), Ok(size))]);
        return Ok(Some(DirectoryEntries { path, is_file: true, entries }));
    }
    let listed = match std::fs::read_dir(&place) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        listed => listed.map_err(failed)?,
    };
    let mut listing = DirectoryEntries { path, ..DirectoryEntries::default() };
    for entry in listed {
        let entry = entry.map_err(failed)?;
        // Files with weights have Unicode names.
        let Ok(name) = entry.file_name().into_string() else { continue };
        listing.entries.insert(name, size(&entry));
        if listing.entries.len() > MAX_ENTRIES {
            let place = place.display();
            return Err(ReadError(format!("{place} contains more than {MAX_ENTRIES} files")));
        }
    }
    Ok(Some(listing))
}

/// The directory of a directory or file with weights, and the sizes of the files below it by path, with
/// `/`. Hidden directories, such as `.git` and `.cache`, are left out. The base model of an adapter is in
/// `base_model`, wherever it is on this machine.
///
/// # Errors
/// A directory cannot be read, or there are too many files.
pub fn files_below(place: &Path) -> Result<(Root, BTreeMap<String, u64>), ReadError> {
    let mut files = BTreeMap::new();
    if let (true, Some(parent), Some(name)) = (place.is_file(), place.parent(), place.file_name()) {
        let size = std::fs::metadata(place).map_err(|error| ReadError(error.to_string()))?.len();
        files.insert(name.to_string_lossy().into_owned(), size);
        return Ok((Root::from(parent), files));
    }
    let root = Root { directory: place.to_owned(), base: base_model::elsewhere(place) };
    let mut open = vec![(place.to_owned(), String::new(), 1)];
    open.extend(root.base.iter().map(|base| (base.clone(), format!("{BASE_DIRECTORY}/"), 2)));
    while let Some((directory, prefix, depth)) = open.pop() {
        let failed = |error: io::Error| ReadError(format!("{}: {error}", directory.display()));
        for entry in std::fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // Files that belong to a model have Unicode names.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_directory = entry.path().is_dir();
            if is_directory && !name.starts_with('.') && depth < MAX_LEVELS {
                open.push((entry.path(), format!("{prefix}{name}/"), depth + 1));
            } else if let (false, Ok(size)) = (is_directory, size(&entry)) {
                files.insert(format!("{prefix}{name}"), size);
            }
            if files.len() + open.len() > MAX_ENTRIES {
                let place = place.display();
                return Err(ReadError(format!("{place} contains more than {MAX_ENTRIES} files")));
            }
        }
    }
    Ok((root, files))
}

/// Size of a file in bytes, or why it cannot be used.
fn size(entry: &DirEntry) -> Result<u64, String> {
    let path = entry.path();
    match std::fs::metadata(&path) {
        Ok(data) if data.is_file() => Ok(data.len()),
        Ok(_) => Err("is not a file".to_owned()),
        Err(error) => Err(match std::fs::read_link(&path) {
            Ok(target) if error.kind() == ErrorKind::NotFound => {
                format!("is a link to {}, which does not exist", target.display())
            }
            _ => format!("cannot be read: {error}"),
        }),
    }
}

/// The first bytes of a file, at most `most`.
pub fn first_bytes(path: &str, most: usize) -> Result<Vec<u8>, ReadError> {
    let failed = |error: io::Error| ReadError(error.to_string());
    // Opening a pipe would block until a writer opens it.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(ReadError("it is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(most as u64).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sizes_are_those_of_the_link_targets() {
        let place = tempfile::tempdir().expect("a directory");
        let (root, blobs) = (place.path().join("snapshot"), place.path().join("blobs"));
        std::fs::create_dir_all(root.join("unet/sub")).expect("made");
        std::fs::create_dir_all(&blobs).expect("made");
        std::fs::write(blobs.join("x"), "12345").expect("written");
        std::fs::write(root.join("unet/config.json"), "{}").expect("written");
        let listing = directory(&root, "unet").expect("read").expect("there");
        assert_eq!(listing.path, root.to_str().expect("a plain path"));
        assert_eq!(listing.entries["config.json"], Ok(2));
        assert_eq!(listing.entries["sub"], Err("is not a file".to_owned()));
        assert_eq!(directory(&root, "vae"), Ok(None));
        let file = root.join("unet/config.json");
        let single = directory(&file, "").expect("read").expect("there");
        assert!(single.is_file && single.entries.keys().eq(["config.json"]), "{single:?}");
        let (place, files) = files_below(&root).expect("listed");
        assert_eq!(
            (place, files),
            (Root::from(&*root), BTreeMap::from([("unet/config.json".into(), 2)]))
        );
        let (place, files) = files_below(&file).expect("listed");
        assert_eq!(
            (place, files),
            (Root::from(&*root.join("unet")), BTreeMap::from([("config.json".into(), 2)]))
        );
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../blobs/x", root.join("model.safetensors")).expect("made");
            std::os::unix::fs::symlink("../blobs/y", root.join("gone")).expect("made");
            let listing = directory(&root, "").expect("read").expect("there");
            assert_eq!(listing.entries["model.safetensors"], Ok(5));
            let gone = "is a link to ../blobs/y, which does not exist";
            assert_eq!(listing.entries["gone"], Err(gone.to_owned()));
            let file = format!("{}/model.safetensors", listing.path);
            assert_eq!(first_bytes(&file, 3), Ok(b"123".to_vec()));
            assert_eq!(first_bytes(&file, 9), Ok(b"12345".to_vec()));
        }
        assert!(first_bytes(root.to_str().expect("a plain path"), 1).is_err());
    }
}
