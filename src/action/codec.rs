//! Commands and inputs as CBOR.

use super::{Command, Input, InputKind};
use minicbor::bytes::{ByteSlice, ByteVec};
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};

/// Says which command or which kind of input.
const SHELL: u8 = 1;
const WORDS: u8 = 2;
const FILE: u8 = 1;
const DIRECTORY: u8 = 2;
const SYMLINK: u8 = 3;
const ABSENT: u8 = 4;

impl<C> Encode<C> for Command {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(2)?;
        match self {
            Command::Shell(text) => e.u8(SHELL)?.bytes(text)?.ok(),
            Command::Words(words) => {
                e.u8(WORDS)?.array(words.len() as u64)?;
                words.iter().try_for_each(|word| e.bytes(word).map(|_| ()))
            }
        }
    }
}

impl<'b, C> Decode<'b, C> for Command {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        let at = d.position();
        match (d.array()?, d.u8()?) {
            (Some(2), SHELL) => Ok(Command::Shell(d.bytes()?.to_vec())),
            (Some(2), WORDS) => {
                let words: Vec<ByteVec> = d.decode_with(ctx)?;
                Ok(Command::Words(words.into_iter().map(Vec::from).collect()))
            }
            _ => Err(DecodeError::message("no command").at(at)),
        }
    }
}

impl<C> Encode<C> for Input {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        let path = <&ByteSlice>::from(self.path.as_slice());
        match &self.kind {
            InputKind::File { content, executable } => e.encode_with((path, FILE, content, executable), ctx)?.ok(),
            InputKind::Directory => e.encode_with((path, DIRECTORY), ctx)?.ok(),
            InputKind::Symlink { text, target: None } => {
                e.encode_with((path, SYMLINK, <&ByteSlice>::from(text.as_slice())), ctx)?.ok()
            }
            InputKind::Symlink { text, target: Some(target) } => {
                e.encode_with((path, SYMLINK, <&ByteSlice>::from(text.as_slice()), target), ctx)?.ok()
            }
            InputKind::Absent => e.encode_with((path, ABSENT), ctx)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Input {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        let at = d.position();
        let (len, path, kind) = (d.array()?, d.bytes()?.to_vec(), d.u8()?);
        let kind = match (kind, len) {
            (FILE, Some(4)) => InputKind::File { content: d.decode_with(ctx)?, executable: d.bool()? },
            (DIRECTORY, Some(2)) => InputKind::Directory,
            (SYMLINK, Some(3)) => InputKind::Symlink { text: d.bytes()?.to_vec(), target: None },
            (SYMLINK, Some(4)) => InputKind::Symlink { text: d.bytes()?.to_vec(), target: Some(d.decode_with(ctx)?) },
            (ABSENT, Some(2)) => InputKind::Absent,
            _ => return Err(DecodeError::message("no input").at(at)),
        };
        Ok(Input { path, kind })
    }
}
