//! Where events go: an address, its secrets and the kinds it wants.
//!
//! Checks the form of the address only. Which hosts may be reached is not decided here.

use hyper::Uri;
use longpole_exporters::webhook::Secret;
use longpole_model::finding::EventKind;

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub(super) uri: Uri,
    pub(super) secrets: Vec<Secret>,
    events: Vec<EventKind>,
}

/// Why an address is no target. Never repeats the address: its path may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// Not an absolute URL.
    #[error("not an absolute URL such as https://hooks.example.com/longpole")]
    Form,
    /// Neither `http:` nor `https:`.
    #[error("only http: and https: addresses can be called")]
    Scheme,
    /// Name and password before the host.
    #[error(
        "a user name or password in the address would end up in logs; remove it and set \
         \"secrets\", by which the receiver can check the signature"
    )]
    Userinfo,
}

impl Target {
    /// A target that wants the kinds in `events`, or all when that is empty.
    ///
    /// # Errors
    /// [`BadTarget`]: no absolute `http:` or `https:` URL, or one with a user name.
    pub fn new(url: &str, secrets: Vec<Secret>, events: Vec<EventKind>) -> Result<Self, BadTarget> {
        let uri: Uri = url.trim().parse().map_err(|_| BadTarget::Form)?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            Some(_) => return Err(BadTarget::Scheme),
            None => return Err(BadTarget::Form),
        }
        let authority = uri.authority().ok_or(BadTarget::Form)?;
        if authority.as_str().contains('@') {
            return Err(BadTarget::Userinfo);
        }
        if authority.host().is_empty() {
            return Err(BadTarget::Form);
        }
        Ok(Self { uri, secrets, events })
    }

    /// Whether it wants events of this kind.
    pub fn wants(&self, kind: EventKind) -> bool {
        self.events.is_empty() || self.events.contains(&kind)
    }

    /// The kinds it wants; empty means all.
    pub fn events(&self) -> &[EventKind] {
        &self.events
    }

    /// How many secrets sign what it gets.
    pub fn secrets(&self) -> usize {
        self.secrets.len()
    }

    /// Scheme, host and port. The path is left out: for many receivers it is the password.
    pub fn shown(&self) -> String {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let authority = self.uri.authority().map_or("", |a| a.as_str());
        let rest =
            if self.uri.path().len() > 1 || self.uri.query().is_some() { "/…" } else { "" };
        format!("{scheme}://{authority}{rest}")
    }

    pub(super) fn is_tls(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let target = |url| Target::new(url, vec![], vec![]);
        let shown = |url| target(url).map(|t| t.shown());
        assert_eq!(
            shown("https://h.example:8443/T0/s3cret?k=v").unwrap(),
            "https://h.example:8443/…"
        );
        assert_eq!(shown("http://[::1]:80").unwrap(), "http://[::1]:80");
        for bad in ["", "/x", "example.com", "https://", "http:///x", "a b"] {
            assert_eq!(target(bad), Err(BadTarget::Form), "{bad}");
        }
        assert_eq!(target("ftp://h/x"), Err(BadTarget::Scheme));
        assert_eq!(target("https://me:pass@h/x"), Err(BadTarget::Userinfo));
    }

    #[test]
    fn kinds() {
        let all = Target::new("http://h", vec![], vec![]).unwrap();
        let one = Target::new("http://h", vec![], vec![EventKind::Resolved]).unwrap();
        assert!(all.wants(EventKind::Updated) && all.wants(EventKind::Resolved));
        assert!(!one.wants(EventKind::Updated) && one.wants(EventKind::Resolved));
    }
}
