//! The one message of a unary call: five bytes of head, then the body, which stays bytes.
//!
//! Bytes are copied from the connection's buffer into one that grows with what comes, up to the size that the
//! head announces, so that a lie costs nothing.

use super::super::buffer::Buffer;
use super::super::room::{NoRoom, Room, Rooms};
use super::super::{Encoding, InflateError, NotUnpacked, unpack};
use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use std::sync::Arc;

/// Bytes of a head: flag and length.
const HEAD: usize = 5;

/// Why there is no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Larger than so many bytes, before or after decompression.
    TooLarge(usize),
    /// There is no room for it.
    Full,
    /// Not what the protocol says.
    Encoding(String),
}

impl From<NoRoom> for Broken {
    fn from(why: NoRoom) -> Self {
        match why {
            NoRoom::Full => Self::Full,
            NoRoom::TooLarge(most) => Self::TooLarge(most),
        }
    }
}

/// Reads the message of `body`, decompressed, at most `cap` bytes, in a `room` of `rooms`.
pub async fn message(
    mut body: Body,
    encoding: Encoding,
    cap: usize,
    rooms: &Arc<Rooms>,
    room: &mut Room,
) -> Result<Bytes, Broken> {
    let broken = |what: &str| Broken::Encoding(what.to_owned());
    let mut head = Vec::with_capacity(HEAD);
    let mut message = Buffer::default();
    let mut announced = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Broken::Encoding(format!("the body broke off: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        let mut data: &[u8] = &data;
        if announced.is_none() {
            let (first, rest) = data.split_at(data.len().min(HEAD - head.len()));
            head.extend_from_slice(first);
            data = rest;
            let Ok([flag, a, b, c, d]) = <[u8; HEAD]>::try_from(head.as_slice()) else { continue };
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            match (flag, encoding) {
                (0, _) => {}
                (1, Encoding::Identity) => {
                    return Err(broken("compressed, but grpc-encoding names nothing"));
                }
                (1, _) => {}
                _ => return Err(broken("the frame's flag is neither 0 nor 1")),
            }
            if length > cap {
                return Err(Broken::TooLarge(cap));
            }
            announced = Some((flag == 1, length));
            message = Buffer::up_to(length);
        }
        if let Some((_, length)) = announced {
            if message.len() + data.len() > length {
                return Err(broken("more bytes than the frame announced, or a second message"));
            }
            room.make(&mut message, data.len(), length)?;
            message.extend(data);
        }
    }
    let (packed, length) = announced.ok_or_else(|| broken("no message"))?;
    if message.len() < length {
        return Err(broken("the message ends before its announced length"));
    }
    let message = message.into_bytes();
    if !packed {
        return Ok(message.into());
    }
    match unpack(rooms, room, message, encoding, cap).await {
        Ok(message) => Ok(message.into()),
        Err(NotUnpacked::Full) => Err(Broken::Full),
        Err(NotUnpacked::Bad(InflateError::TooLarge(most))) => Err(Broken::TooLarge(most)),
        Err(NotUnpacked::Bad(e)) => Err(Broken::Encoding(e.to_string())),
    }
}

/// A message as the body of an answer.
pub fn framed(message: &[u8]) -> Bytes {
    if message.is_empty() {
        return Bytes::from_static(&[0; HEAD]);
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[0][..], &length, message].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// A body in pieces.
    struct Pieces(VecDeque<Bytes>);

    impl hyper::body::Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(hyper::body::Frame::data(piece))))
        }
    }

    async fn message(body: Body, encoding: Encoding, cap: usize) -> Result<Bytes, Broken> {
        let rooms = Arc::new(Rooms::new(1 << 20));
        let mut room = rooms.enter();
        super::message(body, encoding, cap, &rooms, &mut room).await
    }

    async fn read(parts: &[&[u8]], encoding: Encoding) -> Result<Vec<u8>, Broken> {
        let body = Pieces(parts.iter().map(|p| Bytes::copy_from_slice(p)).collect());
        message(Body::new(body), encoding, 10).await.map(|m| m.to_vec())
    }

    #[tokio::test]
    async fn messages_come_in_any_pieces_and_lies_are_seen() {
        let none = Encoding::Identity;
        assert_eq!(read(&[b"\0\0\0\0\x03abc"], none).await, Ok(b"abc".to_vec()));
        let pieces: [&[u8]; 5] = [b"\0\0", b"\0\0\x03", b"a", b"", b"bc"];
        assert_eq!(read(&pieces, none).await, Ok(b"abc".to_vec()));
        assert_eq!(read(&[&framed(b"")], none).await, Ok(vec![]));
        let lies: [&[&[u8]]; 6] = [
            &[],
            &[b"\0\0\0"],
            &[b"\0\0\0\0\x04abc"],
            &[b"\0\0\0\0\x02abc"],
            &[b"\x02\0\0\0\x03abc"],
            &[b"\x01\0\0\0\x03abc"],
        ];
        for lie in lies {
            assert!(matches!(read(lie, none).await, Err(Broken::Encoding(_))), "{lie:?}");
        }
        assert_eq!(read(&[b"\0\0\0\0\x0b", b"a"], none).await, Err(Broken::TooLarge(10)));
        assert_eq!(read(&[b"\0\xff\xff\xff\xff"], none).await, Err(Broken::TooLarge(10)));
        let zeros = zstd::encode_all([0u8; 1_000].as_slice(), 1).expect("memory");
        assert!(zeros.len() < 20);
        let packed = [&[1][..], &(zeros.len() as u32).to_be_bytes(), &zeros].concat();
        let body = || Body::new(Pieces([Bytes::from(packed.clone())].into()));
        let cap = zeros.len();
        assert_eq!(message(body(), Encoding::Zstd, cap).await, Err(Broken::TooLarge(cap)));
        let whole = message(body(), Encoding::Zstd, 1_000).await.expect("it fits");
        assert_eq!(whole, vec![0; 1_000]);
    }
}
