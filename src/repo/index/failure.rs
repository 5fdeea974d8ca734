//! What fails at the index: SQLite's answers as larder's errors, and what they mean.

use crate::error::{Class, Code, Error};
use std::io::ErrorKind;

pub(in crate::repo) fn sql(error: rusqlite::Error) -> Error {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
        return Error::new(Code::StorageFull, "the medium of the index is full").with_source(error);
    }
    Error::new(Code::CacheError, "the index could not be used")
        .with_source(error)
        .with_hint("`larder index rebuild` makes it anew from the repository's files")
}

/// Whether a file is not what it should be, and not only out of reach.
pub(in crate::repo) fn is_damage(error: &Error) -> bool {
    matches!(error.class(), Class::Damaged | Class::WrongKey) && error.code() != Code::ChunkNotFound
}

fn sqlite_code(error: &Error) -> Option<rusqlite::ErrorCode> {
    std::error::Error::source(error)?.downcast_ref::<rusqlite::Error>()?.sqlite_error_code()
}

pub(super) fn is_sqlite_damage(error: &Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(sqlite_code(error), Some(DatabaseCorrupt | NotADatabase))
}

pub(super) fn is_busy(error: &Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(sqlite_code(error), Some(DatabaseBusy | DatabaseLocked))
}

pub(super) fn cannot_be_written(error: &Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, DiskFull, PermissionDenied, ReadOnly};
    match error {
        Error::Io { source, .. } => matches!(
            source.kind(),
            ErrorKind::PermissionDenied
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::StorageFull
                | ErrorKind::QuotaExceeded
        ),
        _ => matches!(sqlite_code(error), Some(CannotOpen | DiskFull | PermissionDenied | ReadOnly)),
    }
}
