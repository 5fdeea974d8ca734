//! Run records as bytes.

use super::items::Raw;
use super::{Attempt, Exit, Record, Status, VERSION, WHAT, newer};
use crate::cbor::Fields;
use crate::error::Result;
use crate::snapshot::Git;
use minicbor::Encode;

impl Record {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = self.extra.clone();
        fields.put(0, VERSION);
        fields.put(1, self.action);
        put_text(&mut fields, 2, &self.project);
        put_text(&mut fields, 3, &self.task);
        put_some(&mut fields, 4, self.manifest);
        fields.put(5, self.status.code());
        put_some(&mut fields, 6, self.reason.as_ref());
        put_exit(&mut fields, 7, self.exit);
        if !self.attempts.is_empty() {
            fields.put_encoded(8, encode_attempts(&self.attempts));
        }
        put_number(&mut fields, 9, u64::from(self.sandbox_asked));
        put_number(&mut fields, 10, u64::from(self.sandbox_used));
        if !self.observed.is_empty() {
            fields.put(11, &self.observed);
        }
        for (key, id) in (12..).zip([self.result, self.inputs, self.stdout, self.stderr, self.interleave]) {
            put_some(&mut fields, key, id);
        }
        fields.put(17, self.start);
        let numbers = [self.wall_ms, self.user_ms, self.system_ms, self.memory_peak_bytes];
        for (key, number) in (18..).zip(numbers) {
            put_number(&mut fields, key, number);
        }
        put_text(&mut fields, 22, &self.host);
        put_text(&mut fields, 23, &self.program);
        if let Some(git) = &self.git {
            fields.put_encoded(24, git.encode());
        }
        if !self.portable_loss.is_empty() {
            fields.put(25, &self.portable_loss);
        }
        put_some(&mut fields, 26, self.reproduces);
        fields.encode()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// STORAGE_CORRUPTED when it is none, CONFIG_INVALID when a later version wrote it.
    pub fn decode(bytes: &[u8]) -> Result<Record> {
        let mut fields = Fields::decode(bytes, WHAT)?;
        if fields.need::<u64>(0, WHAT)? != VERSION {
            return Err(newer());
        }
        Ok(Record {
            action: fields.need(1, WHAT)?,
            project: fields.take(2, WHAT)?.unwrap_or_default(),
            task: fields.take(3, WHAT)?.unwrap_or_default(),
            manifest: fields.take(4, WHAT)?,
            status: Status::from_code(fields.need(5, WHAT)?),
            reason: fields.take(6, WHAT)?,
            exit: fields.take(7, WHAT)?.unwrap_or_default(),
            attempts: fields.take_encoded(8).map(|list| decode_attempts(&list)).transpose()?.unwrap_or_default(),
            sandbox_asked: fields.take(9, WHAT)?.unwrap_or_default(),
            sandbox_used: fields.take(10, WHAT)?.unwrap_or_default(),
            observed: fields.take(11, WHAT)?.unwrap_or_default(),
            result: fields.take(12, WHAT)?,
            inputs: fields.take(13, WHAT)?,
            stdout: fields.take(14, WHAT)?,
            stderr: fields.take(15, WHAT)?,
            interleave: fields.take(16, WHAT)?,
            start: fields.need(17, WHAT)?,
            wall_ms: fields.take(18, WHAT)?.unwrap_or_default(),
            user_ms: fields.take(19, WHAT)?.unwrap_or_default(),
            system_ms: fields.take(20, WHAT)?.unwrap_or_default(),
            memory_peak_bytes: fields.take(21, WHAT)?.unwrap_or_default(),
            host: fields.take(22, WHAT)?.unwrap_or_default(),
            program: fields.take(23, WHAT)?.unwrap_or_default(),
            git: fields.take_encoded(24).map(|git| Git::decode(&git)).transpose()?,
            portable_loss: fields.take(25, WHAT)?.unwrap_or_default(),
            reproduces: fields.take(26, WHAT)?,
            extra: fields,
        })
    }
}

impl Attempt {
    fn encode(&self) -> Vec<u8> {
        let mut fields = self.extra.clone();
        put_exit(&mut fields, 0, self.exit);
        fields.put(1, self.start);
        put_number(&mut fields, 2, self.wall_ms);
        for (key, id) in (3..).zip([self.stdout, self.stderr, self.interleave]) {
            put_some(&mut fields, key, id);
        }
        fields.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Attempt> {
        let mut fields = Fields::decode(bytes, WHAT)?;
        Ok(Attempt {
            exit: fields.take(0, WHAT)?.unwrap_or_default(),
            start: fields.need(1, WHAT)?,
            wall_ms: fields.take(2, WHAT)?.unwrap_or_default(),
            stdout: fields.take(3, WHAT)?,
            stderr: fields.take(4, WHAT)?,
            interleave: fields.take(5, WHAT)?,
            extra: fields,
        })
    }
}

fn encode_attempts(attempts: &[Attempt]) -> Vec<u8> {
    crate::cbor::encoded(attempts.iter().map(|one| Raw(one.encode())).collect::<Vec<_>>())
}

fn decode_attempts(list: &[u8]) -> Result<Vec<Attempt>> {
    let items: Vec<Raw> = crate::cbor::decode(list, WHAT)?;
    items.iter().map(|item| Attempt::decode(&item.0)).collect()
}

fn put_text(fields: &mut Fields, key: u64, text: &str) {
    if !text.is_empty() {
        fields.put(key, text);
    }
}

fn put_number(fields: &mut Fields, key: u64, number: u64) {
    if number != 0 {
        fields.put(key, number);
    }
}

fn put_some(fields: &mut Fields, key: u64, value: Option<impl Encode<()>>) {
    if let Some(value) = value {
        fields.put(key, value);
    }
}

fn put_exit(fields: &mut Fields, key: u64, exit: Exit) {
    if exit != Exit::None {
        fields.put(key, exit);
    }
}
