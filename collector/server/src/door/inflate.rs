//! Decompression with a cap on what comes out: a bomb costs its cap and no more.

use hyper::HeaderMap;
use hyper::header::HeaderName;
use std::io::Read;

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

/// Decompresses a body to at most `cap` bytes.
///
/// # Errors
/// [`InflateError`].
fn inflate(body: Vec<u8>, encoding: Encoding, cap: usize) -> Result<Vec<u8>, InflateError> {
    match encoding {
        Encoding::Identity if body.len() > cap => Err(InflateError::TooLarge(cap)),
        Encoding::Identity => Ok(body),
        Encoding::Gzip => gunzip(&body, cap),
        Encoding::Deflate => read(flate2::read::ZlibDecoder::new(body.as_slice()), "zlib", cap),
        Encoding::Zstd => {
            let broken = |e: std::io::Error| InflateError::Broken("zstd", e.to_string());
            let mut decoder = zstd::Decoder::with_buffer(body.as_slice()).map_err(broken)?;
            // A frame may ask for a window of gigabytes: 8 MiB is what the format's readers owe.
            decoder.window_log_max(23).map_err(broken)?;
            read(decoder, "zstd", cap)
        }
    }
}

/// Decompresses gzip to at most `cap` bytes.
///
/// # Errors
/// [`InflateError`].
pub(crate) fn gunzip(body: &[u8], cap: usize) -> Result<Vec<u8>, InflateError> {
    read(flate2::read::MultiGzDecoder::new(body), "gzip", cap)
}

/// Unpacks on a thread where it may take its time: a bomb keeps one busy for as long as its cap takes.
///
/// # Errors
/// [`InflateError`].
pub async fn inflate_aside(
    body: Vec<u8>,
    encoding: Encoding,
    cap: usize,
) -> Result<Vec<u8>, InflateError> {
    let inflated = tokio::task::spawn_blocking(move || inflate(body, encoding, cap)).await;
    inflated.unwrap_or_else(|e| Err(InflateError::Broken("body", e.to_string())))
}

fn read(from: impl Read, name: &'static str, cap: usize) -> Result<Vec<u8>, InflateError> {
    let mut out = Vec::new();
    let mut from = from.take(cap as u64 + 1);
    from.read_to_end(&mut out).map_err(|e| InflateError::Broken(name, e.to_string()))?;
    if out.len() > cap { Err(InflateError::TooLarge(cap)) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

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
                inflate(body, encoding, 100).as_deref(),
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
            assert_eq!(inflate(bomb, encoding, 1 << 20), Err(InflateError::TooLarge(1 << 20)));
        }
        assert_eq!(inflate(zeros, Encoding::Identity, 1), Err(InflateError::TooLarge(1)));
    }

    #[test]
    fn cut_and_false_bodies_are_told_apart_from_large_ones() {
        let good = gzip(b"spans");
        for body in [good[..good.len() - 3].to_vec(), b"spans".to_vec(), Vec::new()] {
            let said = inflate(body, Encoding::Gzip, 100);
            assert!(matches!(said, Err(InflateError::Broken("gzip", _))), "{said:?}");
        }
        assert!(inflate(b"spans".to_vec(), Encoding::Zstd, 100).is_err());
    }
}
