//! Replaces a file whole: what was written beside it takes its name, and whoever is killed in between leaves
//! the old one or the new one. The new one has no name while it is written, where the file system allows that,
//! so that nothing is left of it either.

use std::fs;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::WriteError;

/// What a file that is not there yet takes after.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anew<'a> {
    /// It is this image in another place: nobody has lent the copy any rights yet.
    Copy(&'a Path),
    /// It is data about this image, for whoever may read the image, and nothing that runs.
    Data(&'a Path),
}

/// Replaces the contents of the file at `path`, or makes it. Mode, owner where that is allowed, and extended
/// attributes stay as they are; a link keeps being one. What is no file, such as a pipe, takes the contents and
/// stays what it is.
pub(crate) fn replace_file(path: &Path, anew: Anew<'_>, content: &[u8]) -> Result<(), WriteError> {
    let failed = |error| WriteError { path: path.to_owned(), error };
    if fs::metadata(path).is_ok_and(|it| !it.is_file()) {
        let mut other = fs::File::options().write(true).open(path).map_err(failed)?;
        return other.write_all(content).map_err(failed);
    }
    let place = behind_links(path).map_err(failed)?;
    let directory = match place.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let fill = |file: &mut fs::File| {
        write_without_zeros(file, content)?;
        match anew {
            _ if place.exists() => keep_facts(&place, file, 0o7777),
            // Only whoever installs a program may let it run with the rights of its owner.
            Anew::Copy(image) => keep_facts(image, file, 0o777),
            Anew::Data(image) => keep_mode(image, file, 0o666),
        }?;
        // The name must not lead to bytes that a crash of the machine loses.
        file.sync_all()
    };
    let beside = written_beside(directory, fill).map_err(failed)?;
    beside.persist(&place).map_err(|error| failed(error.error))?;
    // Not every file system can do it to a directory.
    let _ = fs::File::open(directory).and_then(|directory| directory.sync_all());
    Ok(())
}

/// A file in a directory that `fill` has written, under a name that nobody takes for an image. It goes when it
/// is dropped.
fn written_beside(
    directory: &Path,
    fill: impl Fn(&mut fs::File) -> io::Result<()>,
) -> io::Result<tempfile::TempPath> {
    let mut names = tempfile::Builder::new();
    names.prefix(".inspect-gen.");
    #[cfg(target_os = "linux")]
    if let Some(mut file) = nameless::file(directory) {
        fill(&mut file)?;
        if let Ok(named) = names.make_in(directory, |path| nameless::give_name(&file, path)) {
            return Ok(named.into_temp_path());
        }
    }
    let mut named = names.tempfile_in(directory)?;
    fill(named.as_file_mut())?;
    Ok(named.into_temp_path())
}

/// Files that have no name: the kernel takes them away when nobody has them open any more.
#[cfg(target_os = "linux")]
mod nameless {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd as _;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};

    /// A file that will stand in this directory; nothing where its file system knows none.
    pub(super) fn file(directory: &Path) -> Option<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        open(directory, flags, Mode::RUSR | Mode::WUSR).ok().map(File::from)
    }

    /// Gives it a name that no other file has. Only root may name it by its number alone; everybody may follow
    /// the link that the kernel has for each open file.
    pub(super) fn give_name(file: &File, name: &Path) -> io::Result<()> {
        let link = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(linkat(CWD, link, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
    }
}

/// Where the file is that links lead to, or will be: a link whose file is not there yet is meant to have one.
pub(crate) fn behind_links(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const MOST: usize = 40;
    let mut place = path.to_owned();
    for _ in 0..MOST {
        if let Ok(real) = fs::canonicalize(&place) {
            return Ok(real);
        }
        let Ok(target) = fs::read_link(&place) else { return Ok(place) };
        place.pop();
        place.push(target);
    }
    // It says that links lead in a circle.
    fs::canonicalize(path)
}

/// Writes what is not zero, and leaves holes for the rest: most of a packed image is zeros where its
/// annotations were.
fn write_without_zeros(file: &mut fs::File, content: &[u8]) -> io::Result<()> {
    /// At least a page of any file system.
    const BLOCK: usize = 64 * 1024;
    static ZEROS: [u8; BLOCK] = [0; BLOCK];
    file.set_len(content.len() as u64)?;
    let mut is_behind_hole = false;
    for (index, block) in content.chunks(BLOCK).enumerate() {
        if *block == ZEROS[..block.len()] {
            is_behind_hole = true;
            continue;
        }
        if std::mem::take(&mut is_behind_hole) {
            file.seek(io::SeekFrom::Start((index * BLOCK) as u64))?;
        }
        file.write_all(block)?;
    }
    Ok(())
}

/// Gives a file the owner, the extended attributes and the mode of another, as far as `mask` lets bits pass.
fn keep_facts(like: &Path, file: &fs::File, mask: u32) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix lends rights by the mode"))]
    let mut mask = mask;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        let (metadata, own) = (fs::metadata(like)?, file.metadata()?);
        let is_given = (own.uid(), own.gid()) == (metadata.uid(), metadata.gid())
            || fchown(file, Some(metadata.uid()), Some(metadata.gid())).is_ok();
        if !is_given {
            // Only root may give files away. A program must not lend the rights of whoever packs it.
            mask &= !LENT;
        }
    }
    #[cfg(target_os = "linux")]
    keep_attributes(like, file, mask & LENT != 0)?;
    keep_mode(like, file, mask)
}

/// The bits by which a program runs with the rights of its owner or group.
#[cfg(unix)]
const LENT: u32 = 0o6000;

/// Gives a file the mode of another, as far as `mask` lets bits pass.
#[cfg_attr(not(unix), expect(unused_variables, reason = "only Unix has modes"))]
fn keep_mode(like: &Path, file: &fs::File, mask: u32) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut permissions = fs::metadata(like)?.permissions();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        permissions.set_mode(permissions.mode() & mask);
    }
    file.set_permissions(permissions)
}

/// Whether an attribute is kept. Signatures of the old bytes would be wrong about the new ones, and
/// capabilities are rights as set-uid bits are.
#[cfg(target_os = "linux")]
fn is_kept(name: &[u8], lends: bool) -> bool {
    match name {
        b"security.ima" | b"security.evm" => false,
        b"security.capability" => lends,
        _ => true,
    }
}

#[cfg(target_os = "linux")]
fn keep_attributes(like: &Path, file: &fs::File, lends: bool) -> io::Result<()> {
    use rustix::fs::{XattrFlags, fsetxattr, getxattr, listxattr};
    use rustix::io::Errno;

    /// The most that Linux allows for a list of names, and for a value.
    const MOST: usize = 64 * 1024;
    let mut names = vec![0; MOST];
    let size = match listxattr(like, &mut names[..]) {
        Ok(size) => size,
        Err(Errno::NOTSUP) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut value = vec![0; MOST];
    let names = names[..size].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    for name in names.filter(|name| is_kept(name, lends)) {
        let size = match getxattr(like, name, &mut value[..]) {
            Ok(size) => size,
            // Somebody took it away, or it is not for us to see.
            Err(Errno::NODATA | Errno::PERM | Errno::ACCESS) => continue,
            Err(error) => return Err(error.into()),
        };
        match fsetxattr(file, name, &value[..size], XattrFlags::empty()) {
            // What only root may set, such as the capabilities of a program, is set again by root.
            Ok(()) | Err(Errno::PERM | Errno::NOTSUP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
