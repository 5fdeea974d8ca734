//! Archives are read back by the crates' own readers, and by the system's tar where it is there.

use super::*;
use crate::monitor::Silent;
use crate::repo::tests::{reopen, repo_in};
use crate::stored::tests::{Stored, TOP, store};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn dumped(repo: &Repo, stored: Stored, path: &[u8], format: DumpFormat) -> (Vec<u8>, DumpStats) {
    let mut out = Vec::new();
    let source = DumpSource { tree: stored.tree, links: stored.links, path };
    let stats = dump(repo, &source, format, &mut out, &Silent).expect("dump");
    (out, stats)
}

/// A directory of what archives find hard.
fn fill(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let long = format!("{}/{}", "d".repeat(90), "f".repeat(200));
    let mut files = BTreeMap::new();
    for (name, len) in [("empty", 0), ("small", 700), (long.as_str(), 3), ("large", 3 << 20)] {
        let content: Vec<u8> = (0..len as u64).map(|at| ((at * at) >> 3) as u8).collect();
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("create");
        fs::write(path, &content).expect("write");
        files.insert(name.to_string(), content);
    }
    fs::hard_link(dir.join("small"), dir.join("twin")).expect("link");
    std::os::unix::fs::symlink("x".repeat(150), dir.join("link")).expect("symlink");
    fs::set_permissions(dir.join("small"), fs::Permissions::from_mode(0o751)).expect("chmod");
    rustix::fs::setxattr(dir.join("small"), "user.k", b"v=1", rustix::fs::XattrFlags::empty()).expect("setxattr");
    files
}

#[test]
fn tar_holds_everything() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path().join("in");
    let files = fill(&dir);
    let repo = repo_in(temp.path());
    let stored = store(&repo, &dir);
    let (plain, stats) = dumped(&repo, stored, TOP, DumpFormat::Tar);
    assert_eq!((stats.entries, stats.errors, plain.len() % 512), (8, 0, 0));
    assert!(dumped(&repo, stored, &TOP[1..], DumpFormat::Tar).0 == plain, "links are links without the first slash");
    let (mut read, mut seen) = (::tar::Archive::new(&plain[..]), BTreeMap::new());
    for entry in read.entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        let name = String::from_utf8(entry.path_bytes().into_owned()).expect("text");
        let records: BTreeMap<String, Vec<u8>> = match entry.pax_extensions().expect("records") {
            Some(records) => records
                .map(|record| record.expect("a record"))
                .map(|record| (record.key().expect("text").to_string(), record.value_bytes().to_vec()))
                .collect(),
            None => BTreeMap::new(),
        };
        assert!(records.contains_key("mtime"), "{name} has nanoseconds");
        let link = entry.link_name_bytes().map(|link| link.into_owned());
        match name.as_str() {
            "link" => assert_eq!(link, Some("x".repeat(150).into_bytes())),
            "twin" => assert_eq!(link, Some(b"small".to_vec())),
            "small" => {
                assert_eq!(
                    (entry.header().mode().expect("mode"), &records["SCHILY.xattr.user.k"][..]),
                    (0o751, &b"v=1"[..])
                );
            }
            _ => assert_eq!(link, None),
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("read");
        seen.insert(name, content);
    }
    files.iter().for_each(|(name, content)| assert!(&seen[name] == content, "{name}"));
    assert_eq!(seen.len(), 8);
    let (gzip, _) = dumped(&repo, stored, TOP, DumpFormat::TarGz);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut unpacked).expect("gunzip");
    assert!(unpacked == plain);
    let (zstd, _) = dumped(&repo, stored, TOP, DumpFormat::TarZst);
    assert!(::zstd::stream::decode_all(&zstd[..]).expect("unzstd") == plain);
}

#[test]
fn the_system_tar_agrees() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path().join("in");
    fill(&dir);
    let repo = repo_in(temp.path());
    let stored = store(&repo, &dir);
    fs::write(temp.path().join("a.tar"), dumped(&repo, stored, TOP, DumpFormat::Tar).0).expect("write");
    fs::create_dir(temp.path().join("out")).expect("create");
    let arguments = ["-x", "-p", "--xattrs", "-f", "../a.tar"];
    let done = std::process::Command::new("tar").args(arguments).current_dir(temp.path().join("out")).output();
    let Ok(done) = done else { return println!("SKIPPED: there is no tar") };
    assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    let again = store(&repo, &temp.path().join("out"));
    assert_eq!((again.tree, again.links), (stored.tree, stored.links));
}

#[test]
fn zip_holds_what_it_can() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path().join("in");
    let mut files = fill(&dir);
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.join("fifo"), rustix::fs::Mode::from_raw_mode(0o600)).expect("mkfifo");
    let repo = repo_in(temp.path());
    let stored = store(&repo, &dir);
    let (bytes, stats) = dumped(&repo, stored, TOP, DumpFormat::Zip);
    assert_eq!((stats.skipped, stats.errors), (1, 0));
    files.insert("twin".to_string(), files["small"].clone());
    files.insert("link".to_string(), "x".repeat(150).into_bytes());
    let mut zip = ::zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip");
    for (name, content) in &files {
        let mut file = zip.by_name(name).expect("there");
        let mut found = Vec::new();
        file.read_to_end(&mut found).expect("read");
        assert!(&found == content, "{name}");
        if name == "small" {
            assert_eq!(file.unix_mode().map(|mode| mode & 0o7777), Some(0o751));
        }
    }
}

#[test]
fn single_files_and_damage() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path().join("in");
    let files = fill(&dir);
    let repo = repo_in(temp.path());
    let stored = store(&repo, &dir);
    let (bytes, _) = dumped(&repo, stored, b"/src/large", DumpFormat::Raw);
    assert!(bytes == files["large"]);
    let (one, stats) = dumped(&repo, stored, b"/src/small", DumpFormat::Tar);
    assert_eq!(stats.entries, 1);
    let names: Vec<_> = ::tar::Archive::new(&one[..])
        .entries()
        .expect("entries")
        .map(|entry| entry.expect("an entry").path_bytes().into_owned())
        .collect();
    assert_eq!(names, [b"small".to_vec()]);
    let source = DumpSource { tree: stored.tree, links: None, path: b"/src" };
    let raw = dump(&repo, &source, DumpFormat::Raw, &mut Vec::new(), &Silent);
    assert_eq!(raw.expect_err("a directory").code(), Code::InvalidArg);
    drop(repo);
    let packs = walkdir::WalkDir::new(temp.path().join("repo/packs")).into_iter().filter_map(|entry| entry.ok());
    let largest =
        packs.filter(|entry| entry.file_type().is_file()).max_by_key(|entry| entry.metadata().expect("stat").len());
    let pack = largest.expect("a pack").into_path();
    let mut bytes = fs::read(&pack).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&pack, bytes).expect("write");
    for format in [DumpFormat::Tar, DumpFormat::TarGz, DumpFormat::Zip] {
        let mut out = Vec::new();
        let stats = dump(&reopen(temp.path()), &source, format, &mut out, &Silent).expect("the rest goes on");
        assert!(stats.damaged > 0 && stats.entries > 0);
        if format == DumpFormat::Tar {
            // What is there is right, and the archive has its end.
            for entry in ::tar::Archive::new(&out[..]).entries().expect("entries") {
                let mut entry = entry.expect("an entry");
                let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                let mut found = Vec::new();
                entry.read_to_end(&mut found).expect("read");
                if let Some(content) = files.get(&name) {
                    assert!(found.is_empty() || &found == content, "{name}");
                }
            }
            assert!(out.ends_with(&[0; 1024]));
        }
    }
}

#[test]
fn a_large_damaged_file_is_left_out_and_the_rest_follows() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = temp.path().join("in");
    fs::create_dir_all(&dir).expect("create");
    let mut noise = 7_u64;
    let large: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (noise >> 56) as u8
    })
    .take(super::WHOLE_BYTES_MAX as usize + (1 << 20))
    .collect();
    fs::write(dir.join("large"), &large).expect("write");
    let repo = repo_in(temp.path());
    store(&repo, &dir);
    for name in ["before", "then"] {
        fs::write(dir.join(name), name).expect("write");
    }
    let stored = store(&repo, &dir);
    drop(repo);
    let packs = walkdir::WalkDir::new(temp.path().join("repo/packs")).into_iter().filter_map(|entry| entry.ok());
    let largest =
        packs.filter(|entry| entry.file_type().is_file()).max_by_key(|entry| entry.metadata().expect("stat").len());
    let pack = largest.expect("a pack").into_path();
    let mut bytes = fs::read(&pack).expect("read");
    let late = bytes.len() * 3 / 4;
    bytes[late] ^= 1;
    fs::write(&pack, bytes).expect("write");
    let source = DumpSource { tree: stored.tree, links: None, path: TOP };
    let mut out = Vec::new();
    let stats = dump(&reopen(temp.path()), &source, DumpFormat::Tar, &mut out, &Silent).expect("the rest goes on");
    assert_eq!((stats.damaged, stats.entries), (1, 3));
    let names: Vec<_> = ::tar::Archive::new(&out[..])
        .entries()
        .expect("entries")
        .map(|entry| String::from_utf8_lossy(&entry.expect("an entry").path_bytes()).into_owned())
        .collect();
    assert!(names.iter().any(|name| name == "then") && !names.iter().any(|name| name == "large"), "{names:?}");
}
