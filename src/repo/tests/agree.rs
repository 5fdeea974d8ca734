//! The index compared with the segments it was made from.

use super::*;

fn changed(dir: &Path, sql: &str) {
    let db = rusqlite::Connection::open(dir.join("repo/index.sqlite")).expect("opened");
    assert!(db.execute(sql, []).expect("changed") > 0, "{sql}");
}

#[test]
fn an_index_that_says_something_else_is_told_from_one_that_does_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let repo = repo_in(dir.path());
    for seed in 0..3 {
        let writer = repo.writer(&writer_options()).expect("writer");
        (0..20).for_each(|n| _ = writer.putter().put(Kind::Blob, &noise(300, 40 * seed + 2 * n + 1)).expect("put"));
        writer.finish().expect("finish");
    }
    drop(repo);
    for sql in [
        "DELETE FROM entries WHERE id = (SELECT min(id) FROM entries)",
        "UPDATE entries SET offset = offset + 1 WHERE id = (SELECT max(id) FROM entries)",
        "UPDATE entries SET pack = pack + 100 WHERE id = (SELECT max(id) FROM entries)",
        "UPDATE packs SET salt = zeroblob(32) WHERE no = (SELECT min(no) FROM packs)",
        "UPDATE packs SET frames = x'ff' WHERE no = (SELECT min(no) FROM packs)",
        "DELETE FROM packs WHERE no = (SELECT min(no) FROM packs)",
    ] {
        let repo = reopen(dir.path());
        assert!(repo.index_agrees().expect("compared"), "before: {sql}");
        drop(repo);
        changed(dir.path(), sql);
        let repo = reopen(dir.path());
        assert!(!repo.index_agrees().expect("compared"), "{sql}");
        repo.rebuild_index().expect("rebuilt");
        assert!(repo.index_agrees().expect("compared"), "after: {sql}");
    }
}
