//! What becomes of files: facts about them stay, whoever is killed leaves the old image or the new one, and what
//! cannot be read or written is said.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use crate::image::entries_of_file;
use crate::parts;
use crate::workshop::Workshop;

/// A workshop with a program and a library that nobody packed.
fn workshop() -> Workshop {
    let workshop = Workshop::new();
    parts::build(&workshop, "gcc", "-pie -fPIE", false);
    workshop
}

fn text(output: &Output) -> String {
    let [out, errors] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    format!("{out}{errors}")
}

#[test]
fn facts_about_a_file_stay() {
    let workshop = workshop();
    let path = workshop.path("program");
    let old = workshop.read("program");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o2751)).expect("a mode");
    let set = rustix::fs::setxattr(&path, "user.origin", b"here", rustix::fs::XattrFlags::empty());
    if set.is_err() {
        eprintln!("skipped: this file system has no extended attributes");
    }
    symlink("program", workshop.path("link")).expect("a link");
    fs::hard_link(&path, workshop.path("other")).expect("another name");

    workshop.pack("link");

    let new = workshop.read("program");
    assert_ne!(new, old);
    assert!(fs::symlink_metadata(workshop.path("link")).expect("it").is_symlink());
    assert_eq!(fs::read_link(workshop.path("link")).expect("it").to_str(), Some("program"));
    let facts = fs::metadata(&path).expect("the image");
    assert_eq!(facts.mode() & 0o7777, 0o2751);
    // Another name for the old image still is one: nobody writes into a file that may be running.
    assert_eq!(workshop.read("other"), old);
    if set.is_ok() {
        let mut value = [0; 16];
        let size = rustix::fs::getxattr(&path, "user.origin", &mut value[..]).expect("it");
        assert_eq!(&value[..size], b"here");
    }

    // What is packed stays the same file.
    workshop.pack("link");
    let again = fs::metadata(&path).expect("the image");
    assert_eq!((again.ino(), again.mtime_nsec()), (facts.ino(), facts.mtime_nsec()));
}

#[test]
fn new_files_are_lent_no_rights() {
    let workshop = workshop();
    let path = workshop.path("program");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o6755)).expect("a mode");
    let set = |name: &str, value: &[u8]| {
        rustix::fs::setxattr(&path, name, value, rustix::fs::XattrFlags::empty()).is_ok()
    };
    let has_attributes = set("user.origin", b"here");
    // The record of `cap_net_raw+ep`, which only root may set.
    let capable = set("security.capability", b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let has = |file: &str, name: &str| {
        rustix::fs::getxattr(workshop.path(file), name, &mut [0; 64][..]).is_ok()
    };
    let mode = |file: &str| fs::metadata(workshop.path(file)).expect("it").mode() & 0o7777;

    workshop.pack("program -o copy");
    assert_eq!(mode("copy"), 0o755);
    assert!(!has("copy", "security.capability"));
    assert_eq!(has("copy", "user.origin"), has_attributes);

    workshop.pack("program --detached table");
    assert_eq!(mode("table"), 0o644, "nobody runs a table");
    assert!(!has("table", "security.capability") && !has("table", "user.origin"));

    workshop.pack("program");
    assert_eq!(mode("program"), 0o6755, "the program that was installed is the same one");
    assert_eq!(has("program", "security.capability"), capable);
}

#[test]
fn whoever_is_killed_leaves_one_image_whole() {
    let workshop = workshop();
    workshop.compile("gcc -c ballast.c -o ballast.o");
    workshop.compile(
        "gcc -pie -o program main.o second.o third.o list.o inspect_runtime.o ballast.o \
         tests_shop.inspect.o -L. -lone -ltwo -lpart -Wl,-rpath,$ORIGIN",
    );
    let folder = workshop.path("killed");
    fs::create_dir(&folder).expect("a folder");
    let image = folder.join("program");
    let old = workshop.read("program");
    let pack = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inspect-gen"));
        command.arg("pack").arg(&image).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the packer")
    };
    fs::write(&image, &old).expect("an image");
    let start = Instant::now();
    assert!(pack().wait().expect("it ends").success());
    let whole = start.elapsed();
    let new = fs::read(&image).expect("an image");
    assert!(new != old);

    let runs: u32 = if crate::support::is_long() { 400 } else { 16 };
    let (mut left_old, mut left_new, mut left_behind) = (0, 0, 0);
    for run in 0..runs {
        fs::write(&image, &old).expect("an image");
        let mut packer = pack();
        // A little more than it takes, in steps that do not repeat those of other runs.
        std::thread::sleep(whole * (run * 7919 % 1009) / 900);
        let _ = packer.kill();
        packer.wait().expect("it ends");
        match fs::read(&image).expect("an image") {
            bytes if bytes == old => left_old += 1,
            bytes if bytes == new => left_new += 1,
            _ => panic!("run {run}: neither the old image nor the new one"),
        }
        for entry in fs::read_dir(&folder).expect("the folder").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != "program" {
                assert!(name.starts_with(".inspect-gen."), "{name} may be taken for an image");
                left_behind += 1;
                // The next run must not mind what was left.
                if left_behind > 1 {
                    fs::remove_file(entry.path()).expect("it goes");
                }
            }
        }
    }
    eprintln!("{runs} killed: {left_old} old, {left_new} new, {left_behind} left a file behind");
    assert!(left_old > 0, "nobody was killed in time");
    fs::write(&image, &old).expect("an image");
    assert!(pack().wait().expect("it ends").success());
    assert!(fs::read(&image).expect("an image") == new);
}

/// The kernel ends whoever writes more than they may, in the middle of the new image.
#[test]
fn whoever_is_killed_while_writing_leaves_nothing_behind() {
    use rustix::fs::{Mode, OFlags, open};
    let workshop = workshop();
    let folder = workshop.path("limited");
    fs::create_dir(&folder).expect("a folder");
    if open(&folder, OFlags::TMPFILE | OFlags::RDWR, Mode::RUSR | Mode::WUSR).is_err() {
        eprintln!("skipped: this file system has no files without a name");
        return;
    }
    let old = workshop.read("program");
    assert!(old.len() > 8 * 1024);
    fs::write(folder.join("program"), &old).expect("an image");
    let packer = env!("CARGO_BIN_EXE_inspect-gen");
    let script = format!("ulimit -c 0; ulimit -f 8; exec {packer} pack limited/program");
    let limited = Command::new("sh").args(["-c", &script]).current_dir(workshop.path("")).output();
    let limited = limited.expect("a shell");
    assert_eq!(limited.status.signal(), Some(25), "SIGXFSZ: {}", text(&limited));
    assert!(fs::read(folder.join("program")).expect("the image") == old);
    let names = || -> Vec<_> {
        let entries = fs::read_dir(&folder).expect("the folder");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    };
    assert_eq!(names(), ["program"]);
    workshop.pack("limited/program");
    assert_eq!(names(), ["program"]);
}

#[test]
fn options_do_what_they_say() {
    let workshop = workshop();
    let old = workshop.read("program");
    let check = workshop.packer("--check program libpart.so");
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check).contains("program: would change, 9 annotations are not packed"));
    assert!(text(&check).contains("libpart.so: would change, 2 annotations are not packed"));
    let check = workshop.packer("--check program --detached table");
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check).contains("program: table would be written\n"), "{}", text(&check));
    assert!(!text(&check).contains("would change"), "{}", text(&check));
    assert_eq!(workshop.read("program"), old, "--check writes nothing");

    workshop.pack("program -o packed");
    assert_eq!(workshop.read("program"), old, "-o leaves the image as it is");
    assert!(fs::metadata(workshop.path("packed")).expect("it").mode() & 0o100 != 0, "it runs");
    assert_eq!(entries_of_file(&workshop.read("packed")).len(), 9);
    // A copy is wanted of what is packed, too.
    workshop.pack("packed -o again");
    assert_eq!(workshop.read("again"), workshop.read("packed"));
    assert_eq!(workshop.packer("--check packed").status.code(), Some(0));
    let check = workshop.packer("--check packed --types=detached");
    assert_eq!(check.status.code(), Some(1), "{}", text(&check));
    let said = "packed: would change, its tables would be written anew\n";
    assert!(text(&check).contains(said), "{}", text(&check));

    assert_eq!(workshop.pack("--quiet program libpart.so"), "");
    assert_eq!(workshop.read("program"), workshop.read("packed"));
    assert_eq!(workshop.pack("--quiet program"), "");

    // One bad image does not keep the others from being packed.
    fs::write(workshop.path("program"), &old).expect("an image");
    fs::write(workshop.path("text"), "no image\n").expect("a file");
    let mixed = workshop.packer("missing text program");
    assert_eq!(mixed.status.code(), Some(1), "{}", text(&mixed));
    assert!(text(&mixed).contains("E0001") && text(&mixed).contains("E0902"), "{}", text(&mixed));
    assert_eq!(workshop.read("program"), workshop.read("packed"));
    assert_eq!(workshop.read("text"), b"no image\n");

    for usage in ["", "--detached", "--remove-annotations program", "-o a program libpart.so"] {
        assert_eq!(workshop.packer(usage).status.code(), Some(2), "{usage}");
    }
    for both in
        ["--detached program program", "--detached link program", "-o a --detached a program"]
    {
        let _ = symlink("program", workshop.path("link"));
        let refused = workshop.packer(both);
        assert_eq!(refused.status.code(), Some(2), "{both}: {}", text(&refused));
        assert_eq!(workshop.read("program"), workshop.read("packed"), "{both}");
    }
}

#[test]
fn a_link_may_lead_to_what_is_not_there_yet() {
    let workshop = workshop();
    fs::create_dir(workshop.path("folder")).expect("a folder");
    symlink("folder/second", workshop.path("first")).expect("a link");
    symlink("third", workshop.path("folder/second")).expect("a link");
    workshop.pack("program -o first");
    assert!(fs::symlink_metadata(workshop.path("first")).expect("it").is_symlink());
    assert!(fs::symlink_metadata(workshop.path("folder/third")).expect("it").is_file());

    symlink("table", workshop.path("to_table")).expect("a link");
    let one = workshop.packer("program -o to_table --detached table");
    assert_eq!(one.status.code(), Some(2), "{}", text(&one));
    symlink("circle", workshop.path("circle")).expect("a link");
    let circle = workshop.packer("program -o circle");
    assert_eq!(circle.status.code(), Some(2), "{}", text(&circle));
}

#[test]
fn an_output_may_be_no_file() {
    let workshop = workshop();
    // Whoever discards the result does not want the device to become a file.
    workshop.run("mkfifo pipe");
    let reader = std::thread::spawn({
        let path = workshop.path("pipe");
        move || fs::read(path).expect("the pipe")
    });
    workshop.pack("--quiet program -o pipe");
    workshop.pack("--quiet program -o packed");
    assert!(reader.join().expect("a reader") == workshop.read("packed"));
    let kind = fs::metadata(workshop.path("pipe")).expect("it").file_type();
    assert!(std::os::unix::fs::FileTypeExt::is_fifo(&kind));
    let full = workshop.packer("program -o /dev/full");
    assert_eq!(full.status.code(), Some(2), "{}", text(&full));
    assert!(text(&full).contains("/dev/full"), "{}", text(&full));
    let kind = fs::metadata("/dev/full").expect("it").file_type();
    assert!(std::os::unix::fs::FileTypeExt::is_char_device(&kind));
}

/// Whether nothing is forbidden here.
fn is_root(workshop: &Workshop) -> bool {
    fs::metadata(workshop.path("")).expect("a folder of its own").uid() == 0
}

/// Runs the packer as somebody whom permissions hold, from a copy that they may run.
fn as_nobody(workshop: &Workshop, arguments: &str) -> Output {
    let program = workshop.path("inspect-gen");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_inspect-gen"), &program).expect("a copy");
        // The folder is one for its owner alone.
        for folder in [workshop.path(""), workshop.path("../")] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("a mode");
        }
    }
    let line = match is_root(workshop) {
        true => format!(
            "setpriv --reuid=65534 --regid=65534 --clear-groups ./inspect-gen pack {arguments}"
        ),
        false => format!("./inspect-gen pack {arguments}"),
    };
    workshop
        .command(&line.replace("./inspect-gen", &program.display().to_string()))
        .output()
        .expect("it runs")
}

#[test]
fn what_may_not_be_read_or_written_is_said() {
    let workshop = workshop();
    let mode = |name: &str, mode| {
        fs::set_permissions(workshop.path(name), fs::Permissions::from_mode(mode)).expect("a mode");
    };
    let old = workshop.read("program");
    fs::create_dir(workshop.path("closed")).expect("a folder");
    fs::copy(workshop.path("program"), workshop.path("closed/program")).expect("a copy");
    mode("closed", 0o555);
    let refused = as_nobody(&workshop, "closed/program");
    mode("closed", 0o755);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    assert!(text(&refused).contains("closed/program"), "{}", text(&refused));
    assert_eq!(workshop.read("closed/program"), old);
    assert_eq!(fs::read_dir(workshop.path("closed")).expect("it").count(), 1);

    mode("closed/program", 0o000);
    let refused = as_nobody(&workshop, "closed/program");
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(
        text(&refused).contains("E0001") && text(&refused).contains("permission"),
        "{}",
        text(&refused)
    );
    mode("closed/program", 0o755);

    let refused = workshop.packer("program -o no/such/folder");
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    let refused = workshop.packer("program --remove-annotations --detached no/such/folder");
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    assert_eq!(workshop.read("program"), old, "annotations are in one place at least");

    if is_root(&workshop) {
        // Whoever packs another's program becomes its owner, and must not lend it their rights.
        mode("closed", 0o777);
        mode("closed/program", 0o6755);
        let packed = as_nobody(&workshop, "closed/program");
        assert_eq!(packed.status.code(), Some(0), "{}", text(&packed));
        let facts = fs::metadata(workshop.path("closed/program")).expect("it");
        assert_eq!((facts.uid(), facts.mode() & 0o7777), (65534, 0o755));
    }
}

#[test]
fn a_full_disk_leaves_the_image() {
    let workshop = workshop();
    let disk = workshop.path("disk");
    fs::create_dir(&disk).expect("a folder");
    let old = workshop.read("program");
    // Room for the image and half of another one.
    let size = old.len() * 3 / 2 / 4096 * 4096;
    let mount = format!("mount -t tmpfs -o size={size} tmpfs disk");
    if !workshop.command(&mount).output().is_ok_and(|it| it.status.success()) {
        eprintln!("skipped: only root can mount a small disk");
        return;
    }
    let result = std::panic::catch_unwind(|| {
        fs::write(disk.join("program"), &old).expect("an image");
        let full = workshop.packer("disk/program");
        assert_eq!(full.status.code(), Some(2), "{}", text(&full));
        let said = text(&full).to_lowercase();
        assert!(said.contains("disk/program") && said.contains("space"), "{said}");
        assert!(fs::read(disk.join("program")).expect("it") == old);
        assert_eq!(fs::read_dir(&disk).expect("it").count(), 1, "nothing is left");
        let full = workshop.packer("--detached disk/table --remove-annotations disk/program");
        assert_eq!(full.status.code(), Some(2), "{}", text(&full));
        assert!(fs::read(disk.join("program")).expect("it") == old);
    });
    workshop.run("umount disk");
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}
