//! Decompression with a cap on what comes out, in room that is taken as it comes: a bomb costs its cap and no more.

mod growing;

pub use growing::Contexts;

use super::buffer::Buffer;
use super::room::{NoRoom, Room, Rooms};
use growing::Growing;
use hyper::HeaderMap;
use hyper::header::HeaderName;
use std::sync::Arc;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 1950.
    Deflate,
    /// RFC 8878.
    Zstd,
}

/// Why a body could not be decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// More than the cap came out.
    #[error("the request is larger than {0} bytes after decompression; send smaller batches")]
    TooLarge(usize),
    /// Not what its encoding says, or cut off.
    #[error("the body is not valid {0}: {1}")]
    Broken(&'static str, String),
}

/// Why a body was not unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotUnpacked {
    /// There is no room for what comes out.
    Full,
    /// It never will be.
    Bad(InflateError),
}

impl From<NoRoom> for NotUnpacked {
    fn from(why: NoRoom) -> Self {
        match why {
            NoRoom::Full => Self::Full,
            NoRoom::TooLarge(most) => Self::Bad(InflateError::TooLarge(most)),
        }
    }
}

impl From<InflateError> for NotUnpacked {
    fn from(bad: InflateError) -> Self {
        Self::Bad(bad)
    }
}

impl Encoding {
    /// What the header `name` says; `None` = not known.
    pub fn of(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        let value = headers.get(name).map_or(Ok(""), |v| v.to_str()).ok()?;
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" | "none" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" | "zlib" => Some(Self::Deflate),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Bodies and what they say they unpack to up to which unpacking is done where one stands.
const SMALL: (usize, usize) = (64 << 10, 256 << 10);
/// Unpacks a body to at most `cap` bytes: right here where it is small, else on a thread where it may take
/// its time, since a bomb keeps one busy for as long as its cap takes.
///
/// # Errors
/// [`InflateError`].
pub async fn unpack(
    rooms: &Arc<Rooms>,
    room: &mut Room,
    body: Vec<u8>,
    encoding: Encoding,
    cap: usize,
) -> Result<Vec<u8>, NotUnpacked> {
    if encoding == Encoding::Identity {
        return if body.len() > cap { Err(InflateError::TooLarge(cap).into()) } else { Ok(body) };
    }
    let (packed, unpacked) = SMALL;
    if body.len() <= packed && declared(&body, encoding).is_some_and(|n| n <= unpacked) {
        let within = cap.min(unpacked);
        match inflate(&rooms.contexts, room, &body, encoding, within) {
            // It said less than there is.
            Err(NotUnpacked::Bad(InflateError::TooLarge(n))) if n == within && within < cap => {}
            done => return done,
        }
    }
    let (all, mut own) = (Arc::clone(rooms), std::mem::replace(room, rooms.enter()));
    let work = move || {
        let done = inflate(&all.contexts, &mut own, &body, encoding, cap);
        (done, own)
    };
    let broken = |e: tokio::task::JoinError| InflateError::Broken("body", e.to_string());
    let (done, own) = rooms.aside(work).await.map_err(broken)?;
    *room = own;
    done
}

/// What a body says that it unpacks to; a hint, nobody has to believe it.
fn declared(body: &[u8], encoding: Encoding) -> Option<usize> {
    match encoding {
        Encoding::Gzip => {
            let last = body.last_chunk::<4>()?;
            usize::try_from(u32::from_le_bytes(*last)).ok()
        }
        Encoding::Zstd => {
            let size = zstd::zstd_safe::get_frame_content_size(body).ok()??;
            usize::try_from(size).ok()
        }
        Encoding::Identity | Encoding::Deflate => None,
    }
}

fn inflate(
    contexts: &Contexts,
    room: &mut Room,
    body: &[u8],
    encoding: Encoding,
    cap: usize,
) -> Result<Vec<u8>, NotUnpacked> {
    let expected = declared(body, encoding).unwrap_or_default();
    let bytes = Buffer::up_to(cap.saturating_add(1));
    let mut out = Growing { bytes, expected, cap, room: Some(room) };
    match encoding {
        Encoding::Identity => out.read(body, "nothing")?,
        Encoding::Gzip => out.read(flate2::bufread::MultiGzDecoder::new(body), "gzip")?,
        Encoding::Deflate => out.read(flate2::bufread::ZlibDecoder::new(body), "zlib")?,
        Encoding::Zstd => {
            let broken = |e: std::io::Error| InflateError::Broken("zstd", e.to_string());
            let mut context = contexts.take().map_err(broken)?;
            out.unzstd(&mut context, body)?;
            // Without a declared size it has made a window of its own, which is not kept.
            if expected > 0 {
                contexts.give_back(context);
            }
        }
    }
    Ok(out.bytes.into_bytes())
}

/// Decompresses gzip to at most `cap` bytes.
///
/// # Errors
/// [`InflateError`].
pub(crate) fn gunzip(body: &[u8], cap: usize) -> Result<Vec<u8>, InflateError> {
    let expected = declared(body, Encoding::Gzip).unwrap_or_default();
    let bytes = Buffer::up_to(cap.saturating_add(1));
    let mut out = Growing { bytes, expected, cap, room: None };
    match out.read(flate2::bufread::MultiGzDecoder::new(body), "gzip") {
        Ok(()) => Ok(out.bytes.into_bytes()),
        Err(NotUnpacked::Bad(bad)) => Err(bad),
        // Its room has no other bound.
        Err(NotUnpacked::Full) => Err(InflateError::TooLarge(cap)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn inflate(body: &[u8], encoding: Encoding, cap: usize) -> Result<Vec<u8>, InflateError> {
        let rooms = Arc::new(Rooms::new(1 << 30));
        let mut room = rooms.enter();
        let once = super::inflate(&rooms.contexts, &mut room, body, encoding, cap);
        let again = super::inflate(&rooms.contexts, &mut room, body, encoding, cap);
        assert_eq!(once, again, "a context that was used says what a new one says");
        once.map_err(|e| match e {
            NotUnpacked::Bad(bad) => bad,
            NotUnpacked::Full => panic!("there is room"),
        })
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        e.write_all(bytes).expect("memory");
        e.finish().expect("memory")
    }

    #[test]
    fn each_encoding_comes_back() {
        let text = b"spans spans spans spans".to_vec();
        let mut z = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        z.write_all(&text).expect("memory");
        let forms = [
            (Encoding::Identity, text.clone()),
            (Encoding::Gzip, gzip(&text)),
            (Encoding::Deflate, z.finish().expect("memory")),
            (Encoding::Zstd, zstd::encode_all(text.as_slice(), 1).expect("memory")),
        ];
        for (encoding, body) in forms {
            assert_eq!(
                inflate(&body, encoding, 100).as_deref(),
                Ok(text.as_slice()),
                "{encoding:?}"
            );
        }
    }

    #[test]
    fn a_bomb_stops_at_its_cap() {
        let zeros = vec![0; 64 << 20];
        let bombs = [
            (Encoding::Gzip, gzip(&zeros)),
            (Encoding::Zstd, zstd::encode_all(zeros.as_slice(), 3).expect("memory")),
        ];
        for (encoding, bomb) in bombs {
            assert!(bomb.len() < 100_000);
            assert_eq!(inflate(&bomb, encoding, 1 << 20), Err(InflateError::TooLarge(1 << 20)));
        }
        assert_eq!(inflate(&zeros, Encoding::Identity, 1), Err(InflateError::TooLarge(1)));
    }

    #[test]
    fn cut_and_false_bodies_are_told_apart_from_large_ones() {
        let good = gzip(b"spans");
        for body in [good[..good.len() - 3].to_vec(), b"spans".to_vec(), Vec::new()] {
            let said = inflate(&body, Encoding::Gzip, 100);
            assert!(matches!(said, Err(InflateError::Broken("gzip", _))), "{said:?}");
        }
        assert!(inflate(b"spans", Encoding::Zstd, 100).is_err());
    }

    #[test]
    fn several_frames_are_one_body_and_a_size_that_lies_changes_nothing() {
        let text = vec![7u8; 300_000];
        let sized = zstd::bulk::compress(&text, 1).expect("memory");
        let unsized_ = zstd::encode_all(text.as_slice(), 1).expect("memory");
        for (first, second) in [(&sized, &sized), (&sized, &unsized_), (&unsized_, &sized)] {
            let both = inflate(&[&first[..], second].concat(), Encoding::Zstd, 1 << 20);
            assert_eq!(both, Ok(vec![7u8; 600_000]));
        }
        assert!(inflate(&sized[..sized.len() - 1], Encoding::Zstd, 1 << 20).is_err());
        let (small, large) = (gzip(b"spans"), gzip(&text));
        let members = inflate(&[&large[..], &small].concat(), Encoding::Gzip, 1 << 20);
        assert_eq!(
            members.map(|m| m.len()),
            Ok(300_005),
            "the last member alone says how long it is"
        );
        assert_eq!(inflate(&large, Encoding::Gzip, 300_000).map(|m| m.len()), Ok(300_000));
        assert_eq!(inflate(&large, Encoding::Gzip, 299_999), Err(InflateError::TooLarge(299_999)));
    }

    #[tokio::test]
    async fn what_finds_no_room_may_come_again_and_gives_back_what_it_had() {
        let rooms = Arc::new(Rooms::new(16 << 20));
        let mut other = rooms.enter();
        other.take(10 << 20).expect("room");
        for bytes in [100 << 10, 4 << 20, 14 << 20] {
            for body in
                [gzip(&vec![0; bytes]), zstd::bulk::compress(&vec![0; bytes], 1).expect("memory")]
            {
                let encoding = if body[0] == 0x1f { Encoding::Gzip } else { Encoding::Zstd };
                let mut room = rooms.enter();
                let done = unpack(&rooms, &mut room, body, encoding, 64 << 20).await;
                match bytes >> 20 {
                    0 => assert_eq!(done.map(|b| b.len()), Ok(bytes)),
                    4 => assert_eq!(done, Err(NotUnpacked::Full)),
                    _ => {
                        assert!(matches!(done, Err(NotUnpacked::Full | NotUnpacked::Bad(_))))
                    }
                }
            }
            assert_eq!(rooms.used(), 10 << 20);
        }
    }
}
