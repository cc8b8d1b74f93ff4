//! Standard Webhooks signatures: secrets, and the headers made with them.
//!
//! Form: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
//! Does not know the time: the moment of the attempt is an argument. Asymmetric keys (`v1a`) are not
//! here.

use base64::Engine;
use base64::engine::DecodePaddingMode::Indifferent;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A key shared with a receiver. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Why a text is no secret. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// No `whsec_` before it.
    #[error("a webhook secret begins with \"whsec_\"; this one does not")]
    Prefix,
    /// What follows is not base64.
    #[error("behind \"whsec_\" stands no base64; copy the whole secret, without blanks")]
    Base64,
    /// Too short to protect, or too long to be meant.
    #[error(
        "a webhook secret holds 24 to 64 bytes, this one {0}: make one with \
         `echo whsec_$(openssl rand -base64 32)`"
    )]
    Length(usize),
}

/// Secrets are copied by hand: the padding may be missing.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(Indifferent),
);

impl Secret {
    /// Reads `whsec_<base64>`; blanks around it are ignored, as files end with a newline.
    ///
    /// # Errors
    /// [`BadSecret`]: another prefix, no base64, or not 24 to 64 bytes (the specification's bounds).
    pub fn parse(text: &str) -> Result<Self, BadSecret> {
        let coded = text.trim().strip_prefix("whsec_").ok_or(BadSecret::Prefix)?;
        let key = LENIENT.decode(coded).map_err(|_| BadSecret::Base64)?;
        if !(24..=64).contains(&key.len()) {
            return Err(BadSecret::Length(key.len()));
        }
        Ok(Self(key))
    }

    /// `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
    fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        // HMAC takes a key of any length: this cannot fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// `webhook-id`, `webhook-timestamp` and, where there are secrets, `webhook-signature`, with one
/// signature for each secret, so that a receiver may change its key while both are in use.
///
/// `id` stays the same over retries; `timestamp` is the attempt's, in seconds since the epoch, as
/// receivers refuse what is older than five minutes.
pub fn headers(
    id: &str,
    timestamp: u64,
    body: &[u8],
    secrets: &[Secret],
) -> Vec<(&'static str, String)> {
    let mut out = vec![("webhook-id", id.to_owned()), ("webhook-timestamp", timestamp.to_string())];
    if !secrets.is_empty() {
        let signatures: Vec<String> = secrets.iter().map(|s| s.sign(id, timestamp, body)).collect();
        out.push(("webhook-signature", signatures.join(" ")));
    }
    out
}
