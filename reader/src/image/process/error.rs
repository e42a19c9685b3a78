//! Why a process cannot be read, and what to do about it.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;

/// Why a process cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Nobody has this number.
    NoProcess,
    /// There is no `/proc`.
    NoProc,
    /// It is a thread of the kernel.
    Kernel,
    /// It has ended, and its parent has not asked for its status.
    Zombie,
    /// It has nothing mapped.
    Empty,
    /// It ended, or began to run another program, while it was opened.
    Ended,
    /// The kernel does not allow it.
    Denied(Denial),
    /// A line of its mappings cannot be read.
    Maps {
        /// Which one, from 1.
        line: u64,
    },
    /// It cannot be read.
    Io(io::Error),
}

/// Why the kernel does not allow to read a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denial {
    /// It belongs to another user, or has more rights than its user.
    User(u32),
    /// It does not want to be dumped.
    NotDumpable,
    /// The kernel restricts debugging: the value of `kernel.yama.ptrace_scope`.
    Scope(u8),
    /// A container, a sandbox or a security module.
    Confined,
}

/// Why the kernel refused, as far as it can be told from outside.
pub(super) fn denial(number: u32) -> Denial {
    let status = |of: &str| std::fs::read_to_string(format!("/proc/{of}/status")).ok();
    let theirs = status(&number.to_string()).and_then(|text| users(&text));
    let own = status("self").and_then(|text| users(&text)).and_then(|users| users.get(1).copied());
    if let (Some(theirs), Some(own)) = (&theirs, own) {
        if let Some(other) = theirs.iter().find(|user| **user != own) {
            return Denial::User(*other);
        }
        // The files of a process that does not want to be dumped belong to root.
        let owner = std::fs::metadata(format!("/proc/{number}/stat")).map(|data| data.uid());
        if own != 0 && owner.is_ok_and(|owner| owner != own) {
            return Denial::NotDumpable;
        }
    }
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok();
    match scope.and_then(|text| text.trim().parse().ok()) {
        None | Some(0) => Denial::Confined,
        Some(scope) => Denial::Scope(scope),
    }
}

/// The real, the effective and the saved user, from the text of `/proc/N/status`.
fn users(status: &str) -> Option<Vec<u32>> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().take(3).map(|word| word.parse().ok()).collect()
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoProcess => "in a container, processes have other numbers inside than outside",
            Self::NoProc => "mount it: `mount -t proc proc /proc`",
            Self::Zombie | Self::Ended => "if it left a core, read that",
            Self::Denied(denial) => denial.help(),
            _ => return None,
        })
    }
}

impl Denial {
    fn help(self) -> &'static str {
        match self {
            Self::User(_) => "run it as that user, or with `sudo`",
            Self::NotDumpable => {
                "run it with `sudo`, or let the process call `prctl(PR_SET_DUMPABLE, 1)`"
            }
            Self::Scope(1) => {
                "run it with `sudo`, give it CAP_SYS_PTRACE, or let the process call \
                 `prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)`"
            }
            Self::Scope(2) => "run it with `sudo`, or give it CAP_SYS_PTRACE",
            Self::Scope(_) => "nobody may until the machine starts anew: read a core instead",
            Self::Confined => {
                "give it CAP_SYS_PTRACE; a container needs `--cap-add SYS_PTRACE` for that"
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProcess => f.write_str("there is no such process"),
            Self::NoProc => f.write_str("there is no /proc to find processes in"),
            Self::Kernel => f.write_str("a thread of the kernel has no memory of its own"),
            Self::Zombie => f.write_str("the process has ended, and waits for its parent"),
            Self::Empty => f.write_str("the process has nothing mapped"),
            Self::Ended => f.write_str("the process ended, or became another program, meanwhile"),
            Self::Denied(denial) => denial.fmt(f),
            Self::Maps { line } => write!(f, "line {line} of its mappings cannot be read"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no permission to read the process: ")?;
        match self {
            Self::User(user) => write!(f, "it has the rights of user {user}"),
            Self::NotDumpable => f.write_str("it does not want to be dumped"),
            Self::Scope(scope) => write!(f, "kernel.yama.ptrace_scope is {scope}"),
            Self::Confined => f.write_str("a container or a security module is in the way"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::users;

    #[test]
    fn users_are_read_from_the_status() {
        let status = "Name:\tUid:\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n";
        assert_eq!(users("Name:\tx\nUid:\t1\t2\t3\t4\n"), Some(vec![1, 2, 3]));
        assert_eq!(users(status), Some(vec![1, 2, 3]), "a name is not at the start of a line");
        assert_eq!(users("Uid:\tx"), None);
        assert_eq!(users(""), None);
    }
}
