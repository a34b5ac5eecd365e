//! Messages in buffers of their size.
//!
//! tonic gives every call 8 KiB for its request and 8 KiB for its answer. A check and its decision
//! have a hundred bytes each, so calls under way would take twenty times the memory they need, and
//! a burst of them as much time for fresh memory as for deciding.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::BufferSettings;
use tonic_prost::{ProstDecoder, ProstEncoder};

/// Bytes of a buffer to begin with: two checks with long keys and the five bytes that gRPC puts
/// before a message. Larger messages make it grow.
const BUFFER: usize = 512;

/// From this size on, messages of a stream leave without waiting for more: tonic's own value.
/// Nothing here streams.
const YIELD_THRESHOLD: usize = 32 * 1_024;

/// [`tonic_prost::ProstCodec`] with smaller buffers. The generated client and server use it.
#[derive(Debug)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::new(BUFFER, YIELD_THRESHOLD))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::new(BUFFER, YIELD_THRESHOLD))
    }
}
