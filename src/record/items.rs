//! The parts of run records as CBOR.

use super::{Exit, Loss, Observed};
use crate::id::Id;
use minicbor::bytes::{ByteSlice, ByteVec};
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};

const CODE: u8 = 1;
const SIGNAL: u8 = 2;

/// An item that is encoded already.
pub(super) struct Raw(pub(super) Vec<u8>);

impl<C> Encode<C> for Raw {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.writer_mut().write_all(&self.0).map_err(EncodeError::write)
    }
}

impl<'b, C> Decode<'b, C> for Raw {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let start = d.position();
        d.skip()?;
        Ok(Raw(d.input().get(start..d.position()).unwrap_or_default().to_vec()))
    }
}

impl<C> Encode<C> for Exit {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        match self {
            Exit::Code(code) => e.array(2)?.u8(CODE)?.i32(*code)?.ok(),
            Exit::Signal(signal) => e.array(2)?.u8(SIGNAL)?.i32(*signal)?.ok(),
            // Where a record says nothing.
            Exit::None => e.array(0)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Exit {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let at = d.position();
        match (d.array()?, d.u8()?) {
            (Some(2), CODE) => Ok(Exit::Code(d.i32()?)),
            (Some(2), SIGNAL) => Ok(Exit::Signal(d.i32()?)),
            _ => Err(DecodeError::message("no way to end").at(at)),
        }
    }
}

impl<C> Encode<C> for Observed {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        let path = <&ByteSlice>::from(self.path.as_slice());
        match self.content {
            Some(content) => e.encode_with((path, content), ctx)?.ok(),
            None => e.array(1)?.encode_with(path, ctx)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Observed {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        let at = d.position();
        let (len, path) = (d.array()?, d.bytes()?.to_vec());
        let content: Option<Id> = match len {
            Some(1) => None,
            Some(2) => Some(d.decode_with(ctx)?),
            _ => return Err(DecodeError::message("no observed path").at(at)),
        };
        Ok(Observed { path, content })
    }
}

impl<C> Encode<C> for Loss {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.encode_with((<&ByteSlice>::from(self.path.as_slice()), &self.what), ctx)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Loss {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, DecodeError> {
        let (path, what): (ByteVec, String) = d.decode_with(ctx)?;
        Ok(Loss { path: path.into(), what })
    }
}
