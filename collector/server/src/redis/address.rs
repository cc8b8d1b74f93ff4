//! Where Redis is and who we are there: a URL that is used whole and shown without its secrets.

use redis::{Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};
use redis::{RedisResult, TlsCertificates};

/// An address with what it takes to log in. Never shown with user or password.
#[derive(Clone)]
pub struct Address {
    info: ConnectionInfo,
    shown: String,
    authority: Option<Vec<u8>>,
}

/// Why a text is no address. Repeats nothing of it: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Not a URL that leads to a server.
    #[error(
        "is no address of Redis: write redis://[user:password@]host[:port], or rediss:// for TLS"
    )]
    Form,
    /// Sentinel or Cluster.
    #[error(
        "names Sentinel or Cluster, which this version does not speak: give the address of the \
         master, behind a name that moves with it"
    )]
    Scheme,
    /// Another database.
    #[error("names a database; streams live in database 0: leave the number out")]
    Database,
}

impl Address {
    /// Reads a URL: `redis://` or `rediss://` (TLS), with user, password and port where needed.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let text = text.trim();
        let scheme = text.split("://").next().unwrap_or_default();
        if scheme.contains("sentinel") || scheme.contains("cluster") || text.contains(',') {
            return Err(BadAddress::Scheme);
        }
        if !matches!(scheme, "redis" | "rediss") || text.contains('#') {
            return Err(BadAddress::Form);
        }
        let info = text.into_connection_info().map_err(|_| BadAddress::Form)?;
        if info.redis_settings().db() != 0 {
            return Err(BadAddress::Database);
        }
        let shown = format!("{scheme}://{}", info.addr());
        // No HELLO and no CLIENT SETINFO: the least rights that we ship hold neither.
        let login = info.redis_settings().clone();
        let login = login.set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
        Ok(Self { info: info.set_redis_settings(login), shown, authority: None })
    }

    /// The same with another password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        let login = self.info.redis_settings().clone().set_password(password);
        self.info = self.info.set_redis_settings(login);
        self
    }

    /// The same, its certificate checked against these (PEM) and not against the system's.
    #[must_use]
    pub fn with_authority(mut self, pem: Vec<u8>) -> Self {
        self.authority = Some(pem);
        self
    }

    /// Scheme, host and port.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.shown.starts_with("rediss:")
    }

    /// A client for it.
    ///
    /// # Errors
    /// Certificates that are none.
    pub(super) fn client(&self) -> RedisResult<Client> {
        match &self.authority {
            Some(pem) if self.is_tls() => {
                let certificates =
                    TlsCertificates { client_tls: None, root_cert: Some(pem.clone()) };
                Client::build_with_tls(self.info.clone(), certificates)
            }
            _ => Client::open(self.info.clone()),
        }
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        let login = |a: &Self| {
            let of = a.info.redis_settings();
            (of.username().map(str::to_owned), of.password().map(str::to_owned))
        };
        (&self.shown, &self.authority) == (&other.shown, &other.authority)
            && login(self) == login(other)
    }
}

impl Eq for Address {}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({})", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_used_whole_and_shown_without_secrets() {
        let a = Address::parse("redis://pen:PRIVATE@h.example:6380").expect("an address");
        assert_eq!(a.shown(), "redis://h.example:6380");
        assert_eq!(a.info.redis_settings().password(), Some("PRIVATE"));
        let other = a.clone().with_password("OTHER");
        assert!(other != a && !format!("{a:?}{other:?}").contains("PRIVATE"));
        assert_eq!(Address::parse("rediss://h").map(|a| a.is_tls()), Ok(true));
        assert_eq!(
            Address::parse(" redis://h ").map(|a| a.shown().to_owned()).as_deref(),
            Ok("redis://h:6379")
        );
    }

    #[test]
    fn what_is_no_address_is_told_without_repeating_it() {
        let cases = [
            ("", BadAddress::Form),
            ("localhost:6379", BadAddress::Form),
            ("http://h", BadAddress::Form),
            ("rediss://h#insecure", BadAddress::Form),
            ("redis://h/3", BadAddress::Database),
            ("redis+sentinel://h/main", BadAddress::Scheme),
            ("redis://a,b", BadAddress::Scheme),
        ];
        for (text, want) in cases {
            assert_eq!(Address::parse(text), Err(want), "{text}");
        }
    }
}
