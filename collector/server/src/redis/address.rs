//! Where Redis is, or who knows that, and who we are there: a URL that is used whole and shown without its secrets.

use super::sentinel::{Sentinels, hosts};
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};
use redis::{RedisConnectionInfo, RedisResult, TlsCertificates};

/// An address with what it takes to log in. Never shown with user or password.
#[derive(Clone)]
pub struct Address {
    info: ConnectionInfo,
    shown: String,
    authority: Option<Vec<u8>>,
    /// Who else leads to it, where it is a Cluster.
    others: Vec<(String, u16)>,
    sentinels: Option<Sentinels>,
}

/// Port where none is written.
const PORT: u16 = 6_379;

/// Why a text is no address. Repeats nothing of it: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Not a URL that leads to a server.
    #[error(
        "is no address of Redis: write redis://[user:password@]host[:port], or rediss:// for TLS; with \
         Sentinels redis+sentinel://[user:password@]host[:port][,host...]/master, or rediss+sentinel://; with \
         several nodes of a Cluster redis+cluster://[user:password@]host[:port][,host...], or rediss+cluster://"
    )]
    Form,
    /// Several servers, and nobody knows of what kind.
    #[error(
        "names several servers and not what they are: write redis+cluster://host,host for nodes of a Cluster, \
         redis+sentinel://host,host/master for Sentinels"
    )]
    Scheme,
    /// Another database.
    #[error("names a database; streams live in database 0: leave the number out")]
    Database,
}

impl Address {
    /// Reads a URL: `redis://` or `rediss://` (TLS), with user, password and port where needed; `redis+cluster://` and
    /// `rediss+cluster://`, with nodes of a Cluster, any of which will do; or `redis+sentinel://` and
    /// `rediss+sentinel://`, with Sentinels and the name of the master they watch. User and password are those of
    /// the servers that hold the streams.
    ///
    /// # Errors
    /// [`BadAddress`].
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let text = text.trim();
        let scheme = text.split("://").next().unwrap_or_default();
        if let Some((base, kind)) = scheme.split_once('+') {
            let rest = text.get(scheme.len() + 3..).unwrap_or_default();
            let (login, list) = rest.rsplit_once('@').map_or(("", rest), |(l, r)| (l, r));
            let at = if login.is_empty() { "" } else { "@" };
            let any = |host: &str| Self::parse(&format!("{base}://{login}{at}{host}"));
            return match kind {
                "sentinel" => {
                    let sentinels = Sentinels::parse(list).ok_or(BadAddress::Form)?;
                    let shown = format!("{scheme}://{}", sentinels.shown());
                    Ok(Self { shown, sentinels: Some(sentinels), ..any("sentinel")? })
                }
                "cluster" => {
                    let all = hosts(list, PORT).ok_or(BadAddress::Form)?;
                    let (host, port) = all.first().ok_or(BadAddress::Form)?;
                    let first = any(&format!("{host}:{port}"))?;
                    let shown: Vec<String> = all.iter().map(|(h, p)| format!("{h}:{p}")).collect();
                    let shown = format!("{scheme}://{}", shown.join(","));
                    Ok(Self { shown, others: all.into_iter().skip(1).collect(), ..first })
                }
                _ => Err(BadAddress::Form),
            };
        }
        if text.contains(',') {
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
        let (info, others) = (info.set_redis_settings(login), Vec::new());
        Ok(Self { info, shown, authority: None, others, sentinels: None })
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
        self.shown.starts_with("rediss")
    }

    /// Who knows where it is, where that has to be asked.
    pub(super) fn sentinels(&self) -> Option<&Sentinels> {
        self.sentinels.as_ref()
    }

    /// A place that is reached as this address is: with TLS, or without.
    pub(super) fn at(&self, host: &str, port: u16) -> ConnectionAddr {
        match self.is_tls() {
            true => ConnectionAddr::TcpTls {
                host: host.to_owned(),
                port,
                insecure: false,
                tls_params: None,
            },
            false => ConnectionAddr::Tcp(host.to_owned(), port),
        }
    }

    /// The places that it names: of several any will do.
    pub(super) fn places(&self) -> Vec<ConnectionAddr> {
        let others = self.others.iter().map(|(host, port)| self.at(host, *port));
        std::iter::once(self.info.addr().clone()).chain(others).collect()
    }

    /// A client for a place that it names, or that was found through it.
    ///
    /// # Errors
    /// Certificates that are none.
    pub(super) fn client(&self, at: ConnectionAddr) -> RedisResult<Client> {
        self.open(self.info.clone().set_addr(at))
    }

    /// A client for a place where nobody knows us.
    ///
    /// # Errors
    /// As [`Self::client`].
    pub(super) fn stranger(&self, at: ConnectionAddr) -> RedisResult<Client> {
        let nobody = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP2)
            .set_skip_set_lib_name();
        self.open(self.info.clone().set_addr(at).set_redis_settings(nobody))
    }

    fn open(&self, info: ConnectionInfo) -> RedisResult<Client> {
        match &self.authority {
            Some(pem) if self.is_tls() => {
                let certificates =
                    TlsCertificates { client_tls: None, root_cert: Some(pem.clone()) };
                Client::build_with_tls(info, certificates)
            }
            _ => Client::open(info),
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
    fn sentinels_are_named_with_their_master() {
        let a = Address::parse("rediss+sentinel://pen:PRIVATE@h,i:7/main").expect("an address");
        assert_eq!(a.shown(), "rediss+sentinel://h:26379,i:7/main");
        assert!(a.is_tls() && a.sentinels().is_some_and(|s| s.hosts.len() == 2));
        assert_eq!(a.info.redis_settings().username(), Some("pen"));
        assert!(a.client(a.at("j", 8)).is_ok());
        assert!(Address::parse("redis+sentinel://h/main").is_ok_and(|a| !a.is_tls()));
    }

    #[test]
    fn nodes_of_a_cluster_are_named() {
        let a = Address::parse("rediss+cluster://pen:PRIVATE@h,i:7").expect("an address");
        assert_eq!((a.shown(), a.is_tls()), ("rediss+cluster://h:6379,i:7", true));
        let places: Vec<String> = a.places().iter().map(ToString::to_string).collect();
        assert_eq!(places, ["h:6379", "i:7"]);
        assert_eq!(a.info.redis_settings().username(), Some("pen"));
        assert_eq!(Address::parse("redis://h:7").map(|a| a.places().len()), Ok(1));
    }

    #[test]
    fn what_is_no_address_is_told_without_repeating_it() {
        let cases = [
            ("", BadAddress::Form),
            ("localhost:6379", BadAddress::Form),
            ("http://h", BadAddress::Form),
            ("rediss://h#insecure", BadAddress::Form),
            ("redis://h/3", BadAddress::Database),
            ("redis+sentinel://h", BadAddress::Form),
            ("redis-sentinel://h/main", BadAddress::Form),
            ("redis+cluster://", BadAddress::Form),
            ("redis+cluster://h,", BadAddress::Form),
            ("redis+other://h", BadAddress::Form),
            ("redis://a,b", BadAddress::Scheme),
        ];
        for (text, want) in cases {
            assert_eq!(Address::parse(text), Err(want), "{text}");
        }
    }
}
