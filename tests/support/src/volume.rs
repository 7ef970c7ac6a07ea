//! A ConfigMap or Secret that is mounted as a volume, and changes.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Writes the next generation of `files` (name and content) into the folder `volume` as kubelet's atomic writer does: a new
/// folder, and a symlink renamed over `..data`, through which the files' own names lead. The generation before is removed.
///
/// # Errors
/// When the folder cannot be written.
pub fn publish(volume: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
    let data = volume.join("..data");
    let previous = fs::read_link(&data).ok();
    let generation = previous
        .as_ref()
        .and_then(|folder| folder.to_str()?.strip_prefix("..gen_")?.parse().ok())
        .map_or(0, |generation: u32| generation + 1);
    let folder = format!("..gen_{generation}");
    fs::create_dir_all(volume.join(&folder))?;
    for (name, content) in files {
        fs::write(volume.join(&folder).join(name), content)?;
        let link = volume.join(name);
        if !link.exists() {
            symlink(Path::new("..data").join(name), &link)?;
        }
    }
    let temporary = volume.join("..data_tmp");
    symlink(&folder, &temporary)?;
    fs::rename(&temporary, &data)?;
    match previous {
        Some(previous) => fs::remove_dir_all(volume.join(previous)),
        None => Ok(()),
    }
}
